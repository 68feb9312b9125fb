"""How the ear waits: by what the model says, by the speaker, after questions, beside music."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.streaming.sounds import at_level, human, noise, silence, vowel
from vivavoce.assistant import hearing as hearing_module
from vivavoce.assistant.core.events import (
    SpeechDenied,
    SpeechEnded,
    SpeechEvent,
    SpeechPaused,
    SpeechResumed,
    SpeechStarted,
    SpeechSuspected,
)
from vivavoce.assistant.hearing import Hearing, beside_a_loudspeaker
from vivavoce.streaming.endpoint import EndpointSettings
from vivavoce.streaming.frames import Pcm
from vivavoce.streaming.patience import AFTER_QUESTION, BOUNDS, Patience
from vivavoce.streaming.vad import silero_available

needs_silero = pytest.mark.skipif(
    not silero_available(), reason="the extra [silero] is not installed"
)
SEMANTIC = Patience("semantic")
WAITS = BOUNDS["auto"]
RELEASE_MS = 110
"""So late the detector may take the end of a sound for one."""


def hearing(patience: Patience = SEMANTIC, **settings: int) -> Hearing:
    return Hearing(EndpointSettings(**settings), "webrtc", patience)


def hear(ear: Hearing, *sounds: Pcm) -> list[SpeechEvent]:
    pcm = np.concatenate(sounds)
    return [e for at in range(0, len(pcm), 320) for e in ear.feed(pcm[at : at + 320])]


def speak(ear: Hearing, *, until_paused: bool = True) -> None:
    """The user says something and has paused for a moment."""
    events = hear(ear, silence(0.5), vowel(0.8), silence(0.35 if until_paused else 0.0))
    assert any(isinstance(event, SpeechPaused) for event in events) == until_paused


def waited_ms(ear: Hearing) -> float:
    """How much silence more, and what was since the words, ends the turn."""
    ends = [e for e in hear(ear, silence(4.5)) if isinstance(e, SpeechEnded)]
    assert len(ends) == 1
    return (ends[0].at - ends[0].end) / 16


@pytest.mark.parametrize(
    ("complete", "wait_ms"), [(1.0, WAITS.early), (0.0, WAITS.late), (None, WAITS.usual)]
)
def test_the_silence_that_ends_a_turn_follows_the_models_opinion(complete, wait_ms):
    ear = hearing()
    speak(ear)
    ear.judged(complete)
    assert waited_ms(ear) == pytest.approx(wait_ms, abs=20)


def test_an_opinion_that_comes_late_ends_the_turn_at_once():
    ear = hearing()
    speak(ear)
    hear(ear, silence(0.1))
    ear.judged(1.0)
    assert [type(e) for e in hear(ear, silence(0.02))] == [SpeechEnded]


def test_an_opinion_is_of_one_pause_only():
    ear = hearing()
    speak(ear)
    ear.judged(0.0)
    events = hear(ear, silence(0.3), vowel(0.4))
    assert [type(e) for e in events] == [SpeechResumed]
    assert waited_ms(ear) == pytest.approx(WAITS.usual, abs=20)
    speak(ear)
    assert ear.settings.silence_ms == WAITS.usual


def test_by_silence_an_opinion_changes_nothing():
    ear = hearing(Patience("silence"), silence_ms=700)
    speak(ear)
    ear.judged(1.0)
    ear.asked(True)
    assert waited_ms(ear) == pytest.approx(700, abs=20)


def test_after_a_question_one_turn_is_waited_for_longer():
    ear = hearing()
    ear.asked(True)
    assert ear.answers
    speak(ear)
    assert waited_ms(ear) == pytest.approx(AFTER_QUESTION * WAITS.usual, abs=20)
    assert not ear.answers
    speak(ear)
    assert waited_ms(ear) == pytest.approx(WAITS.usual, abs=20)


def test_a_speaker_who_pauses_long_is_waited_for_longer_after_some_turns():
    ear, waits = hearing(), []
    for _ in range(6):
        speak(ear)
        ear.judged(0.0)
        events = hear(ear, silence(0.6), vowel(0.6))
        assert [type(e) for e in events] == [SpeechResumed]
        hear(ear, silence(4.0))
        waits.append(ear.settings.silence_ms)
    assert waits[0] == WAITS.usual
    assert waits[-1] >= 1.5 * WAITS.usual
    ear.configure(EndpointSettings(), "webrtc", replace(SEMANTIC, learn_pauses=False), 0)
    assert ear.settings.silence_ms == WAITS.usual


def test_changes_take_effect_in_the_middle_of_a_pause():
    ear = hearing(Patience("silence"), silence_ms=2000)
    speak(ear)
    assert hear(ear, silence(0.3)) == []
    ear.judged(1.0)
    assert ear.configure(EndpointSettings(), "webrtc", SEMANTIC, 0) == []
    assert [type(e) for e in hear(ear, silence(0.02))] == [SpeechEnded]
    speak(ear)
    ear.configure(EndpointSettings(silence_ms=900), "webrtc", Patience("silence"), 0)
    assert waited_ms(ear) == pytest.approx(900, abs=20)


@needs_silero
def test_another_detector_in_mid_turn_ends_it_and_keeps_the_speaker():
    ear = hearing()
    ear.asked(True)
    speak(ear, until_paused=False)
    ended = ear.configure(EndpointSettings(), "silero", SEMANTIC, 50_000)
    assert [type(e) for e in ended] == [SpeechPaused, SpeechEnded]
    events = hear(ear, human())
    started = next(e for e in events if isinstance(e, SpeechStarted))
    assert started.start >= 50_000


# --- while the loudspeaker sounds ------------------------------------------------------------


def blip() -> Pcm:
    """Residue of an echo: a soft scrap of voice."""
    return at_level(vowel(0.13), -38)


def starts(events: list[SpeechEvent]) -> int:
    return sum(isinstance(event, SpeechStarted) for event in events)


def with_echo(kind: str = "auto") -> Hearing:
    return Hearing(EndpointSettings(), kind, SEMANTIC, echo=True)  # type: ignore[arg-type]


def test_beside_a_loudspeaker_scraps_of_voice_are_not_speech():
    quiet, loud = hearing(), with_echo()
    loud.far_end(True)
    scraps = [np.concatenate((blip(), silence(0.6)))] * 6
    assert starts(hear(quiet, silence(0.5), *scraps)) >= 5
    assert starts(hear(loud, silence(0.5), *scraps)) == 0


def test_beside_a_loudspeaker_a_person_is_still_heard_soon():
    for seconds in (0.5, 4.0):  # while the canceller learns, and after
        ear = with_echo()
        ear.far_end(True)
        assert starts(hear(ear, noise(seconds, -60))) == 0
        begin = int(seconds * 16_000)
        events = hear(ear, human() + noise(len(human()) / 16_000, -60))
        first = next(e for e in events if isinstance(e, SpeechStarted))
        voiced = begin + int(0.48 * 16_000)  # by its energy
        assert (first.at - voiced) / 16 <= (500 if seconds < 3 else 350)
        assert first.start <= voiced


def test_it_is_strictest_while_the_canceller_does_not_know_the_room():
    ear = with_echo()
    ear.far_end(True)
    unsure = ear.settings
    hear(ear, silence(4.9))
    assert ear.settings == unsure
    hear(ear, silence(0.2))
    sure = ear.settings
    assert sure.onset_ms < unsure.onset_ms
    assert sure.on_threshold < unsure.on_threshold
    ear.far_end(False)
    assert ear.settings == replace(EndpointSettings(), silence_ms=WAITS.usual)
    ear.far_end(True)
    assert ear.settings == sure


@needs_silero
def test_a_light_detector_cries_first_and_is_overruled_when_nobody_agrees():
    ear = with_echo("silero")
    ear.far_end(True)
    hear(ear, silence(5.5))
    told = hear(ear, vowel(0.12), silence(1.0))
    assert [type(event) for event in told] == [SpeechSuspected, SpeechDenied]
    assert told[0].at / 16_000 == pytest.approx(5.5, abs=0.13)
    assert told[1].at > told[0].at


def test_an_alarm_that_was_right_is_told_once():
    ear = with_echo()
    ear.far_end(True)
    hear(ear, noise(5.5, -60))
    told = hear(ear, human() + noise(len(human()) / 16_000, -60))
    kinds = [type(event) for event in told]
    started = kinds.index(SpeechStarted)
    assert kinds[:started] == [SpeechSuspected]
    assert told[started].at - told[0].at < 16_000 * 0.35


def test_no_alarm_while_the_canceller_does_not_know_the_room_or_nothing_sounds():
    ear = with_echo("silero")
    ear.far_end(True)
    assert hear(ear, silence(0.5), vowel(0.08), silence(0.5)) == []
    quiet = with_echo("silero")
    hear(quiet, silence(5.5))
    assert not quiet._alarm.raised
    hear(quiet, vowel(0.08))
    assert not quiet._alarm.raised


@needs_silero
@pytest.mark.parametrize("yields", [True, False])
def test_no_alarm_where_the_reply_and_its_echo_would_go_on(yields):
    ear = with_echo("silero")
    ear.yields = yields
    ear.far_end(True)
    hear(ear, silence(5.5), vowel(0.12))
    assert ear._alarm.raised == yields
    assert (ear._vad.kind == "webrtc") == yields, "or a light detector would judge the echo"


def test_settings_stricter_than_the_loudspeaker_asks_for_stay():
    own = EndpointSettings(on_threshold=0.9, off_threshold=0.8, onset_ms=400, suspect_ms=300)
    strict = beside_a_loudspeaker(own, unsure=True)
    assert (strict.on_threshold, strict.off_threshold) == (0.9, 0.8)
    assert (strict.onset_ms, strict.suspect_ms) == (400, 300)


def test_the_detector_asked_for_judges_beside_the_loudspeaker_too():
    ear = with_echo("webrtc")
    ear.far_end(True)
    assert ear._vad.kind == "webrtc"
    ear.restart(0)  # detection was off for a while
    assert ear._vad.kind == "webrtc"


@needs_silero
def test_a_light_detector_stands_beside_the_neural_one_and_each_is_made_once(monkeypatch):
    made: list[str] = []
    make = hearing_module.make_vad
    monkeypatch.setattr(hearing_module, "make_vad", lambda kind: made.append(kind) or make(kind))
    assert with_echo("silero")._vad.kind == "silero"
    assert made == ["silero", "webrtc", "webrtc"], "the third one cries first"


def test_speech_across_the_end_of_a_reply_is_one_turn():
    ear = with_echo("webrtc")
    ear.far_end(True)
    voice = np.concatenate((silence(4.0), vowel(1.0)))
    events = hear(ear, voice)
    ear.far_end(False)
    events += hear(ear, vowel(0.6), silence(1.0))
    kinds = [type(e) for e in events if isinstance(e, SpeechStarted | SpeechEnded)]
    assert kinds == [SpeechStarted, SpeechEnded]
    end = next(e for e in events if isinstance(e, SpeechEnded)).end
    assert end / 16_000 == pytest.approx(5.6, abs=RELEASE_MS / 1000)


@pytest.mark.parametrize(
    ("playing", "after_s", "may_be_echo"),
    [(True, 0.5, True), (True, 5.5, False), (False, 0.5, False)],
)
def test_speech_beside_a_loudspeaker_that_just_began_may_be_its_echo(playing, after_s, may_be_echo):
    ear = with_echo()
    ear.far_end(playing)
    hear(ear, noise(after_s, -60))
    told = hear(ear, human() + noise(len(human()) / 16_000, -60))
    started = [event for event in told if isinstance(event, SpeechStarted)]
    assert started and all(event.may_be_echo == may_be_echo for event in started)


def test_an_echo_that_counts_only_once_the_loudspeaker_is_silent_is_still_one():
    ear = with_echo()
    ear.far_end(True)
    told = hear(ear, silence(1.0), vowel(0.2), silence(0.1))
    assert not [event for event in told if isinstance(event, SpeechStarted)]
    ear.far_end(False)
    told = hear(ear, vowel(0.2), silence(0.5))
    assert [event.may_be_echo for event in told if isinstance(event, SpeechStarted)] == [True]
