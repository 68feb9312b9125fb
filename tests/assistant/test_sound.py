"""What is done about echo, as the configuration says it."""

from __future__ import annotations

import sys
from types import SimpleNamespace

import pytest
from prometheus_client import CollectorRegistry

from tests.support.stage import StageBackend
from vivavoce.assistant import sound
from vivavoce.assistant.config import load_config
from vivavoce.assistant.echo_metrics import EchoMetrics
from vivavoce.assistant.errors import UserError
from vivavoce.assistant.switched_sound import open_switched_sound
from vivavoce.streaming.device_file import FileBackend
from vivavoce.streaming.frames import Pcm
from vivavoce.streaming.front_end import FrontEnd
from vivavoce.streaming.reference import Reference


@pytest.fixture
def without_livekit(monkeypatch):
    monkeypatch.setitem(sys.modules, "livekit.rtc", None)


class Deaf:
    """A conversation that keeps nothing."""

    engaged = False

    async def hear(self, pcm: Pcm, playing: bool = False) -> None:
        pass

    async def forget(self, by_hand: bool) -> None:
        pass

    async def answer(self) -> None:
        pass

    async def interrupt(self, by_hand: bool) -> None:
        pass


def rung(monkeypatch, **audio: object) -> str:
    monkeypatch.setattr(sound, "try_backend", lambda name: FileBackend(pace=0))
    config = load_config(preset="test", overrides={"audio": audio})
    with sound.open_sound_card(config.audio, lambda pcm: None) as card:
        return card.front_end.kind


def test_metrics_say_what_is_done_and_how_well():
    canceller = SimpleNamespace(kind="apm", reply_gain=1.0, erle_db=None)
    front_end = FrontEnd(lambda frame: None, Reference(48_000), canceller)
    registry = CollectorRegistry()
    registry.register(EchoMetrics(front_end))

    def value(name: str, **labels: str) -> float | None:
        return registry.get_sample_value(f"vivavoce_{name}", labels)

    assert value("echo_reduced_db") is None, "not known yet"
    canceller.erle_db = 31.5
    assert value("echo_reduced_db") == 31.5
    for kind in ("apm", "duck"):
        canceller.kind = kind
        assert value("echo_canceller", kind="apm") == (kind == "apm")
        assert value("echo_canceller", kind="duck") == (kind == "duck")


def test_the_best_way_is_the_default(monkeypatch, caplog):
    pytest.importorskip("livekit.rtc")
    assert rung(monkeypatch) == "apm"
    assert not caplog.records


def test_without_a_canceller_replies_are_ducked_and_the_log_says_so(
    monkeypatch, caplog, without_livekit
):
    assert rung(monkeypatch) == "duck"
    assert "needs the package livekit: pip install livekit" in caplog.text
    assert "grow softer" in caplog.text


@pytest.mark.parametrize("kind", ["duck", "half_duplex", "none"])
def test_each_way_can_be_asked_for(monkeypatch, caplog, without_livekit, kind):
    assert rung(monkeypatch, echo=kind) == kind
    assert not caplog.records


@pytest.mark.parametrize(
    "wanted",
    [
        {"echo": "apm"},
        {"echo": "none", "noise_suppression": True},
        {"echo": "duck", "gain_control": True},
    ],
)
def test_what_was_asked_for_by_name_and_is_not_there_is_one_sentence(
    monkeypatch, without_livekit, wanted
):
    with pytest.raises(UserError, match=r"^\w.+ package livekit: pip install livekit\.$"):
        rung(monkeypatch, **wanted)


async def test_the_microphone_is_closed_until_it_is_told_to_be_open(monkeypatch, tmp_path):
    stage = StageBackend(tmp_path / "played.wav")
    monkeypatch.setattr(sound, "try_backend", lambda name: stage)
    config = load_config(preset="test")
    told: list[tuple[str, int]] = []
    card, microphone = await open_switched_sound(
        config.audio,
        config.microphone,
        on_change=lambda now: told.append((now.state, stage.n_open)),
    )
    with card:
        assert (microphone.status.state, stage.n_open) == ("muted", 0)
        await microphone.begin(card, Deaf())
        assert (microphone.status.state, stage.n_open) == ("open", 1)
    assert told[0] == ("open", 0), "told first, opened then"
    assert card.report().microphone.n_reopened == 0
    microphone.close()


@pytest.mark.parametrize(
    ("echo", "chime", "rings"),
    [("none", "wake_word", True), ("none", "never", False), ("half_duplex", "always", False)],
)
async def test_the_chime_is_silent_where_the_command_would_be_lost_beside_it(
    monkeypatch, echo, chime, rings
):
    monkeypatch.setattr(sound, "try_backend", lambda name: FileBackend(pace=0))
    wanted = {"audio": {"echo": echo}, "microphone": {"chime": chime}}
    config = load_config(preset="test", overrides=wanted)
    card, microphone = await open_switched_sound(config.audio, config.microphone)
    with card:
        rung: list[bool] = []
        monkeypatch.setattr(card.playout.chime, "ring", lambda: rung.append(True))
        if microphone.chime is not None:
            microphone.chime()
        assert bool(rung) == rings
        assert microphone.chimes_for_button == (chime == "always")
    microphone.close()
