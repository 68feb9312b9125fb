"""The first suspicion beside a loudspeaker: raised quickly, and taken back when nobody agrees."""

from __future__ import annotations

from vivavoce.streaming.alarm import Alarm, AlarmSettings
from vivavoce.streaming.vad import Voicing

SETTINGS = AlarmSettings(
    suspect_ms=40, least_dbfs=-47.0, quiet_ms=150, patience_ms=450, calm_ms=200
)


def changes(alarm: Alarm, pattern: str, armed: bool = True, dbfs: float = -30.0) -> str:
    """What each frame of 10 ms changes: `#` voiced, `.` not; r raised, c cleared, - nothing."""
    told = ""
    for number, mark in enumerate(pattern):
        start = 160 * (number + getattr(alarm, "n_fed", 0))
        change = alarm.step(Voicing(start, start + 160, float(mark == "#"), dbfs), armed)
        told += "-" if change is None else change[0]
    alarm.n_fed = getattr(alarm, "n_fed", 0) + len(pattern)  # type: ignore[attr-defined]
    return told


def test_it_is_raised_by_forty_milliseconds_of_voice():
    alarm = Alarm(SETTINGS)
    assert changes(alarm, "...####") == "------r"
    assert alarm.raised


def test_closed_frames_count_against_it():
    assert "r" not in changes(Alarm(SETTINGS), "##.#.##..#.#.#.##..")


def test_what_is_softer_than_any_voice_raises_nothing():
    assert "r" not in changes(Alarm(SETTINGS), "#" * 50, dbfs=-50.0)


def test_it_is_raised_only_while_armed():
    alarm = Alarm(SETTINGS)
    assert "r" not in changes(alarm, "#" * 50, armed=False)
    assert changes(alarm, "#") == "r"


def test_silence_clears_it():
    alarm = Alarm(SETTINGS)
    assert changes(alarm, "####" + "." * 15) == "---r" + "-" * 14 + "c"
    assert not alarm.raised


def test_it_does_not_wait_for_ever_for_agreement():
    told = changes(Alarm(SETTINGS), "#" * 100)
    assert told.index("c") - told.index("r") == 45
    assert told.count("r") == 1, "what never pauses is no voice"


def test_it_is_raised_anew_after_a_calm_moment():
    alarm = Alarm(SETTINGS)
    changes(alarm, "#" * 60)
    assert "r" not in changes(alarm, "." * 19 + "#" * 10)
    assert changes(alarm, "." * 20 + "####").endswith("r")


def test_agreement_ends_it_without_a_word():
    alarm = Alarm(SETTINGS)
    changes(alarm, "####")
    alarm.agree()
    assert not alarm.raised
    assert set(changes(alarm, "." * 30)) == {"-"}
