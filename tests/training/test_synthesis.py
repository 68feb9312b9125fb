"""The synthesis engines: word times, phones, and the voices kept for evaluation."""

import ctypes.util

import numpy as np
import pytest

from training.augment import power
from training.languages import LANGUAGES
from training.phones import classify
from training.synthesis import (
    RATE_HZ,
    EspeakVoice,
    FestivalVoice,
    FliteVoice,
    festival,
    is_reserved,
    random_voice,
    synthesize,
)
from training.synthesis.voices import RESERVED_VARIANTS, TRAIN_VARIANTS

pytestmark = pytest.mark.skipif(
    not (ctypes.util.find_library("espeak-ng") and ctypes.util.find_library("flite")),
    reason="needs the libraries espeak-ng and flite",
)

needs_festival = pytest.mark.skipif(
    not festival.available(), reason="needs festival and its voices ked and hts"
)

VOICES = [EspeakVoice("gmw/en-US+f3"), FliteVoice("slt"), FliteVoice("kal")]


@pytest.mark.parametrize("voice", VOICES, ids=str)
def test_words_are_the_text_in_order_and_lie_inside_the_audio(voice):
    text = "Set a timer for twenty-one minutes, it's fine."
    utterance = synthesize(text, voice)
    spoken = " ".join(word for word, _, _ in utterance.words)
    assert spoken == text.replace(",", "").replace(".", "")
    times = [time for _, start, end in utterance.words for time in (start, end)]
    assert times == sorted(times)
    assert times[0] >= 0 and times[-1] <= len(utterance.pcm)
    assert utterance.pcm.dtype == np.float32
    assert 0.05 < np.abs(utterance.pcm).max() <= 1.0


def test_a_flite_word_is_a_whitespace_word_even_when_it_is_read_as_several():
    utterance = synthesize("I have 21 of them", FliteVoice("slt"))
    assert [word for word, _, _ in utterance.words] == ["I", "have", "21", "of", "them"]


def test_word_ends_fall_into_the_pause_between_two_sentences():
    utterance = synthesize("hello. goodbye.", FliteVoice("slt"))
    (_, _, end), (_, start, _) = utterance.words
    gap = utterance.pcm[end + 400 : start - 400]
    assert len(gap) > 400
    assert np.abs(gap).max() < 0.1 * np.abs(utterance.pcm).max()


@pytest.mark.parametrize(
    "voice",
    [
        FliteVoice("slt"),
        FliteVoice("kal"),
        pytest.param(FestivalVoice("ked"), marks=needs_festival),
        pytest.param(FestivalVoice("hts"), marks=needs_festival),
    ],
    ids=lambda voice: voice.name,
)
def test_phones_have_espeaks_names_and_lie_where_they_sound(voice):
    utterance = synthesize("see four shoes", voice)
    classes = [phone for _, phone in utterance.phones if phone != "_"]
    assert classes == ["s", "i", "f", "O@", "S", "u", "z"]
    assert all(of >= 0 for _, of in classify(utterance.phones, "en"))
    starts = [start for start, _ in utterance.phones]
    assert starts == sorted(starts) and starts[-1] <= len(utterance.pcm)
    loud, hissing = {}, {}
    for (start, phone), stop in zip(utterance.phones, starts[1:], strict=False):
        sound = utterance.pcm[start:stop]
        loud[phone] = float(np.abs(sound).mean())
        hissing[phone] = float(np.mean(sound[1:] * sound[:-1] < 0))
    assert min(loud["i"], loud["O@"], loud["u"]) > 2 * max(loud["_"], 1e-3)
    assert min(hissing["s"], hissing["S"]) > 2 * max(hissing["i"], hissing["O@"], hissing["u"])


@pytest.mark.parametrize(
    ("file", "text"), [("sit/cmn-Latn-pinyin+f2", "今天天气"), ("sit/yue+f2", "今日天氣")]
)
def test_hanzi_are_read_one_by_one_with_phones(file, text):
    utterance = synthesize(text, EspeakVoice(file))
    assert "".join(word for word, _, _ in utterance.words) == text
    starts = [start for start, _ in utterance.phones]
    assert starts == sorted(starts)
    assert len({phone for _, phone in utterance.phones}) > 5


def test_faster_speech_is_shorter():
    slow, fast = (synthesize("turn on the light", EspeakVoice("gmw/en", r)) for r in (120, 230))
    assert len(fast.pcm) < 0.7 * len(slow.pcm)


def test_flite_keeps_its_own_pitch_unless_told_after_another_was_set():
    own, lower, again = (
        synthesize("turn on the light", FliteVoice("slt", f0_hz=hz)).pcm
        for hz in (None, 90.0, None)
    )
    noise = 0.2  # its unvoiced sounds are random
    assert np.abs(own - again).max() < noise < np.abs(own - lower).max()


def test_training_never_draws_a_reserved_voice_and_evaluation_always_does():
    rng = np.random.default_rng(1)
    for language in LANGUAGES:
        for _ in range(500):
            assert not is_reserved(random_voice(rng, language, "train", flite_share=0.5))
            assert is_reserved(random_voice(rng, language, "reserved", flite_share=0.5))
    assert not set(TRAIN_VARIANTS) & set(RESERVED_VARIANTS)


@needs_festival
@pytest.mark.parametrize("name", festival.NAMES)
def test_festival_reads_words_in_order_and_ends_where_the_sound_does(name):
    text = "turn on the light, it's 21 outside"
    utterance = synthesize(text, FestivalVoice(name))
    assert " ".join(word for word, _, _ in utterance.words) == text.replace(",", "")
    times = [time for _, start, end in utterance.words for time in (start, end)]
    assert times == sorted(times) and times[0] > 0 and times[-1] <= len(utterance.pcm)
    assert 0.05 < np.abs(utterance.pcm).max() <= 1.0
    first, last = utterance.words[0], utterance.words[-1]
    assert power(utterance.pcm[first[1] : last[2]]) > 100 * power(utterance.pcm[: first[1] // 2])
    if name == "ked":
        slow = synthesize(text, FestivalVoice(name, stretch=1.3))
        assert len(slow.pcm) > 1.15 * len(utterance.pcm)


def test_our_own_speakers_differ_from_each_other_and_are_the_same_again():
    def said(number):
        return synthesize("turn on the light", EspeakVoice(f"gmw/en-US+speaker{number}")).pcm

    def colour(pcm):
        """Log spectrum in bands of 125 Hz."""
        power = np.abs(np.fft.rfft(pcm, RATE_HZ))[:8000].reshape(64, 125) ** 2
        return np.log(power.sum(1) + 1e-9)

    first, second, again = colour(said(1)), colour(said(2)), colour(said(1))
    assert np.abs(first - again).mean() < 0.3 < np.abs(first - second).mean()
    for number in range(0, 40):
        assert np.abs(said(number)).max() > 0.05, number
    drawn = [random_voice(np.random.default_rng(i), "yue").file for i in range(40)]
    assert any("+speaker" in file for file in drawn)
    assert not all("+speaker" in file for file in drawn)


def test_every_variant_speaks():
    for variant in TRAIN_VARIANTS + RESERVED_VARIANTS:
        utterance = synthesize("hello there", EspeakVoice(f"gmw/en-US+{variant}"))
        assert np.abs(utterance.pcm).max() > 0.05, variant


def test_mistakes_are_named():
    with pytest.raises(ValueError, match="no voice file"):
        synthesize("hello", EspeakVoice("gmw/nobody"))
    with pytest.raises(ValueError, match="ASCII"):
        synthesize("你好", FliteVoice("slt"))
    with pytest.raises(ValueError, match="ASCII"):
        synthesize("你好", FestivalVoice("ked"))
    with pytest.raises(ValueError, match="no voice"):
        synthesize("hello", FestivalVoice("nobody"))
    with pytest.raises(ValueError, match="no voices for"):
        random_voice(np.random.default_rng(0), "xx")
