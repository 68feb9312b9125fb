"""Devices that come and go, for real: each direction has a sound server that can be stopped."""

from __future__ import annotations

import importlib.util
import threading
import time
from collections.abc import Callable, Iterator

import numpy as np
import pytest

from tests.streaming.sounds import tone
from tests.support import virtual_audio
from tests.support.virtual_audio import RATE_HZ, VirtualCard
from vivavoce.streaming import soundcard
from vivavoce.streaming.devices import (
    Backend,
    DeviceUnavailable,
    Xruns,
    choose,
    make_backend,
)
from vivavoce.streaming.frames import Frame
from vivavoce.streaming.playout import Drained
from vivavoce.streaming.soundcard import SoundCard

pytestmark = [
    pytest.mark.audio_live,
    pytest.mark.skipif(virtual_audio.missing() is not None, reason=str(virtual_audio.missing())),
]


@pytest.fixture(params=["sounddevice", "pyaudio"])
def kind(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    if importlib.util.find_spec(request.param) is None:
        pytest.skip(f"{request.param} is not installed")
    monkeypatch.setattr(soundcard, "_LOOK_AFTER_S", 0.2)
    monkeypatch.setattr(soundcard, "_LOOK_AT_LEAST_EVERY_S", 0.5)
    # on a machine that stands still now and then, storms would open streams anew as well
    monkeypatch.setattr(Xruns, "storm", lambda xruns: False)
    return str(request.param)


@pytest.fixture
def halves() -> Iterator[VirtualCard]:
    """A loudspeaker that is there and a microphone that is not yet."""
    card = VirtualCard(halves=True, unplugged=("microphone",))
    try:
        with virtual_audio.seen_by_portaudio(card):
            yield card
    finally:
        card.close()


def backend_of(kind: str) -> Backend:
    """PortAudio counts who has initialised it: here the library under test must be the only one."""
    import sounddevice

    if kind == "pyaudio":
        sounddevice._terminate()
    try:
        return make_backend(kind)  # type: ignore[arg-type]
    finally:
        if kind == "pyaudio":
            sounddevice._initialized += 1  # what the fixture's end takes back


def eventually(condition: Callable[[], bool], within_s: float = 30.0) -> bool:
    deadline = time.monotonic() + within_s
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.02)
    return condition()


@pytest.mark.slow
def test_a_conversation_survives_devices_that_come_and_go(kind, halves, caplog):
    """The microphone is plugged in late, unplugged and plugged in again, during one long reply;
    then the loudspeaker goes and returns.
    """
    caplog.set_level("INFO")
    backend = backend_of(kind)
    with pytest.raises(DeviceUnavailable, match="no device fits the microphone 'va_mic'"):
        choose(backend.devices(), "va_mic", output=False)
    frames: list[Frame] = []
    notices: list[object] = []
    with SoundCard(
        backend,
        frames.append,
        notices.append,
        microphone="va_mic",
        loudspeaker="va_speaker",
        patient=True,
    ) as card:
        _speak_for(card, 1, 60.0)
        assert not card.microphone_open
        n_silent = len(frames)
        assert eventually(lambda: len(frames) > n_silent + 10), "silence is captured meanwhile"

        halves.plug_in("microphone")
        assert eventually(lambda: card.microphone_open)
        assert _hears(card, frames, halves)
        assert card.report().loudspeaker.n_reopened == 1, "once, to let PortAudio look anew"

        halves.unplug("microphone")
        assert eventually(lambda: not card.microphone_open)
        n_frames, heard = len(frames), card.playout.heard(1)
        assert eventually(lambda: len(frames) > n_frames + 25), "time goes on"
        assert not any(frame.pcm.any() for frame in frames[n_frames + 10 :])
        assert card.playout.heard(1) > heard, "the reply goes on"

        halves.plug_in("microphone")
        assert eventually(lambda: card.microphone_open)
        assert _hears(card, frames, halves)
        report = card.report()
        assert (report.microphone.n_gone, report.microphone.n_reopened) == (1, 1)
        assert report.loudspeaker.n_reopened == 1, "a device that was known before disturbs nobody"
        assert report.microphone.device is not None
        assert report.microphone.device.name == "va_mic"

        halves.unplug("speaker")
        assert eventually(lambda: card.report().loudspeaker.device is None)
        assert card.microphone_open
        card.playout.stop()
        _speak_for(card, 2, 0.2)
        assert eventually(lambda: Drained(2, 0) in notices), "a reply ends without a loudspeaker"
        halves.plug_in("speaker")
        assert eventually(lambda: card.report().loudspeaker.device is not None)
        _speak_for(card, 3, 0.2)
        assert eventually(lambda: Drained(3, 9600) in notices)
    gaps = np.diff([frame.start for frame in frames])
    assert (gaps == 320).all(), "no frame is missing or twice in the count of samples"
    for line in ("microphone is gone", "microphone is open again", "loudspeaker is gone"):
        assert line in caplog.text


def test_a_stalled_device_is_noticed_and_closing_does_not_hang(kind, halves):
    backend = backend_of(kind)
    index = choose(backend.devices(), "va_speaker", output=True).index
    with SoundCard(backend, lambda frame: None, loudspeaker=index, patient=True) as card:
        halves.suspend("speaker", True)
        assert eventually(lambda: card.report().loudspeaker.n_gone == 1)
        halves.suspend("speaker", False)
        assert eventually(lambda: card.report().loudspeaker.device is not None)
        halves.suspend("speaker", True)
        closing = threading.Thread(target=card.close)
        closing.start()
        closing.join(timeout=10)
        assert not closing.is_alive()


def _speak_for(card: SoundCard, generation: int, seconds: float) -> None:
    card.playout.open(generation, RATE_HZ)
    card.playout.write(generation, tone(seconds, 440, RATE_HZ))
    card.playout.finish(generation)


def _hears(card: SoundCard, frames: list[Frame], halves: VirtualCard) -> bool:
    """Whether what is said at the microphone comes in as frames."""
    n_before = len(frames)
    halves.say(tone(1.0, 1000, RATE_HZ))
    return eventually(lambda: any(np.abs(f.pcm).max() > 0.2 for f in frames[n_before:]), 8.0)
