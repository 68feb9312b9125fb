"""A conversation with a tiny checkpoint of each release: cut, rewound, interrupted."""

from __future__ import annotations

import io
import random

import numpy as np
import pytest
import torch
from PIL import Image

from tests.support.tiny_ming import VERSIONS
from vivavoce.models.dialogue import (
    AudioDelta,
    DialogueOptions,
    Message,
    ReplyDone,
    ReplyOptions,
    Sampling,
    TextDelta,
    UserAudio,
    UserPicture,
)
from vivavoce.models.load_options import Blocks, LoadOptions, MingOptions
from vivavoce.models.ming.loading import load_ming
from vivavoce.models.ming.memory import words_of
from vivavoce.models.ming.tasks import HINTS

MODELS = {}


@pytest.fixture(scope="module")
def loaded(tiny_ming):
    """Tiny models by release and settings, each loaded once, in fp32 for exact comparisons."""

    def load(version="v1.5", **settings):
        key = (version, tuple(settings.items()))
        if key not in MODELS:
            folder = tiny_ming(version, dtype=torch.float32)
            MODELS[key] = load_ming(folder, LoadOptions(ming=MingOptions(**settings)))
        return MODELS[key]

    yield load
    MODELS.clear()


def sound(seconds=1.5, seed=0):
    rng = np.random.default_rng(seed)
    return (0.1 * rng.standard_normal(round(16_000 * seconds))).astype(np.float32)


def answered(dialogue, **options):
    """Text, samples, and what came, in order."""
    parts = list(dialogue.reply(ReplyOptions(**options)))
    assert isinstance(parts[-1], ReplyDone)
    text = "".join(part.text for part in parts if isinstance(part, TextDelta))
    pcm = [part.pcm for part in parts if isinstance(part, AudioDelta)]
    return text, np.concatenate([np.zeros(0, np.float32), *pcm]), parts


def heard(dialogue, pcm, cuts=()):
    for piece in np.split(pcm, sorted(cuts)):
        dialogue.listen(piece)
    return answered(dialogue)


def read_anew(model, dialogue):
    """Keys of the last layer after reading everything of the dialogue's context once more."""
    caches, position = model.thinker.initial(), 0
    for fed in (fed for turn in dialogue.mark().context.turns for fed in turn):
        x = fed.vectors if fed.vectors is not None else model.thinker.embed(torch.tensor([fed.ids]))
        rows = fed.rows_from(position)[:, None]
        with torch.inference_mode():
            _, caches = model.thinker.step(x, fed.modality, rows, caches)
        position += fed.n_positions
    return caches[-1].keys_values()[0]


def assert_memory_is_whole(model, dialogue):
    """The cache is what reading the remembered turns gives, and nothing else."""
    context = dialogue.mark().context
    keys = context.caches[-1].keys_values()[0]
    assert keys.shape[2] == len(context.ids) == context.position
    torch.testing.assert_close(keys, read_anew(model, dialogue), rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("version", VERSIONS)
def test_a_reply_is_spoken_and_the_same_however_the_audio_is_cut(loaded, version):
    model, pcm = loaded(version), sound()
    text, spoken, parts = heard(model.open(), pcm)
    assert text.strip() and len(spoken) > 0.1 * model.output_rate_hz
    rng = random.Random(0)
    for n in (1, 40):
        cuts = [rng.randrange(len(pcm)) for _ in range(n)]
        again = heard(model.open(), pcm, cuts)
        assert again[0] == text
        np.testing.assert_array_equal(again[1], spoken)


@pytest.mark.parametrize("version", VERSIONS)
def test_every_part_says_which_words_it_speaks(loaded, version):
    text, _, parts = heard(loaded(version).open(), sound())
    deltas = [part for part in parts if isinstance(part, TextDelta)]
    assert [part.token_index for part in deltas] == list(range(len(deltas)))
    spoken = [part.token_index for part in parts if isinstance(part, AudioDelta) and len(part.pcm)]
    assert spoken == sorted(spoken) and spoken[-1] < len(deltas)
    written = 0
    for part in parts:  # a word is never heard before it was written
        if isinstance(part, TextDelta):
            written = part.token_index
        elif isinstance(part, AudioDelta):
            assert part.token_index <= written


def test_speech_begins_before_the_text_is_complete(loaded):
    model = loaded()
    dialogue = model.open(
        DialogueOptions(history=[Message("user", "one"), Message("assistant", "two")])
    )

    def writes_while_it_speaks(seed):
        dialogue.listen(sound(seed=seed))
        parts = answered(dialogue)[2]
        kinds = [type(p) for p in parts if not isinstance(p, AudioDelta) or len(p.pcm)]
        return TextDelta in kinds[kinds.index(AudioDelta) :]

    assert any(map(writes_while_it_speaks, range(8)))  # some reply has more than one piece


def test_parts_come_often_enough_to_be_stopped_between(loaded):
    dialogue = loaded().open()
    dialogue.listen(sound())
    parts = list(dialogue.reply())
    done = parts[-1]
    # a part after every text token and every speech token
    assert len(parts) > done.usage.output_text_tokens + done.usage.output_audio_tokens / 3


@pytest.mark.parametrize("version", VERSIONS)
def test_rewinding_is_as_if_nothing_had_come(loaded, version):
    model, pcm = loaded(version), sound()
    plain = heard(model.open(), pcm)
    dialogue = model.open()
    dialogue.listen(pcm[:9000])
    mark = dialogue.mark()
    for part in dialogue.reply():  # a reply prepared at a pause, then dropped
        if isinstance(part, AudioDelta):
            break
    dialogue.rewind(mark)
    dialogue.listen(pcm[9000:])
    again = answered(dialogue)
    assert again[0] == plain[0]
    np.testing.assert_array_equal(again[1], plain[1])


@pytest.mark.parametrize("version", VERSIONS)
def test_after_an_interruption_memory_is_what_was_heard(loaded, version):
    model = loaded(version)
    dialogue = model.open()
    text, spoken, _ = heard(dialogue, sound())
    n_before = len(dialogue.mark().reply.start.ids)
    whole = dialogue.mark()
    for share in (0.0, 0.3, 0.6, 1.0):
        dialogue.rewind(whole)
        kept = dialogue.truncate(round(share * len(spoken)))
        assert text.startswith(kept)
        assert (kept == "") == (share == 0.0) or share == 0.3
        assert (kept == text) == (share == 1.0)
        context = dialogue.mark().context
        said = model.tokenizer.decode(context.ids[n_before:])
        assert said == kept
        assert_memory_is_whole(model, dialogue)
        assert answered_after(dialogue, audio=share == 0.3)


def answered_after(dialogue, audio=True):
    dialogue.listen(sound(1.0, seed=5))
    return answered(dialogue, audio=audio)[0]


def test_an_interruption_kept_from_a_whole_word_only(loaded):
    model = loaded()
    for seed in range(4):
        dialogue = model.open()
        text, spoken, _ = heard(dialogue, sound(seed=seed))
        mark = dialogue.mark()
        before = ""
        for n in range(0, len(spoken), 960):
            dialogue.rewind(mark)
            kept = dialogue.truncate(n)
            assert kept.startswith(before)  # more was heard, never less
            rest = text[len(kept) :]
            assert not (kept and rest and kept[-1].isalnum() and rest[0].isalnum())
            before = kept


@pytest.mark.parametrize("blocks", [None, Blocks(0.48, 0.96, 0.24)])
def test_a_reply_can_be_cut_while_the_person_speaks_already(loaded, blocks):
    model = loaded(blocks=blocks)
    first, then = sound(), sound(1.2, seed=3)
    early, late = model.open(), model.open()
    spoken = heard(early, first)[1]
    heard(late, first)
    n = len(spoken) // 2
    assert early.truncate(n) == (late.listen(then[:8000]), late.truncate(n))[1]
    early.listen(then)
    late.listen(then[8000:])
    assert answered(early)[0] == answered(late)[0]
    assert early.mark().context.ids == late.mark().context.ids
    assert_memory_is_whole(model, late)


def test_an_abandoned_reply_can_be_cut_and_the_talk_goes_on(loaded):
    model = loaded()
    dialogue = model.open()
    dialogue.listen(sound())
    n_samples = 0
    parts = dialogue.reply()
    for part in parts:
        if isinstance(part, AudioDelta):
            n_samples += len(part.pcm)
        if n_samples > 4000:
            parts.close()
            break
    dialogue.truncate(n_samples)
    assert_memory_is_whole(model, dialogue)
    with pytest.raises(ValueError, match="beyond"):
        dialogue.truncate(n_samples + 1)
    assert answered_after(dialogue)


def test_without_a_reply_there_is_nothing_to_cut(loaded):
    with pytest.raises(ValueError, match="no reply"):
        loaded().open().truncate(0)


def test_a_reply_may_be_text_alone_or_limited(loaded):
    model = loaded()
    dialogue = model.open()
    dialogue.listen(sound())
    mark = dialogue.mark()
    text, pcm, parts = answered(dialogue, audio=False)
    assert text and len(pcm) == 0 and parts[-1].reason == "completed"
    dialogue.rewind(mark)
    short, _, parts = answered(dialogue, audio=False, max_tokens=3)
    assert text.startswith(short) and parts[-1].reason == "max_tokens"
    assert parts[-1].usage.output_text_tokens <= 4
    assert parts[-1].usage.input_audio_tokens == 38


def test_block_mode_reads_the_turn_while_it_is_spoken(loaded):
    model = loaded(blocks=Blocks(0.48, 0.96, 0.24))
    dialogue = model.open()
    dialogue.listen(sound(3.0))
    read = dialogue.mark().n_audio_in
    text = answered(dialogue)[0]
    assert text and read / dialogue.mark().n_audio_in > 0.7


def test_history_is_read_as_it_was_said(loaded):
    model = loaded()
    history = [UserAudio(sound()), Message("assistant", "fine"), Message("user", "and now")]
    dialogue = model.open(DialogueOptions(instructions="be kind", history=history))
    ids, audio = dialogue.mark().context.ids, model.ids.audio_patch
    words = model.tokenizer.decode([i for i in ids if i != audio])
    positions = [words.index(part) for part in ("be kind", "fine", "and now")]
    assert positions == sorted(positions)
    assert sum(i == audio for i in ids) == 38
    assert_memory_is_whole(model, dialogue)


@pytest.mark.parametrize("language", HINTS)
def test_a_dialect_is_asked_for_in_words(loaded, language):
    model = loaded()
    dialogue = model.open(DialogueOptions(language=language))
    dialogue.add(Message("user", "hello"))
    answered(dialogue, audio=False)
    asked = model.tokenizer.encode(HINTS[language])
    ids = list(dialogue.mark().context.ids)
    assert any(ids[i : i + len(asked)] == asked for i in range(len(ids)))


def test_old_turns_are_forgotten_before_the_context_is_full(loaded, monkeypatch):
    model = loaded()
    monkeypatch.setattr(model, "longest", 220)
    dialogue = model.open(DialogueOptions(instructions="remember me"))
    for seed in range(6):
        text = heard(dialogue, sound(1.5, seed))[0]
        assert text
        assert len(dialogue.mark().context.ids) < 400
    assert "remember me" in model.tokenizer.decode(dialogue.mark().context.ids)
    assert_memory_is_whole(model, dialogue)


def test_the_talker_may_read_what_the_thinker_thought(loaded):
    plain, pcm = loaded(), sound()
    reading = loaded(talker_reads=True)
    without, with_states = heard(plain.open(), pcm), heard(reading.open(), pcm)
    assert without[0] == with_states[0]  # the same words
    assert len(without[1]) != len(with_states[1]) or not np.array_equal(without[1], with_states[1])


def test_a_seed_decides_how_it_is_said(loaded):
    model, pcm = loaded(), sound()

    def said(seed):
        return heard(model.open(DialogueOptions(sampling=Sampling(seed=seed))), pcm)[1]

    np.testing.assert_array_equal(said(1), said(1))
    assert not np.array_equal(said(1), said(2))


@pytest.mark.parametrize("version", VERSIONS)
def test_it_writes_down_and_reads_aloud(loaded, version):
    model = loaded(version)
    transcript = model.transcribe(sound())
    assert transcript.text and transcript.language in ("auto", *model.languages)
    pcm = np.concatenate([part.pcm for part in model.speak("你好，今天天气很好。")])
    assert len(pcm) > 0 and np.isfinite(pcm).all()
    with pytest.raises(ValueError, match="no words"):
        model.speak(" … ")


def png(seed, height=60, width=90):
    pixels = np.random.default_rng(seed).integers(0, 255, (height, width, 3), np.uint8)
    content = io.BytesIO()
    Image.fromarray(pixels).save(content, "png")
    return content.getvalue()


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("n_frames", [1, 4])
def test_pictures_and_videos_stand_in_the_turn_between_their_marks(loaded, version, n_frames):
    model = loaded(version)
    dialogue = model.open()
    dialogue.add(UserPicture([png(seed) for seed in range(n_frames)]))
    context = dialogue.mark().context
    begin, end = (model.ids.image, model.ids.image_end)
    if n_frames > 1:
        begin, end = (model.ids.video, model.ids.video_end)
    inside = context.ids[context.ids.index(begin) + 1 : context.ids.index(end)]
    assert set(inside) == {model.ids.image_patch}
    if model.config.thinker.sections is None:
        assert context.position == len(context.ids)
    else:  # a picture takes less of the position count than it has patches
        assert context.position < len(context.ids)
    seen = heard(dialogue, sound())[0]
    assert seen
    dialogue.truncate(0)
    assert model.ids.image_patch in dialogue.mark().context.ids


def test_what_is_no_picture_leaves_the_talk_as_it_was(loaded):
    dialogue = loaded().open()
    before = dialogue.mark()
    with pytest.raises(ValueError, match="no picture"):
        dialogue.add(UserPicture([b"rubbish"]))
    assert dialogue.mark() is before


def test_an_unknown_voice_or_language_is_named(loaded):
    model = loaded()
    with pytest.raises(ValueError, match="no voice 'nobody': .*luna_v2"):
        model.open(DialogueOptions(voice="nobody"))
    with pytest.raises(ValueError, match="no language 'klingon'"):
        model.open(DialogueOptions(language="klingon"))


def test_each_voice_sounds_differently(loaded):
    model, pcm = loaded(), sound()
    spoken = [heard(model.open(DialogueOptions(voice=voice)), pcm)[1] for voice in model.voices]
    assert not np.array_equal(spoken[0], spoken[1])


def test_words_together_are_the_text():
    for text in ("hello there, friend", "你好，我是 Ming 3个", " a ", "  ", "", "你 好\n b"):
        assert "".join(words_of(text)) == text
