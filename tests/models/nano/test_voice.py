"""Words in, audio out: voices by language, hanzi one by one, and any speaking rate."""

import math
from functools import partial

import numpy as np
import pytest
import torch

from vivavoce.models.dialogue import AudioDelta, Message, ReplyOptions, TextDelta
from vivavoce.models.nano.audio_decoder import AudioDecoderConfig
from vivavoce.models.nano.model import NanoModel
from vivavoce.models.nano.talker import TalkerConfig
from vivavoce.models.nano.text import Text
from vivavoce.models.nano.voice import NewWord, SpeakingVoice, Voice, WordAudio, _Pieces

VOICES = [
    SpeakingVoice("anna", "en", "west", 0),
    SpeakingVoice("bo", "cmn", "east", 1),
    SpeakingVoice("ka", "yue", "east", 2),
]
RATES = [1.0, 0.5, 0.75, 1.25, 2.0]


@pytest.fixture(scope="module")
def voice():
    text = Text.shipped()
    torch.manual_seed(2)
    made = Voice(
        TalkerConfig(text.vocabulary, dim=16, n_heads=2, n_layers=1, hidden=16, n_codes=16),
        AudioDecoderConfig(levels=(4, 4), dim=8, hidden=12, n_mel_blocks=1, n_wave_blocks=1),
        text,
        VOICES,
    )
    for part in (*made.talkers.values(), *made.decoders.values()):
        torch.nn.init.normal_(part.voices.weight)
    return made.eval().requires_grad_(False)


def spoken(speaker, words, **how):
    return list(speaker.speak(iter(words), **how))


def readers(voice, words, name):
    """Who says each of the words."""
    pieces = _Pieces(voice, iter(words), voice.named(name))
    said = []
    for _ in words:
        list(pieces.look())
        said += [(p.speaker, p.word.voice) for p in pieces.waiting]
        pieces.waiting.clear()
    names = {(v.speaker, v.number): v.name for v in voice.voices}
    return [names[key] for key in said]


def test_a_word_of_several_hanzi_is_one_word_spoken_hanzi_by_hanzi(voice):
    parts = spoken(voice, ["現在", "下午"], voice="bo")
    assert [(p.text, p.index) for p in parts if isinstance(p, NewWord)] == [
        ("現在", 0),
        ("下午", 1),
    ]
    audio = [p for p in parts if isinstance(p, WordAudio)]
    assert {p.index for p in audio} == {0, 1}
    apart = spoken(voice, ["現", "在", "下", "午"], voice="bo")
    one = np.concatenate([p.pcm for p in audio])
    other = np.concatenate([p.pcm for p in apart if isinstance(p, WordAudio)])
    np.testing.assert_allclose(one, other, atol=1e-4)


def test_words_in_another_language_are_said_by_a_voice_of_that_language(voice):
    assert readers(voice, ["打", "开", "kitchen", "灯"], "bo") == ["bo", "bo", "anna", "bo"]
    assert readers(voice, ["開", "kitchen", "燈"], "ka") == ["ka", "anna", "ka"]
    assert readers(voice, ["that", "is", "谢谢"], "anna") == ["anna", "anna", "bo", "bo"]
    assert readers(voice, ["播放bob"], "ka") == ["ka", "ka", "anna"]


def test_without_a_chinese_voice_the_first_one_tries(voice):
    alone = Voice(
        voice.talkers["west"].config, voice.decoders["west"].config, voice.text, VOICES[:1]
    )
    assert readers(alone, ["谢谢"], None) == ["anna", "anna"]
    assert alone.voice_for("yue") == "anna"


def test_voices_differ(voice):
    first, second = (
        np.concatenate([p.pcm for p in spoken(voice, ["好"] * 3, voice=name)[1:] if _sounds(p)])
        for name in ("bo", "ka")
    )
    assert len(first) != len(second) or not np.allclose(first, second)


def _sounds(part):
    return isinstance(part, WordAudio)


@pytest.mark.parametrize("rate", RATES)
def test_the_stream_equals_the_whole_and_every_word_has_its_share(voice, rate, monkeypatch):
    words = ["好", "的", "light", "on", "了"]
    runs = [[0, 1], [2, 3], [4]]  # what one speaker says in a row
    said = []
    for talker in voice.talkers.values():
        monkeypatch.setattr(talker, "step", partial(_noted, talker.step, said))
    audio = [p for p in spoken(voice, words, voice="ka", rate=rate) if _sounds(p)]
    starts = [0, *(i for i in range(1, len(said)) if _begins(said, i))]
    whole, n = [], 0
    for run, start, stop in zip(runs, starts, [*starts[1:], len(said)], strict=True):
        codes = torch.tensor([[code.code for code in said[start:stop]]])
        voices = torch.tensor([[code.voice for code in said[start:stop]]])
        decoder = voice.decoders["west" if said[start].voice == 0 else "east"]
        whole.append(decoder(codes, voices, rate).samples[0].numpy())
        for k, index in enumerate(run):
            n_codes = sum(code.word <= k for code in said[start:stop])
            end = sum(len(p.pcm) for p in audio if p.index <= index)
            assert end == n + math.ceil(4 * n_codes / rate) * 160
        n += len(whole[-1])
    made = np.concatenate([p.pcm for p in audio])
    np.testing.assert_allclose(made, np.concatenate(whole), atol=1e-3)
    assert audio[-1].n_codes == len(said)


def _noted(step, said, *arguments):
    code, state = step(*arguments)
    said.extend([code] if code else [])
    return code, state


def _begins(said, i):
    """Whether another speaker begins with this code."""
    return (said[i].voice == 0) != (said[i - 1].voice == 0)


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ({"voice": "carl"}, "no voice 'carl': anna, bo, ka"),
        ({"rate": 9.0}, "speaking rate must be 0.25 to 4, not 9"),
    ],
)
def test_what_cannot_be_is_refused_before_a_word_is_taken(voice, how, message):
    words = iter(["hello"])
    with pytest.raises(ValueError, match=message):
        voice.speak(words, **how)
    assert next(words) == "hello"


@pytest.fixture(scope="module")
def nano():
    return NanoModel.load()


def test_what_was_heard_is_kept_at_any_rate(nano):
    lengths = []
    for rate in (1.0, 1.5):
        dialogue = nano.open()
        dialogue.add(Message("user", "turn on the kitchen light"))
        words, ends = [], {}
        for part in dialogue.reply(ReplyOptions(speaking_rate=rate)):
            if isinstance(part, TextDelta):
                words.append(part.text)
            elif isinstance(part, AudioDelta):
                ends[part.token_index] = len(part.pcm) + max(ends.values(), default=0)
        lengths.append(max(ends.values()))
        mark = dialogue.mark()
        for index in (0, 2):
            dialogue.rewind(mark)
            assert dialogue.truncate(ends[index]) == "".join(words[: index + 1])
            dialogue.rewind(mark)
            assert dialogue.truncate(ends[index] - 1) == "".join(words[:index])
    assert lengths[0] / lengths[1] == pytest.approx(1.5, rel=0.02)


def test_a_text_is_read_at_the_rate_asked_for_and_not_at_another(nano):
    usual, quick = (
        sum(len(part.pcm) for part in nano.speak("good morning", rate=rate)) for rate in (1, 1.25)
    )
    assert usual / quick == pytest.approx(1.25, rel=0.03)
    with pytest.raises(ValueError, match="no voice 'carl'"):
        list(nano.speak("good morning", voice="carl"))
    with pytest.raises(ValueError, match="speaking rate"):
        list(nano.speak("good morning", rate=0))


def test_every_shipped_voice_says_something_in_its_language(nano):
    assert nano.voice_languages == {"slt": "en", "mei": "cmn", "ling": "yue"}
    for name, text in (("slt", "good morning"), ("mei", "早上好"), ("ling", "開咗燈")):
        named = [part.pcm for part in nano.speak(text, name)]
        unnamed = [part.pcm for part in nano.speak(text)]
        np.testing.assert_array_equal(np.concatenate(named), np.concatenate(unnamed))
        spoken_s = len(np.concatenate(named)) / nano.output_rate_hz
        assert 0.3 < spoken_s < 2 and np.concatenate(named).std() > 0.02
