"""How the accuracy benchmark counts, on decisions that are known."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from benchmarks.accuracy import understanding
from benchmarks.accuracy.__main__ import HIGHER, LOWER, Report
from training.grammar import Turn
from vivavoce.models.dialogue import Heard, Message, ReplyDone, TextDelta, ToolCall, Usage


def turn(user: str, action: str, **arguments: Any) -> Turn:
    intent = action.split()[0]
    return Turn(user, action, "okay", None, intent, arguments, "en")


LIGHT = turn("turn on the kitchen light", "light_on kitchen", room="kitchen")
TIME = turn("what time is it", "time")
NOTHING = turn("who wrote that song", "reject")


class Scripted:
    """A model whose dialogues decide what is written down for them, by number of samples."""

    input_rate_hz = 16_000

    def __init__(self, decisions: dict[int, list[Any]]) -> None:
        self.decisions, self.pieces = decisions, []

    def open(self) -> Scripted.Dialogue:
        return self.Dialogue(self)

    class Dialogue:
        def __init__(self, model: Scripted) -> None:
            self.model, self.n, self.text = model, 0, ""

        def listen(self, pcm: np.ndarray) -> None:
            self.n += len(pcm)
            self.model.pieces.append(len(pcm))

        def add(self, message: Message) -> None:
            self.n = len(message.text)

        def reply(self) -> Iterator[Any]:
            yield from self.model.decisions.get(self.n, [])
            yield TextDelta("okay", 0)
            raise AssertionError("a decision needs no more of the reply")


def call(name: str, **arguments: Any) -> ToolCall:
    return ToolCall("call_0", name, arguments, needs_result=False)


def silence(n: int) -> np.ndarray:
    return np.zeros(n, np.float32)


def test_intents_slots_and_words_are_counted() -> None:
    model = Scripted(
        {
            1000: [Heard("turn on the kitchen light", "en"), call("light_on", room="kitchen")],
            2000: [Heard("turn on the chicken light", "en"), call("light_on", room="bedroom")],
            3000: [Heard("that time is", "en"), call("light_off", room="kitchen")],
            4000: [Heard("who wrote that song", "en")],
        }
    )
    turns = [LIGHT, LIGHT, TIME, NOTHING]
    score = understanding.spoken_score(model, turns, [silence(1000 * i) for i in (1, 2, 3, 4)])
    assert (score.n, score.intent, score.exact) == (4, 3, 2)
    assert score.intent_share == 0.75 and score.exact_share == 0.5
    # "chicken" for "kitchen"; "that" for "what", and "it" is missing
    assert score.wer == 3 / (5 + 5 + 4 + 4)
    assert score.confusions == {("time", "light_off"): 1}
    assert score.audio_s == 10_000 / 16_000


def test_audio_arrives_in_pieces_of_20_ms() -> None:
    model = Scripted({})
    understanding.spoken_score(model, [NOTHING], [silence(700)])
    assert model.pieces == [320, 320, 60]


def test_written_turns_are_counted_the_same_way() -> None:
    model = Scripted({len(TIME.user): [call("time")]})
    score = understanding.written_score(model, [TIME])
    assert (score.intent, score.exact) == (1, 1)


def test_a_reply_that_ends_without_a_word_is_a_refusal() -> None:
    class Silent:
        def reply(self) -> Iterator[Any]:
            yield ReplyDone("completed", Usage())

    assert understanding.decide(Silent()) == ("reject", {}, "")


def test_every_action_on_noise_counts() -> None:
    eager = Scripted({48_000: [call("time")]})
    assert understanding.actions_on_noise(eager, minutes=0.2) == 4
    assert understanding.actions_on_noise(Scripted({}), minutes=0.2) == 0


def test_the_four_noises_are_silence_hiss_rumble_and_tones() -> None:
    rng = np.random.default_rng(0)
    clips = [understanding._noise(kind, rng, 16_000) for kind in range(4)]
    assert not clips[0].any()
    assert all(clip.dtype == np.float32 and np.isfinite(clip).all() for clip in clips)

    def low_share(clip: np.ndarray) -> float:
        """Share of the energy below a sixteenth of the band."""
        power = np.abs(np.fft.rfft(clip)) ** 2
        return float(power[: len(power) // 16].sum() / power.sum())

    assert low_share(clips[1]) == pytest.approx(1 / 16, abs=0.02)
    assert low_share(clips[2]) > 0.9
    power = np.abs(np.fft.rfft(clips[3])) ** 2
    assert power.max() / power.sum() > 0.5


@pytest.mark.parametrize(
    ("wanted", "got", "edits"),
    [("a b c", "a b c", 0), ("a b c", "", 3), ("", "x y", 2), ("a b c d", "b c x d", 2)],
)
def test_word_errors_are_the_fewest_edits(wanted: str, got: str, edits: int) -> None:
    assert understanding._edits(wanted.split(), got.split()) == edits


def test_streaming_that_differs_is_found() -> None:
    assert understanding.streaming_is_exact(Scripted({}), [silence(700)])
    assert not understanding.streaming_is_exact(_CountsPieces(), [silence(700)])


class _CountsPieces:
    """A model whose transcript shows how its audio was cut."""

    input_rate_hz = 16_000

    def open(self) -> _CountsPieces:
        return _CountsPieces()

    def __init__(self) -> None:
        self.n_pieces = 0

    def listen(self, pcm: np.ndarray) -> None:
        self.n_pieces += 1

    def reply(self) -> Iterator[Any]:
        yield Heard(str(self.n_pieces), "en")


def test_figures_that_miss_their_must_are_marked_and_counted() -> None:
    report = Report()
    report.row("good", 0.95, 0.75, 0.9, HIGHER)
    report.row("enough", 0.75, 0.75, 0.9, HIGHER)
    report.row("missed", 0.74, 0.75, 0.9, HIGHER)
    report.row("none allowed", 1, 0, 0, LOWER)
    report.row("low is good", 0.1, 0.4, 0.25, LOWER)
    assert report.missed == 2
    assert list(report.table.columns[4].cells) == ["good", "must", "MISSED", "MISSED", "good"]
