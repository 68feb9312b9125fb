"""A reply's beginning and end: turns read in pieces, reasoning, and what is let go afterwards."""

from __future__ import annotations

import shutil

import numpy as np
import pytest
import torch

from tests.support.scripted_thinker import writing
from vivavoce.models.dialogue import AudioDelta, DialogueOptions, ReplyDone, ReplyOptions, TextDelta
from vivavoce.models.load_options import LoadOptions, MingOptions
from vivavoce.models.ming import dialogue as ming_dialogue
from vivavoce.models.ming import model as ming_model
from vivavoce.models.ming.detokenizer import Silence
from vivavoce.models.ming.loading import load_ming
from vivavoce.models.ming.tasks import transcription_prompt


@pytest.fixture(scope="module")
def folder(tiny_ming):
    return tiny_ming(dtype=torch.float32)


@pytest.fixture(scope="module")
def model(folder):
    return load_ming(folder)


def sound(seconds=1.5, seed=0):
    rng = np.random.default_rng(seed)
    return (0.1 * rng.standard_normal(round(16_000 * seconds))).astype(np.float32)


def text_of(parts):
    return "".join(part.text for part in parts if isinstance(part, TextDelta))


def pcm_of(parts):
    pieces = [part.pcm for part in parts if isinstance(part, AudioDelta)]
    return np.concatenate([np.zeros(0, np.float32), *pieces])


def is_rest(part):
    """A part that says nothing: a place to stop."""
    return isinstance(part, AudioDelta) and len(part.pcm) == 0


# --- before the first word -------------------------------------------------------------------


def test_a_long_turn_is_read_in_pieces_and_can_be_left_between_them(model, monkeypatch):
    monkeypatch.setattr(ming_dialogue, "PIECE", 16)
    left, straight = model.open(), model.open()
    for dialogue in (left, straight):
        dialogue.listen(sound(3.0))
    before = left.mark()
    parts = left.reply()
    for _ in range(2):
        assert is_rest(next(parts))
    parts.close()
    assert left.mark() is before  # as if nobody had asked
    for dialogue in (left, straight):
        dialogue.listen(sound(1.0, seed=1))
    first, second = (list(dialogue.reply()) for dialogue in (left, straight))
    assert sum(map(is_rest, first[:5])) == 5  # 101 positions
    assert text_of(first) == text_of(second)
    np.testing.assert_array_equal(pcm_of(first), pcm_of(second))
    assert left.mark().context.ids == straight.mark().context.ids


def test_a_reading_left_long_ago_takes_nothing_back(model, monkeypatch):
    monkeypatch.setattr(ming_dialogue, "PIECE", 16)
    dialogue = model.open()
    dialogue.listen(sound())
    mark = dialogue.mark()
    old = dialogue.reply()
    next(old)
    dialogue.rewind(mark)
    dialogue.listen(sound(0.5, seed=1))
    now = dialogue.mark()
    old.close()
    assert dialogue.mark() is now


def test_a_reading_that_breaks_leaves_the_turn_as_it_was(model, monkeypatch):
    monkeypatch.setattr(ming_dialogue, "PIECE", 16)
    dialogue = model.open()
    dialogue.listen(sound())
    before, parts = dialogue.mark(), dialogue.reply()
    next(parts)
    with monkeypatch.context() as broken, pytest.raises(MemoryError):
        broken.setattr(model.thinker, "step", lambda *_: (_ for _ in ()).throw(MemoryError()))
        next(parts)
    assert dialogue.mark() is before
    assert text_of(dialogue.reply())


def test_pieces_are_the_turn(model, monkeypatch):
    replies = []
    for piece in (256, 7):
        monkeypatch.setattr(ming_dialogue, "PIECE", piece)
        dialogue = model.open()
        dialogue.listen(sound(3.0))
        replies.append((text_of(dialogue.reply()), dialogue.mark().context))
    (one, context), (other, in_pieces) = replies
    assert one == other and context.ids == in_pieces.ids
    keys = [memory.caches[-1].keys_values()[0] for memory in (context, in_pieces)]
    torch.testing.assert_close(*keys, rtol=1e-3, atol=1e-4)


# --- reasoning -------------------------------------------------------------------------------


def test_reasoning_is_asked_for_waited_for_and_not_spoken(folder, monkeypatch):
    model = load_ming(folder, LoadOptions(ming=MingOptions(thinking=True)))
    dialogue = model.open(DialogueOptions(instructions="be kind"))
    begin = model.tokenizer.decode(dialogue.mark().context.ids)
    assert "be kind Before you answer, reason step by step" in begin
    monkeypatch.setattr(ming_dialogue, "MAX_REPLY_TOKENS", 20)  # reasoning does not use them up
    dialogue = model.open()
    dialogue.listen(sound())
    written = (
        "<thinking>he asks for the time, then for the weather</thinking><answer>hello</answer>"
    )
    with writing(model, written):
        parts = list(dialogue.reply())
    assert text_of(parts) == "hello" and len(pcm_of(parts)) > 0
    assert isinstance(parts[-1], ReplyDone) and parts[-1].reason == "completed"
    n_silent = next(i for i, part in enumerate(parts) if isinstance(part, TextDelta))
    assert n_silent > 20 and all(map(is_rest, parts[:n_silent]))  # it could have been stopped
    assert "he asks" in model.tokenizer.decode(dialogue.mark().context.ids)
    with writing(model, "Please switch off"):
        assert "reason" not in model.transcribe(sound()).text


# --- memory ----------------------------------------------------------------------------------


@pytest.mark.parametrize("whole", [True, False])
def test_what_only_speaking_needs_is_let_go_and_the_reply_can_still_be_cut(model, whole):
    dialogue, again = model.open(), model.open()
    dialogue.listen(sound())
    again.listen(sound())
    said = list(again.reply())
    parts, n = dialogue.reply(), 0
    for part in parts:
        n += len(part.pcm) if isinstance(part, AudioDelta) else 0
        if n and not whole:
            parts.close()
            break
    mouth = dialogue.mark().reply.mouth
    assert isinstance(mouth.sound, Silence) and mouth.speaking is None
    half = len(pcm_of(said)) // 2 if whole else n
    assert dialogue.truncate(half) == again.truncate(half)


def test_a_reply_left_long_ago_takes_nothing_from_the_one_that_is_spoken(model):
    dialogue = model.open()
    dialogue.listen(sound())
    mark = dialogue.mark()
    old = dialogue.reply()
    next(part for part in old if isinstance(part, AudioDelta) and len(part.pcm))
    dialogue.rewind(mark)
    new = dialogue.reply()
    begun = [next(new) for _ in range(12)]
    old.close()
    said = [*begun, *new]
    dialogue.rewind(mark)
    np.testing.assert_array_equal(pcm_of(said), pcm_of(dialogue.reply()))


def test_only_the_voices_used_last_are_kept_ready(folder, tmp_path, monkeypatch):
    monkeypatch.setattr(ming_model, "READY_VOICES", 2)
    copy = shutil.copytree(folder, tmp_path / "tiny")
    shutil.copy(copy / "data/spks/eng_v2.pt", copy / "data/spks/third.pt")
    model = load_ming(copy)
    first = model.voice("luna_v2")
    model.voice("eng_v2")
    assert model.voice("luna_v2") is first
    model.voice("third")
    assert model.voice("luna_v2") is first  # eng_v2 had to go
    assert len(model._ready) == 2


# --- writing down ----------------------------------------------------------------------------


def test_a_known_language_is_told_before_the_sound_and_holds_where_none_is_named(model):
    with writing(model, "没有语言"):
        assert model.transcribe(sound(), "cantonese").language == "cantonese"
    with writing(model, "English\thello"):
        found = model.transcribe(sound(), "cantonese")
    assert (found.text, found.language) == ("hello", "english")
    asked = []
    encode = model.tokenizer.encode
    model.tokenizer.encode = lambda text: asked.append(text) or encode(text)
    try:
        model.transcribe(sound(), "minnan")
    finally:
        del model.tokenizer.encode
    assert transcription_prompt("minnan") in asked
    with pytest.raises(ValueError, match="no language 'klingon'"):
        model.transcribe(sound(), "klingon")


def test_a_reply_in_text_needs_no_voice(model):
    dialogue = model.open()
    dialogue.listen(sound())
    parts = list(dialogue.reply(ReplyOptions(audio=False)))
    assert text_of(parts) and dialogue.mark().reply.mouth is None
