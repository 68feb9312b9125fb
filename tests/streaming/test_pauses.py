from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.streaming.test_endpoint import ms, voicings
from vivavoce.streaming.endpoint import Endpoint, EndpointSettings
from vivavoce.streaming.pauses import KEPT_TURNS, LEAST_SHARE, MOST_SHARE, USUAL_MS, Pauses, Speaker

LONGEST = st.lists(st.integers(0, 6000), max_size=60)


def known(longest: list[int]) -> Pauses:
    pauses = Pauses()
    for one in longest:
        pauses = pauses.after(one)
    return pauses


def heard(picture: str, silence_ms: int = 1000) -> Speaker:
    """A speaker after frames of 10 ms: `#` speech, `.` silence."""
    endpoint, speaker = Endpoint(EndpointSettings(silence_ms=silence_ms)), Speaker()
    for voicing in voicings(picture):
        for event in endpoint.step(voicing):
            speaker = speaker.after(event)
    return speaker


def test_nobody_known_is_waited_for_as_usual() -> None:
    assert Pauses().share == 1.0


def test_one_lost_thought_changes_nothing_and_a_habit_does() -> None:
    assert known([3000]).share == known([3000, 3000]).share == 1.0
    assert known([800, 800, 800]).share == 1.9
    assert known([3000] * 5).share == MOST_SHARE


def test_who_never_pauses_is_answered_sooner_after_a_while() -> None:
    assert known([0] * 10).share == 1.0
    assert known([0] * KEPT_TURNS).share == LEAST_SHARE


def test_a_habit_is_forgotten_in_twenty_turns() -> None:
    assert known([900] * 20 + [USUAL_MS] * 18).share == 1.0
    assert known([900] * 20 + [USUAL_MS] * 17).share > 1.0


@given(LONGEST)
def test_the_share_is_bounded(longest) -> None:
    assert LEAST_SHARE <= known(longest).share <= MOST_SHARE


@given(LONGEST, st.integers(0, 6000), st.integers(0, 6000))
def test_a_longer_pause_never_makes_it_less_patient(longest, one, other) -> None:
    short, long = sorted((one, other))
    assert known([*longest, short]).share <= known([*longest, long]).share


def test_the_longest_pause_of_a_turn_counts_once_the_next_begins() -> None:
    speaker = heard("#" * 60 + "." * 30 + "#" * 60 + "." * 50 + "#" * 60 + "." * 210 + "#" * 20)
    assert speaker.pauses.longest_ms[-2:] == (USUAL_MS, 500)


def test_who_goes_on_right_after_the_end_had_only_paused() -> None:
    speaker = heard("#" * 150 + "." * 70 + "#" * 150 + "." * 250 + "#" * 20, silence_ms=400)
    assert speaker.pauses.longest_ms[-2:] == (USUAL_MS, 700)


def test_a_short_word_without_a_pause_says_nothing() -> None:
    assert heard("#" * 30 + "." * 300 + "#" * 30).pauses == Pauses()
    assert heard("#" * 130 + "." * 300 + "#" * 30).pauses.longest_ms[-1] == 0


@settings(deadline=None)
@given(
    st.lists(st.tuples(st.integers(20, 150), st.integers(21, 60)), min_size=1, max_size=4),
    st.integers(210, 400),
)
def test_every_turn_is_known_by_its_longest_pause(parts, gap) -> None:
    picture = "".join("#" * speech + "." * pause for speech, pause in parts)
    speaker = heard(picture + "#" * 120 + "." * gap + "#" * 20)
    assert speaker.pauses.longest_ms[-1] == 10 * max(pause for _, pause in parts)


def test_indices_of_a_speaker_are_samples() -> None:
    assert heard("." * 10 + "#" * 60 + "." * 30).last_voiced == ms(700)
