"""Sounds without a word."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from training.augment import AugmentOptions
from training.encoder import make_batch, recognition_loss
from training.noises import RATE_HZ
from training.nonspeech import KINDS, LENGTHS_S, babble, cough, murmur, silent_turn
from training.phones import UNKNOWN
from vivavoce.models.nano.audio_encoder import Encoded
from vivavoce.models.nano.text import Text

PEOPLE = [np.random.default_rng(i).standard_normal(20000 + 1000 * i) for i in range(9)]


@pytest.mark.parametrize("language", ["en", "cmn", "yue"])
def test_a_silent_turn_is_declined_in_its_language(language):
    rng = np.random.default_rng(1)
    turns = [silent_turn(rng, language, PEOPLE) for _ in range(40)]
    assert {turn.user for turn in turns} == {""}
    assert {turn.action for turn in turns} == {"reject"}
    assert len({turn.reply for turn in turns}) == 1
    assert turns[0].reply.isascii() == (language == "en")
    for turn in turns:
        assert turn.pcm.dtype == np.int16
        assert 0.05 < len(turn.pcm) / RATE_HZ <= LENGTHS_S[1]
        assert 20000 < np.abs(turn.pcm.astype(int)).max() < 32767


def test_every_kind_sounds_and_no_two_are_alike():
    rng = np.random.default_rng(2)
    for make in (murmur, cough, lambda rng: babble(rng, PEOPLE)):
        first, second = make(rng), make(rng)
        assert np.isfinite(first).all() and first.std() > 0
        assert len(first) != len(second) or not np.allclose(first, second)
    assert len(KINDS) == 4


def test_a_murmur_is_a_low_tone_and_a_cough_is_noise():
    rng = np.random.default_rng(3)

    def flatness(sound):
        power = np.abs(np.fft.rfft(sound)) ** 2 + 1e-9
        return np.exp(np.log(power).mean()) / power.mean()

    murmurs = [flatness(murmur(rng)) for _ in range(20)]
    coughs = [flatness(cough(rng)) for _ in range(20)]
    assert np.median(murmurs) < np.median(coughs)


def test_a_batch_takes_them_beside_speech_without_a_target():
    rng = np.random.default_rng(4)
    turns = [silent_turn(rng, "en", PEOPLE) for _ in range(3)]
    batch = make_batch(turns, rng, AugmentOptions(), Text.shipped(), PEOPLE, mask=True)
    assert batch.target_lengths.tolist() == [0, 0, 0]
    assert len(batch.targets) == 0
    assert not batch.targets.is_floating_point()
    assert (batch.phones == UNKNOWN).all()


def test_a_batch_of_nothing_else_has_a_finite_loss():
    rng = np.random.default_rng(5)
    turns = [silent_turn(rng, "en", PEOPLE) for _ in range(3)]
    batch = make_batch(turns, rng, AugmentOptions(), Text.shipped(), PEOPLE, mask=False)
    shape = (3, int(batch.n_frames.max()))
    encoded = Encoded(torch.zeros(*shape, 8), torch.zeros(*shape, 9), torch.zeros(*shape, 10))
    phone, ctc = recognition_loss(encoded, batch)
    assert phone.isfinite() and ctc.isfinite()
