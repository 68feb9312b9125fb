"""A spoken clip to greedy text, ear and thinker together, against the reference's own run.

2e-4 on logits up to 16, as for the thinker alone: what the encoder adds is smaller.
"""

import json

import pytest
import torch
from safetensors.torch import load_file

from vivavoce.models.ming.checkpoint import TensorDict
from vivavoce.models.ming.config import MingConfig
from vivavoce.models.ming.features import INT16_SCALE, whisper_log_mel
from vivavoce.models.ming.hearing import whisper_ear
from vivavoce.models.ming.modality import modalities
from vivavoce.models.ming.parts import parts_of
from vivavoce.models.ming.positions import prompt_positions
from vivavoce.models.ming.thinker_files import load_thinker

NAME, LANGUAGE, AUDIO = (
    "e2e_audio_to_text_v1_5",
    "moe_thinker_v1_5",
    "audio_encoder_whisper_v1_5",
)


class Recorded:
    """The model of the recorded run, and the run."""

    def __init__(self, vectors):
        self.io = load_file(vectors / f"{NAME}.io.safetensors")
        tensors = {}
        for part in (LANGUAGE, AUDIO):
            tensors |= load_file(vectors / f"{part}.weights.safetensors")
        facts = {p: json.loads((vectors / f"{p}.json").read_text()) for p in (LANGUAGE, AUDIO)}
        parts = parts_of(TensorDict(tensors))
        data = {"llm_config": facts[LANGUAGE]["config"], **facts[AUDIO]["config"]}
        config = MingConfig.from_parts(parts, data, {})
        self.patches = {k: facts[LANGUAGE]["token_ids"][f"{k}_patch"] for k in ("image", "audio")}
        self.ear = whisper_ear(parts, config)
        self.thinker = load_thinker(config.thinker, parts.thinker)
        self.pcm = self.io["waveform_int16"] / INT16_SCALE

    def prompt(self):
        """Embeddings [1, T, D] with what was heard in place, router rows [1, T], positions."""
        ids = self.io["input_ids"]
        heard = self.ear.whole(self.pcm)
        ((start, n),) = self.io["audio_placeholder_loc_lens"][0].tolist()
        assert heard.shape[1] == n
        x = self.thinker.embed(ids)
        x[:, start : start + n] = heard
        kinds = modalities(ids[0], self.patches["image"], self.patches["audio"])
        positions, following = prompt_positions(ids[0], self.thinker.config)
        return x, kinds[None], positions[:, None], following

    def decoded(self, logits, caches, position):
        """Greedy tokens, and the logits of every step [n, V]."""
        tokens, steps = [], [logits]
        for _ in range(len(self.io["new_tokens"]) - 1):
            tokens.append(logits.argmax(-1))
            logits, caches = self.thinker.decode(tokens[-1], torch.tensor([position]), caches)
            steps.append(logits)
            position += 1
        return torch.cat([*tokens, logits.argmax(-1)]), torch.cat(steps)


@pytest.fixture(scope="module")
def recorded(vectors):
    if not (vectors / f"{NAME}.io.safetensors").is_file():
        pytest.skip(f"no {NAME} in {vectors}")
    with torch.inference_mode():
        yield Recorded(vectors)


def test_the_clip_has_the_recorded_features(recorded):
    mel = whisper_log_mel(recorded.pcm, recorded.ear.front.n_mels)[None]
    torch.testing.assert_close(mel, recorded.io["audio_feats"], rtol=0, atol=1e-4)


def test_a_clip_gives_the_recorded_text_and_what_the_talker_gets(recorded):
    x, kinds, positions, following = recorded.prompt()
    assert torch.equal(positions, recorded.io["prefill_position_ids"])
    hidden, caches = recorded.thinker.step(x, kinds, positions, recorded.thinker.initial())
    prefix = recorded.io["thinker_prefix_for_talker"]
    torch.testing.assert_close(x + hidden, prefix, rtol=0, atol=2e-4)
    tokens, logits = recorded.decoded(recorded.thinker.logits(hidden[:, -1]), caches, following)
    assert torch.equal(tokens, recorded.io["new_tokens"])
    torch.testing.assert_close(logits, recorded.io["step_last_logits"], rtol=0, atol=2e-4)
    for step in range(len(tokens) - 1):
        assert (recorded.io[f"decode_position_ids.{step}"] == following + step).all()


def test_a_clip_heard_and_prefilled_in_pieces_gives_the_same_text(recorded):
    ear, thinker, ids = recorded.ear, recorded.thinker, recorded.io["input_ids"]
    ((start, n),) = recorded.io["audio_placeholder_loc_lens"][0].tolist()
    _, kinds, positions, following = recorded.prompt()
    state, caches = ear.initial(), thinker.initial()
    before = slice(0, start)
    _, caches = thinker.step(
        thinker.embed(ids[:, before]), kinds[:, before], positions[..., before], caches
    )
    for piece in recorded.pcm.split(320):
        _, state = ear.hear(piece, state)
    heard, _ = ear.settle(state)
    for first in range(0, n, 5):
        now = slice(start + first, start + min(first + 5, n))
        _, caches = thinker.step(
            heard[:, first : first + 5], kinds[:, now], positions[..., now], caches
        )
    after = slice(start + n, None)
    hidden, caches = thinker.step(
        thinker.embed(ids[:, after]), kinds[:, after], positions[..., after], caches
    )
    tokens, logits = recorded.decoded(thinker.logits(hidden[:, -1]), caches, following)
    assert torch.equal(tokens, recorded.io["new_tokens"])
    torch.testing.assert_close(logits, recorded.io["step_last_logits"], rtol=0, atol=2e-4)
