"""nano's encoder, projector and thinker, on random weights."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from vivavoce.models.nano.audio_encoder import AudioEncoder
from vivavoce.models.nano.config import EncoderConfig, NanoConfig, ThinkerConfig
from vivavoce.models.nano.hearing import Ear
from vivavoce.models.nano.text import Text
from vivavoce.models.nano.thinker import AUDIO, TEXT, AudioProjector, Thinker

SMALL = EncoderConfig(dim=32, n_blocks=3, ffn_dim=64, phone_block=2, n_phones=10, left_chunks=2)


@pytest.fixture(scope="module")
def encoder() -> AudioEncoder:
    torch.manual_seed(0)
    return AudioEncoder(SMALL, 80, 50).eval()


@torch.no_grad()
@pytest.mark.parametrize("n_mel", [32, 64, 4 * 8 * 5, 32 * 4 + 12])
def test_encoder_chunk_by_chunk_equals_the_whole(encoder: AudioEncoder, n_mel: int) -> None:
    mel = torch.randn(1, n_mel, 80)
    state, parts = encoder.initial(), []
    for chunk in mel.split(32, dim=1):
        encoded, state = encoder.step(chunk, state)
        parts.append(encoded)
    whole = encoder(mel)
    for name in ("hidden", "phones", "ctc"):
        streamed = torch.cat([getattr(p, name) for p in parts], dim=1)
        assert torch.allclose(streamed, getattr(whole, name), atol=1e-4), name


@torch.no_grad()
def test_padding_changes_nothing(encoder: AudioEncoder) -> None:
    mel = torch.randn(1, 96, 80)
    padded = torch.cat([mel, torch.randn(1, 64, 80)], dim=1)
    both = encoder(padded, torch.tensor([24]))
    assert torch.allclose(both.hidden[:, :24], encoder(mel).hidden, atol=1e-4)


@torch.no_grad()
def test_restored_encoder_equals_never_having_left(encoder: AudioEncoder) -> None:
    mel = torch.randn(1, 96, 80)
    _, state = encoder.step(mel[:, :32], encoder.initial())
    wanted, _ = encoder.step(mel[:, 32:64], state)
    encoder.step(mel[:, 64:], state)
    got, _ = encoder.step(mel[:, 32:64], state)
    assert torch.equal(got.hidden, wanted.hidden)


@torch.no_grad()
def test_projector_pools_an_odd_last_frame_alone() -> None:
    torch.manual_seed(0)
    config = ThinkerConfig(dim=16, vocabulary=50)
    projector, table = AudioProjector(32, config), torch.randn(50, 16)
    hidden, ctc = torch.randn(1, 5, 32), torch.randn(1, 5, 50)
    whole = projector(hidden, ctc, table, 8)
    assert whole.shape == (1, 3, 16)
    alone = projector(hidden[:, 4:], ctc[:, 4:], table, 8)
    assert torch.allclose(whole[:, 2:], alone, atol=1e-6)


@torch.no_grad()
def test_thinker_in_steps_equals_the_whole() -> None:
    torch.manual_seed(0)
    thinker = Thinker(ThinkerConfig(dim=32, vocabulary=50, expert_dim=16, shared_dim=16)).eval()
    words = thinker.embed(torch.randint(0, 50, (1, 9)))
    audio = torch.randn(1, 7, 32)
    kinds = torch.tensor([[TEXT] * 9 + [AUDIO] * 7])
    hidden, _ = thinker(torch.cat([words, audio], dim=1), kinds)
    after_words, caches = thinker.step(words, TEXT, thinker.initial())
    after_audio, _ = thinker.step(audio, AUDIO, caches)
    assert torch.allclose(after_words, hidden[0, 8], atol=1e-4)
    assert torch.allclose(after_audio, hidden[0, 15], atol=1e-4)


@settings(max_examples=10, deadline=None)
@given(st.lists(st.integers(1, 7000), min_size=1, max_size=10))
def test_hearing_does_not_depend_on_how_audio_is_cut(cuts: list[int]) -> None:
    torch.manual_seed(0)
    text = Text.shipped()
    config = NanoConfig(encoder=SMALL, thinker=ThinkerConfig(dim=32, n_layers=1))
    ear, thinker = Ear(config, text).eval(), Thinker(config.thinker).eval()
    pcm = torch.randn(sum(cuts)) * 0.1
    with torch.no_grad():
        whole = _positions(ear, thinker, [pcm])
        pieces = _positions(ear, thinker, list(pcm.split(cuts)))
    assert torch.equal(whole, pieces)
    assert whole.shape[1] == (len(pcm) // 640 + 1) // 2


def _positions(ear: Ear, thinker: Thinker, pieces: list[torch.Tensor]) -> torch.Tensor:
    state, found = ear.initial(), [torch.zeros(1, 0, 32)]
    for piece in pieces:
        chunks, state = ear.hear(piece, state, thinker)
        found += chunks
    chunks, state = ear.close(state, thinker)
    positions = torch.cat([*found, *chunks], dim=1)
    assert state.n_positions == positions.shape[1]
    return positions
