"""`vivavoce talk` at the devices: its loudspeaker, and what it tells the daemon of it."""

from __future__ import annotations

import numpy as np

from tests.streaming.test_playout import Device
from tests.support.scripted_daemon import scripted_daemon
from vivavoce.assistant.client import Connection, Conversation
from vivavoce.assistant.client.conversation import RATE_HZ
from vivavoce.assistant.client.hearer import WireHearer
from vivavoce.assistant.commands.talk_live import CardSpeaker
from vivavoce.assistant.hearing import Hearing
from vivavoce.streaming.playout import Drained


def sound(seconds: float) -> np.ndarray:
    return np.full(round(seconds * RATE_HZ), 0.5, np.float32)


def test_the_last_item_is_played_to_its_last_sample():
    device = Device()
    speaker = CardSpeaker(device.playout)
    speaker.play("a", sound(0.1))
    speaker.play("b", sound(0.1))
    speaker.finish("b")
    device.run(0.4)
    assert device.playout.notices() == [Drained(0, 2400), Drained(1, 2400)]
    assert np.count_nonzero(np.abs(device.played) > 0.1) >= 0.2 * 48_000 - 20
    assert speaker.stop() is None, "all of it was heard"
    assert device.playout.n_starved == 0


def test_what_the_device_still_holds_is_not_counted_as_heard():
    device = Device(latency_s=0.1)
    speaker = CardSpeaker(device.playout)
    assert speaker.stop() is None
    speaker.play("a", sound(0.2))
    speaker.finish("a")
    device.run(0.22)
    assert speaker.left_s == 0, "the device has taken it all"
    stopped = speaker.stop()
    assert stopped is not None and stopped[0] == "a" and abs(stopped[1] - 120) <= 10
    speaker.play("a", sound(0.1))
    assert speaker.stop() is None and speaker.left_s == 0, "it was stopped and told of once"
    speaker.play("b", sound(0.1))
    assert speaker.left_s > 0


async def test_the_daemon_is_told_when_the_loudspeaker_sounds(monkeypatch):
    told: list[bool] = []
    monkeypatch.setattr(Hearing, "far_end", lambda self, active: told.append(active))
    quiet = np.zeros(320, np.float32)
    async with scripted_daemon() as daemon:
        connection = await Connection.open(daemon.url)
        async with Conversation(connection, microphone=False) as conversation:
            hearer = WireHearer(conversation)
            for playing in (False, True, True, False):
                await hearer.hear(quiet, playing)
            await conversation.update_session({})
    assert told == [True, False], "when it changes"
