"""How clearly a turn was heard, one person or several at once, and how much was said in it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from vivavoce.assistant.core.settings import Settings
from vivavoce.models.catalog import load
from vivavoce.models.nano.hearing import HearingState, samples_of
from vivavoce.models.nano.model import NanoModel
from vivavoce.streaming.wavfile import read_wav

RECORDINGS = Path(__file__).parents[3] / "demo" / "voices"
MURMURS = Path(__file__).parents[2] / "data"


@pytest.fixture(scope="module")
def nano() -> NanoModel:
    model = load("nano")
    assert isinstance(model, NanoModel)
    return model


@torch.inference_mode()
def heard(nano: NanoModel, pcm: np.ndarray, piece: int) -> HearingState:
    state = nano.ear.initial()
    for start in range(0, len(pcm), piece):
        _, state = nano.ear.hear(samples_of(pcm[start : start + piece]), state, nano.thinker)
    return nano.ear.close(state, nano.thinker)[1]


def recordings() -> list[np.ndarray]:
    found = [read_wav(path, 16_000)[0] for path in sorted(RECORDINGS.glob("*.wav"))]
    assert len(found) >= 6
    return found


def test_one_person_is_clear_and_six_at_once_are_no_speech(nano: NanoModel) -> None:
    people = recordings()
    assert all(nano.is_speech(heard(nano, pcm, 16_000)) for pcm in people)
    longest = max(len(pcm) for pcm in people)
    crowds = [
        sum(np.resize(np.roll(pcm, 4000 * number), longest) for pcm in people[number : number + 6])
        for number in range(len(people) - 5)
    ]
    assert not any(nano.is_speech(heard(nano, crowd / 3, 16_000)) for crowd in crowds)


def test_how_clear_it_was_does_not_depend_on_the_pieces(nano: NanoModel) -> None:
    pcm = recordings()[0]
    whole, pieces = heard(nano, pcm, len(pcm)), heard(nano, pcm, 333)
    assert whole.tokens == pieces.tokens
    assert 0 < whole.clarity < 1
    assert whole.clarity == pytest.approx(pieces.clarity, abs=1e-5)
    assert whole.clarity < whole.mean_confidence


def test_nothing_is_not_clear(nano: NanoModel) -> None:
    assert nano.ear.initial().clarity == 0
    assert not nano.is_speech(nano.ear.initial())


def test_a_sentence_has_many_different_phones_and_a_murmur_or_a_hum_few(nano: NanoModel) -> None:
    enough = Settings().confirm_phones
    sentences = [pcm for pcm in recordings() if len(pcm) > 20_000]
    assert len(sentences) >= 6
    assert all(heard(nano, pcm[:16_000], 16_000).n_phones >= 1.5 * enough for pcm in sentences)
    mhm = read_wav(MURMURS / "mhm.wav", 16_000)[0]
    hum = np.resize(mhm[len(mhm) // 4 : len(mhm) // 2], 32_000)
    for few in (mhm, hum, np.zeros(32_000, np.float32)):
        assert heard(nano, few, 16_000).n_phones < enough


def test_how_many_phones_does_not_depend_on_the_pieces_and_never_falls(nano: NanoModel) -> None:
    pcm = recordings()[0]
    whole, pieces = heard(nano, pcm, len(pcm)), heard(nano, pcm, 333)
    assert whole.n_phones == pytest.approx(pieces.n_phones, abs=1e-4)
    assert nano.transcribe(pcm).n_phones == pytest.approx(whole.n_phones, abs=1e-4)
    counts = [heard(nano, pcm[: 5120 * n], 5120).n_phones for n in range(1, len(pcm) // 5120)]
    assert counts == sorted(counts) and counts[-1] > counts[0]
