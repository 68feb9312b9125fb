"""How the accuracy benchmark counts, on decisions that are known."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from benchmarks.accuracy import batched, conversations, gates, refusal, understanding
from benchmarks.accuracy import clips as recordings
from benchmarks.accuracy.loading import measured_model
from benchmarks.accuracy.report import ALL, Report
from benchmarks.accuracy.understanding import Decided
from training.augment import CLEAN
from training.grammar import Turn
from training.grammar.evaluation import eval_turns, sets
from training.noises import noise_pool
from vivavoce.models.dialogue import Heard, Message, ReplyDone, TextDelta, ToolCall, Usage
from vivavoce.streaming.wavfile import WavError, read_wav, write_wav

DATA = Path(__file__).parents[1] / "data"


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

        def reply(self, options: Any) -> Iterator[Any]:
            yield from self.model.decisions.get(self.n, [])
            for index in range(5):
                yield TextDelta(f" okay{index}" if index else "okay", index)
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
    assert score.acted == 3 and score.wanted["light_on"] == 2
    assert score.language == 4
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
        def reply(self, options: Any) -> Iterator[Any]:
            yield ReplyDone("completed", Usage())

    assert understanding.decide(Silent(), "en") == Decided(language="en")


def test_chinese_is_counted_by_hanzi_and_its_reply_by_its_signs() -> None:
    wanted = Turn("打开厨房的灯", "light_on kitchen", "好的", None, "light_on", {}, "cmn")
    score = understanding.Score()
    score.count(wanted, Decided(transcript="打开厨房灯", language="cmn"))
    assert score.wer == 1 / 6 and score.language == 1

    class Cantonese:
        def reply(self, options: Any) -> Iterator[Any]:
            for index, word in enumerate("唔好意思"):
                yield TextDelta(word, index)

    assert understanding.decide(Cantonese(), "cmn", 4).language == "yue"


@pytest.fixture(scope="module")
def nano() -> Any:
    return measured_model()


def test_batches_decide_what_the_stream_decides(nano: Any) -> None:
    turns = eval_turns("heldout", 3, 5)
    clips = understanding.record(turns, "reserved", CLEAN, 5)
    together = batched.decided(nano, [*clips, silence(500)])
    assert together[-1].name == "reject"
    for clip, one in zip(clips, together, strict=False):
        dialogue = nano.open()
        understanding.listen(dialogue, clip)
        alone = understanding.decide(dialogue)
        same = (alone.name, alone.arguments, alone.transcript)
        assert (one.name, one.arguments, one.transcript) == same
        assert one.confidence == pytest.approx(alone.confidence, abs=1e-3)


def test_a_conversation_is_judged_by_its_last_turn_and_remembers_the_others(nano: Any) -> None:
    light = turn("turn on the kitchen light", "light_on kitchen", room="kitchen")
    more = turn("and in the bedroom", "light_on bedroom", room="bedroom")
    dialogue = nano.open()
    conversations._remember(dialogue, nano, light)
    dialogue.add(Message("user", more.user))
    decided = understanding.decide(dialogue)
    assert (decided.name, decided.arguments) == ("light_on", {"room": "bedroom"})
    kinds = sets("en", 1)
    assert {"out_of_domain", "follow_up", "confirmation"} <= set(kinds)
    score = conversations.conversation_score(nano, [[light, more]], [silence(8000)])
    assert score.n == 1 and score.confusions == {("light_on", "reject"): 1}


def test_weights_and_checkpoints_replace_what_is_shipped(nano: Any, tmp_path: Any) -> None:
    with pytest.raises(FileNotFoundError, match="none of nano's parts"):
        measured_model(weights=tmp_path)
    with pytest.raises(FileNotFoundError, match="no checkpoint"):
        measured_model(checkpoints=[tmp_path])
    weights = {k: torch.zeros_like(v) for k, v in nano.thinker.state_dict().items()}
    state = {"step": 7, "minutes": 1.0, "modules": {"thinker": weights}}
    torch.save(state, tmp_path / "checkpoint.pt")
    trained = measured_model(checkpoints=[tmp_path])
    assert trained.languages == ("en", "cmn", "yue")
    assert not trained.thinker.embedding.weight.any()
    shipped = nano.ear.encoder.ctc_head.weight
    assert torch.equal(trained.ear.encoder.ctc_head.weight, shipped)
    save_file({k: v.half() for k, v in weights.items()}, tmp_path / "thinker.safetensors")
    exported = measured_model(weights=tmp_path)
    assert exported.languages == nano.languages
    assert not exported.thinker.embedding.weight.any()


def test_an_hour_of_noise_has_every_kind_and_is_never_what_training_hears() -> None:
    clips = list(refusal.sounds(len(refusal.KINDS) * refusal.CLIP_S / 60, 1, ("en",)))
    assert [kind for kind, _ in clips] == list(refusal.KINDS)
    for kind, pcm in clips:
        assert pcm.dtype == np.float32 and len(pcm) == 48_000 and np.isfinite(pcm).all()
        assert pcm.any() == (kind != "silence")
    by_kind = dict(clips)
    pool = noise_pool("music")[:48_000]
    likeness = by_kind["music"] @ pool / np.linalg.norm(by_kind["music"]) / np.linalg.norm(pool)
    assert abs(likeness) < 0.5


def test_every_action_on_noise_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    def eager(model: Any, clips: list[np.ndarray]) -> list[Decided]:
        return [Decided("time", {}, "", 0.7), *[Decided()] * (len(clips) - 1)]

    class Model:
        languages = ("en",)

    monkeypatch.setattr(refusal, "decided", eager)
    report = Report()
    refusal.refusal(report, Model(), 0.25, 0)
    assert report.figures["noise_actions"] == {ALL: 1.0}
    assert report.details["noise"] == {"minutes": 0.25, "taken": {"silence": 1}}
    assert report.missed == 1


def test_gates_are_open_while_confidences_are_noted_and_closed_again(nano: Any) -> None:
    report, before = Report(), (nano.config, nano.min_intent_probability)
    gates.gates(report, nano, 2, 0.1, 3)
    assert (nano.config, nano.min_intent_probability) == before
    rows = report.details["gates"]["en"]
    assert {kind for _, _, kind in rows} <= {"right", "wrong", "declined", "other"}
    assert all(0 <= sure <= 1 and 0 <= heard <= 1 for sure, heard, _ in rows)
    assert [kind for _, _, kind in report.details["gates"]["noise"]] == ["noise"] * 2


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

    def reply(self, options: Any) -> Iterator[Any]:
        yield Heard(str(self.n_pieces), "en")


def test_figures_that_miss_their_must_are_marked_and_counted(tmp_path: Any) -> None:
    report = Report()
    report.add("intent", 0.95, "en")  # good
    report.add("intent", 0.56, "yue")  # a must of its own
    report.add("intent", 0.59, "cmn")  # missed
    report.add("hearing_rtf", 0.1, "en")
    report.add("noise_actions", 1)  # none allowed
    report.add("wer", 0.9, "en")  # no must
    assert report.missed == 2
    table = report.table()
    assert [column.header for column in table.columns][1:5] == ["en", "cmn", "yue", "all"]
    assert "green" in next(iter(table.columns[1].cells))
    assert "MISSED" in next(iter(table.columns[2].cells))
    score = understanding.Score()
    score.count(LIGHT, Decided("light_off", {}, "", 0.51239))
    report.note_understanding("en", score)
    report.save(tmp_path / "figures.json")
    saved = json.loads((tmp_path / "figures.json").read_text(encoding="utf-8"))
    assert saved["figures"]["intent"]["yue"] == 0.56
    assert saved["confusions"] == {"en": {"light_on>light_off": 1}}
    assert saved["wanted"] == {"en": {"light_on": 1}}


def test_recordings_of_a_folder_are_heard_whatever_their_rate(nano: Any, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="no .wav files"):
        recordings.clips(Report(), nano, tmp_path)
    at_24_khz, _ = read_wav(DATA / "okay.wav", 24_000)
    write_wav(tmp_path / "a.wav", at_24_khz, 24_000)
    write_wav(tmp_path / "b.wav", read_wav(DATA / "okay.wav", 16_000)[0], 16_000)
    report = Report()
    recordings.clips(report, nano, tmp_path)
    (one, other) = report.details["recordings"]
    assert one[0] == "a.wav" and one[2] == other[2] == "okay"
    assert one[1] == pytest.approx(other[1]) == pytest.approx(len(at_24_khz) / 24_000 + 0.5)
    (tmp_path / "c.wav").write_bytes(b"no sound")
    with pytest.raises(WavError, match=r"c\.wav is not a WAV file"):
        recordings.clips(Report(), nano, tmp_path)
