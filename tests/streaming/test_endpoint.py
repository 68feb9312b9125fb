from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.streaming.sounds import cut, human, noise, silence, spoken, vowel
from tests.streaming.test_vad import every_kind, truth, with_pauses
from vivavoce.streaming.endpoint import (
    Confirmed,
    Ended,
    Endpoint,
    EndpointEvent,
    EndpointSettings,
    Resumed,
    SoftEnd,
    SpeechDetector,
    SpeechStarted,
    Unvoiced,
    Voiced,
)
from vivavoce.streaming.vad import Voicing, make_vad

FRAME = 160  # 10 ms


def voicings(picture: str, start: int = 0) -> list[Voicing]:
    """One frame a sign: `#` speech, `.` silence, `~` neither, `,` speech too soft to count."""
    probability = {"#": 0.9, ".": 0.1, "~": 0.4, ",": 0.9}
    level = {"#": -20.0, ".": -60.0, "~": -30.0, ",": -60.0}
    return [
        Voicing(start + i * FRAME, start + (i + 1) * FRAME, probability[sign], level[sign])
        for i, sign in enumerate(picture)
    ]


def run(picture: str, settings: EndpointSettings | None = None) -> list[EndpointEvent]:
    endpoint = Endpoint(settings)
    return [event for voicing in voicings(picture) for event in endpoint.step(voicing)]


def ms(n: int) -> int:
    return n * 16


def test_a_plain_utterance_brings_every_event_at_its_sample():
    events = run("." * 50 + "#" * 40 + "." * 60)
    assert events == [
        Voiced(at=ms(530), first_voiced=ms(500)),
        SpeechStarted(at=ms(590), start=ms(200), first_voiced=ms(500)),
        Confirmed(at=ms(700), first_voiced=ms(500), voiced_samples=ms(200)),
        SoftEnd(at=ms(1100), end=ms(900)),
        Ended(at=ms(1400), start=ms(200), end=ms(900), reason="silence"),
    ]


def test_a_click_raises_suspicion_and_lays_it():
    assert run("....####" + "." * 20) == [
        Voiced(at=ms(70), first_voiced=ms(40)),
        Unvoiced(at=ms(120)),
    ]


def test_a_click_shorter_than_a_suspicion_is_not_even_noticed():
    assert run("....##..##....#....") == []


def test_the_onset_counter_leaks_but_forgives_a_gap():
    events = run("#####.#####")
    assert events[1] == SpeechStarted(at=ms(110), start=0, first_voiced=0)


def test_between_the_thresholds_the_gate_stays_as_it_is():
    assert run("~" * 100) == []
    assert [type(e) for e in run("#" * 10 + "~" * 100)] == [Voiced, SpeechStarted, Confirmed]


def test_what_is_softer_than_the_limit_is_no_speech():
    limit = EndpointSettings(least_dbfs=-45.0)
    assert run("," * 100, limit) == []
    assert run("#" * 30 + "," * 60, limit) == run("#" * 30 + "." * 60)
    assert run("," * 100) == run("#" * 100)


def test_who_changes_the_settings_at_an_event_changes_what_follows_in_the_same_sound():
    detector = SpeechDetector(make_vad("webrtc"), EndpointSettings(silence_ms=2000))
    ended = None
    for event in detector.events(np.concatenate([silence(0.3), vowel(0.8), silence(1.5)])):
        if isinstance(event, SoftEnd):
            detector.settings = replace(detector.settings, silence_ms=400)
        if isinstance(event, Ended):
            ended = event
    assert ended is not None
    assert (ended.at - ended.end) / 16 == pytest.approx(400, abs=10)


def test_speech_that_goes_on_after_a_soft_end_takes_it_back():
    events = run("#" * 30 + "." * 25 + "#" * 10 + "." * 60)
    assert events[3:] == [
        SoftEnd(at=ms(500), end=ms(300)),
        Resumed(at=ms(580), first_voiced=ms(550)),
        SoftEnd(at=ms(850), end=ms(650)),
        Ended(at=ms(1150), start=0, end=ms(650), reason="silence"),
    ]


def test_a_blip_in_a_pause_does_not_delay_the_end():
    plain = run("#" * 30 + "." * 60)
    assert run("#" * 30 + "." * 22 + "##" + "." * 36) == plain


def test_a_pause_shorter_than_the_soft_end_leaves_no_trace():
    events = run(("#" * 20 + "." * 15) * 3 + "." * 60)
    assert [type(e) for e in events] == [Voiced, SpeechStarted, Confirmed, SoftEnd, Ended]


def test_when_silence_is_shorter_than_the_soft_end_both_come_at_once():
    events = run("#" * 20 + "." * 20, EndpointSettings(silence_ms=100, soft_end_ms=300))
    assert events[3:] == [
        SoftEnd(at=ms(300), end=ms(200)),
        Ended(at=ms(300), start=0, end=ms(200), reason="silence"),
    ]


def test_padding_reaches_neither_before_the_stream_nor_into_the_turn_before():
    events = run("#" * 20 + "." * 51 + "#" * 10, EndpointSettings(silence_ms=500))
    ended = next(e for e in events if isinstance(e, Ended))
    starts = [e.start for e in events if isinstance(e, SpeechStarted)]
    assert starts == [0, ended.at]


def test_an_endless_turn_is_ended_where_a_limit_is_set():
    settings = EndpointSettings(max_speech_ms=400)
    events = run("#" * 60 + "." + "#" * 60, settings)
    assert [e for e in events if isinstance(e, Ended)] == [
        Ended(at=ms(400), start=0, end=ms(400), reason="too_long"),
        Ended(at=ms(1010), start=ms(400), end=ms(1010), reason="too_long"),
    ]


def test_noise_that_never_pauses_is_one_turn_and_no_interruption_of_its_answer():
    events = run("#" * 1000 + "." * 20 + "#" * 10, EndpointSettings(max_speech_ms=400))
    assert [type(e) for e in events if not isinstance(e, Confirmed)] == [
        Voiced, SpeechStarted, SoftEnd, Ended, Voiced, SpeechStarted,
    ]  # fmt: skip


def test_the_end_of_the_stream_closes_what_is_open():
    endpoint = Endpoint()
    for voicing in voicings("." * 10 + "#" * 30):
        endpoint.step(voicing)
    assert endpoint.speaking
    assert endpoint.flush(ms(400)) == [
        SoftEnd(at=ms(400), end=ms(400)),
        Ended(at=ms(400), start=0, end=ms(400), reason="stream_end"),
    ]
    assert endpoint.flush(ms(400)) == []
    for voicing in voicings("#" * 4, start=ms(400)):
        endpoint.step(voicing)
    assert endpoint.flush(ms(440)) == [Unvoiced(ms(440))]


def test_settings_can_change_while_somebody_speaks():
    endpoint = Endpoint(EndpointSettings(confirm_ms=1000, silence_ms=2000))
    events = [e for v in voicings("#" * 50) for e in endpoint.step(v)]
    assert not any(isinstance(e, Confirmed) for e in events)
    endpoint.settings = replace(endpoint.settings, confirm_ms=200, silence_ms=300)
    events = [e for v in voicings("#" + "." * 40, ms(500)) for e in endpoint.step(v)]
    assert events == [
        Confirmed(at=ms(510), first_voiced=0, voiced_samples=ms(510)),
        SoftEnd(at=ms(710), end=ms(510)),
        Ended(at=ms(810), start=0, end=ms(510), reason="silence"),
    ]


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        ({"silence_ms": 99}, "100 to 4000"),
        ({"silence_ms": 4001}, "100 to 4000"),
        ({"on_threshold": 0.3}, "0 < off <= on"),
        ({"off_threshold": 0.0}, "0 < off <= on"),
        ({"onset_ms": 0}, "onset_ms must be at least 1"),
        ({"prefix_padding_ms": -1}, "prefix_padding_ms cannot be negative"),
    ],
)
def test_impossible_settings_are_refused_by_name(wrong, why):
    with pytest.raises(ValueError, match=why):
        EndpointSettings(**wrong)


# --- what holds for every sound --------------------------------------------------------------

PICTURES = st.lists(
    st.tuples(st.sampled_from("#.~,"), st.integers(1, 70)), min_size=1, max_size=25
).map(lambda runs: "".join(sign * n for sign, n in runs))
ANY_SETTINGS = st.builds(
    EndpointSettings,
    suspect_ms=st.integers(1, 150),
    onset_ms=st.integers(1, 200),
    confirm_ms=st.integers(1, 400),
    prefix_padding_ms=st.integers(0, 500),
    resume_ms=st.integers(1, 100),
    soft_end_ms=st.integers(1, 600),
    silence_ms=st.integers(100, 2000),
    max_speech_ms=st.sampled_from([0, 0, 300, 1000]),
)
LETTERS = {
    Voiced: "v",
    Unvoiced: "u",
    SpeechStarted: "S",
    Confirmed: "c",
    SoftEnd: "s",
    Resumed: "r",
    Ended: "E",
}


@settings(deadline=None, max_examples=200)
@given(PICTURES, ANY_SETTINGS)
def test_events_always_read_as_the_grammar_says(picture, endpoint_settings):
    endpoint = Endpoint(endpoint_settings)
    events = [e for v in voicings(picture) for e in endpoint.step(v)]
    events += endpoint.flush(len(picture) * FRAME)
    sentence = "".join(LETTERS[type(e)] for e in events)
    assert re.fullmatch(r"(vu|vS(c?)(?:sr|src)*sE)*", sentence), sentence
    assert all(turn.count("c") <= 1 for turn in sentence.split("E"))


@settings(deadline=None, max_examples=200)
@given(PICTURES, ANY_SETTINGS)
def test_indices_are_in_order_and_no_sample_belongs_to_two_turns(picture, endpoint_settings):
    endpoint = Endpoint(endpoint_settings)
    events: list[EndpointEvent] = []
    for voicing in voicings(picture):
        fresh = endpoint.step(voicing)
        assert all(event.at == voicing.end for event in fresh)
        events += fresh
    events += endpoint.flush(len(picture) * FRAME)
    before = 0
    started: SpeechStarted | None = None
    for event in events:
        if isinstance(event, SpeechStarted):
            assert before <= event.start <= event.first_voiced < event.at
            started = event
        elif isinstance(event, Ended):
            assert started is not None
            assert event.start == started.start
            assert started.first_voiced < event.end <= event.at
            before = event.at


@settings(deadline=None)
@given(PICTURES, ANY_SETTINGS, st.data())
def test_a_restored_endpointer_goes_on_as_if_it_had_never_left(picture, endpoint_settings, data):
    at = data.draw(st.integers(0, len(picture)))
    frames = voicings(picture)
    endpoint = Endpoint(endpoint_settings)
    for voicing in frames[:at]:
        endpoint.step(voicing)
    state = endpoint.snapshot()
    expected = [e for v in frames[at:] for e in endpoint.step(v)]
    endpoint.restore(state)
    assert [e for v in frames[at:] for e in endpoint.step(v)] == expected
    endpoint.reset()
    assert [e for v in frames for e in endpoint.step(v)] == run(picture, endpoint_settings)


@settings(deadline=None, max_examples=80)
@given(PICTURES, st.lists(st.tuples(st.integers(0, 120), ANY_SETTINGS), max_size=12))
def test_the_grammar_holds_however_the_settings_change_on_the_way(picture, changes):
    endpoint = Endpoint()
    due = {}
    at = 0
    for after, changed in changes:
        at += after
        due[at] = changed
    events: list[EndpointEvent] = []
    for index, voicing in enumerate(voicings(picture)):
        endpoint.settings = due.get(index, endpoint.settings)
        events += endpoint.step(voicing)
    events += endpoint.flush(len(picture) * FRAME)
    sentence = "".join(LETTERS[type(e)] for e in events)
    assert re.fullmatch(r"(vu|vS(c?)(?:sr|src)*sE)*", sentence), sentence
    ends = [event.at for event in events]
    assert ends == sorted(ends)


@settings(deadline=None)
@given(PICTURES, st.integers(100, 2000), st.integers(100, 2000))
def test_a_longer_silence_never_ends_a_turn_sooner(picture, one, other):
    def first_end(silence_ms: int) -> float:
        events = run(picture + "." * 450, EndpointSettings(silence_ms=silence_ms))
        return next((e.at for e in events if isinstance(e, Ended)), float("inf"))

    short, long = sorted((one, other))
    assert first_end(short) <= first_end(long)


# --- with real sound -------------------------------------------------------------------------

DIALOGUE = np.concatenate(
    [silence(1.0), human(), silence(1.5), vowel(0.6), silence(0.3), vowel(0.5), silence(1.2)]
)
DIALOGUE = DIALOGUE + noise(len(DIALOGUE) / 16_000, -70)[: len(DIALOGUE)]


@every_kind
@settings(max_examples=12, deadline=None)
@given(sizes=st.lists(st.integers(0, 4000), min_size=1, max_size=6).filter(any))
def test_segments_do_not_depend_on_how_the_sound_was_cut(kind, sizes):
    whole, pieces = SpeechDetector(make_vad(kind)), SpeechDetector(make_vad(kind))
    expected = whole.feed(DIALOGUE) + whole.flush()
    got = [e for piece in cut(DIALOGUE, sizes) for e in pieces.feed(piece)] + pieces.flush()
    assert got == expected
    assert any(isinstance(e, Ended) for e in got)


@every_kind
def test_a_human_turn_is_found_where_it_is(kind):
    """The man speaks from 0.48 to 2.83 s of his clip, by its energy."""
    detector = SpeechDetector(make_vad(kind))
    events = detector.feed(DIALOGUE[: 16_000 * 5 + 8000])
    started = next(e for e in events if isinstance(e, SpeechStarted))
    ended = next(e for e in events if isinstance(e, Ended))
    n_started = sum(isinstance(e, SpeechStarted) for e in events)
    assert n_started == 1
    assert started.first_voiced == pytest.approx(16_000 * 1.5, abs=16_000 * 0.1)
    assert started.start == started.first_voiced - 4800
    assert started.at - started.first_voiced <= 16_000 * 0.13
    assert ended.end == pytest.approx(16_000 * 3.87, abs=16_000 * 0.12)
    assert 8000 <= ended.at - ended.end <= 8000 + 512


SENTENCES = (
    "turn on the light in the kitchen please",
    "what time is it now",
    "set a timer for ten minutes",
)


@every_kind
@pytest.mark.parametrize("pink_db", [40, 20])
def test_every_sentence_is_one_turn_found_soon_after_it_began_and_ended(kind, pink_db):
    """Spoken sentences two seconds apart, against the clean sound's own energy."""
    voices = [clip for text in SENTENCES for clip in spoken(text)] or [human(), human()]
    clean = with_pauses(voices)
    speech = truth(clean)
    edges = np.flatnonzero(np.diff(np.concatenate(([0], speech.astype(int), [0]))))
    spans = [(begin * 160, end * 160) for begin, end in edges.reshape(-1, 2)]
    sound = clean + noise(len(clean) / 16_000, -26 - pink_db, pink=True)[: len(clean)]
    detector = SpeechDetector(make_vad(kind))
    events = detector.feed(sound) + detector.flush()
    started = [e for e in events if isinstance(e, SpeechStarted)]
    ended = [e for e in events if isinstance(e, Ended)]
    assert len(spans) == len(started) == len(ended) == len(voices)
    onset_ms = [(s.at - begin) / 16 for s, (begin, _) in zip(started, spans, strict=True)]
    end_ms = [(e.at - end) / 16 for e, (_, end) in zip(ended, spans, strict=True)]
    assert np.median(onset_ms) <= 150
    assert max(onset_ms) <= 250  # less than the padding: nothing of the sentence is lost
    assert all(s.start <= begin for s, (begin, _) in zip(started, spans, strict=True))
    assert 500 <= np.median(end_ms) <= 650


@every_kind
def test_snapshot_of_the_whole_detector(kind):
    detector = SpeechDetector(make_vad(kind))
    detector.feed(DIALOGUE[:40_001])
    state = detector.snapshot()
    assert detector.speaking
    expected = detector.feed(DIALOGUE[40_001:])
    detector.restore(state)
    assert detector.feed(DIALOGUE[40_001:]) == expected
    detector.reset()
    assert not detector.speaking
    assert detector.position == 0


@pytest.mark.parametrize(
    ("kind", "background", "at_most"),
    [
        ("webrtc", noise(60, -40), 1),
        ("webrtc", noise(60, -40, pink=True), 1),
        ("silero", noise(90, -40, pink=True), 0),
    ],
    ids=["webrtc-white", "webrtc-pink", "silero-pink"],
)
def test_noise_alone_starts_next_to_no_speech(kind, background, at_most):
    if kind not in every_kind.args[1]:
        pytest.skip("the extra [silero] is not installed")
    events = SpeechDetector(make_vad(kind)).feed(background)
    assert sum(isinstance(e, SpeechStarted) for e in events) <= at_most
