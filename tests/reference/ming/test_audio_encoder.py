"""Both audio encoders against recorded clips: features, frames, positions.

Tolerances: 1e-4 for log-mel, 1e-3 for Kaldi features (both are logarithms of float32 sums in
another order), 1e-5 for what follows from given features.
"""

import json

import pytest
import torch
from safetensors.torch import load_file

from vivavoce.models.ming.audio_projector import AUDIO_PROJECTOR_NAMES, AudioProjector
from vivavoce.models.ming.checkpoint import TensorDict, load_into
from vivavoce.models.ming.config import MingConfig
from vivavoce.models.ming.features import INT16_SCALE, sanm_features, whisper_log_mel
from vivavoce.models.ming.parts import parts_of
from vivavoce.models.ming.sanm_encoder import SanmEncoder
from vivavoce.models.ming.whisper_encoder import WhisperEncoder, whisper_names

NAMES = [f"audio_encoder_{name}" for name in ("whisper_v1_5", "whisper_v1", "sanm_v1")]
NAMES.append("audio_encoder_sanm_preview")
CLIPS = ("clip0", "clip1")


class Recorded:
    """One encoder with its projector, and what the reference made of some clips."""

    def __init__(self, vectors, name):
        self.is_whisper = "whisper" in name
        settings = json.loads((vectors / f"{name}.json").read_text(encoding="utf-8"))
        parts = parts_of(TensorDict(load_file(vectors / f"{name}.weights.safetensors")))
        config = MingConfig.from_parts(parts, settings["config"], {})
        self.io = load_file(vectors / f"{name}.io.safetensors")
        if self.is_whisper:
            self.encoder, source = WhisperEncoder(config.whisper), parts.whisper
            load_into(self.encoder, source, whisper_names(source, config.whisper))
            self.projector = AudioProjector(config.whisper_projector)
            source = parts.whisper_projector
        else:
            self.encoder = SanmEncoder(config.sanm)
            load_into(self.encoder, parts.sanm)
            self.projector, source = AudioProjector(config.sanm_projector), parts.sanm_projector
        load_into(self.projector, source, AUDIO_PROJECTOR_NAMES)
        self.encoder.eval()

    def features(self, case, row=0):
        pcm = self.io[f"{case}/waveform_int16.{row}"] / INT16_SCALE
        if self.is_whisper:
            return whisper_log_mel(pcm, self.encoder.config.n_mels)
        return sanm_features(pcm, self.io["cmvn"])


@pytest.fixture(params=NAMES, scope="module")
def recorded(request, vectors):
    if not (vectors / f"{request.param}.io.safetensors").is_file():
        pytest.skip(f"no {request.param} in {vectors}")
    with torch.inference_mode():
        yield Recorded(vectors, request.param)


def assert_near(ours, theirs, tolerance):
    assert ours.shape == theirs.shape
    assert (ours - theirs).abs().max() <= tolerance


@pytest.mark.parametrize("case", CLIPS)
def test_waveforms_give_the_same_features(recorded, case):
    tolerance = 1e-4 if recorded.is_whisper else 1e-3
    assert_near(recorded.features(case)[None], recorded.io[f"{case}/audio_feats"], tolerance)


@pytest.mark.parametrize("case", CLIPS)
def test_features_give_the_same_frames_and_positions(recorded, case):
    frames = recorded.encoder(recorded.io[f"{case}/audio_feats"])
    assert_near(frames, recorded.io[f"{case}/encoder_out"], 1e-5)
    positions = recorded.projector(frames)
    assert_near(positions, recorded.io[f"{case}/audio_embeds"], 1e-5)
    assert positions.shape[1] == recorded.io[f"{case}/audio_embeds_lengths"].item()


@pytest.mark.parametrize("case", CLIPS)
def test_waveforms_give_the_same_positions(recorded, case):
    positions = recorded.projector(recorded.encoder(recorded.features(case)[None]))
    assert_near(positions, recorded.io[f"{case}/audio_embeds"], 1e-4)


def test_a_batch_matches_the_reference(recorded):
    """The reference masks padding in SANM, and forgets to with the Whisper-size encoder."""
    feats, lengths = batch(recorded)
    frames = recorded.encoder(feats, None if recorded.is_whisper else lengths)
    positions = recorded.projector(frames)
    embeds = recorded.io["batch2/audio_embeds"]
    lengths = recorded.io["batch2/audio_embeds_lengths"].flatten()
    for row, n in enumerate(lengths.tolist()):
        n_frames = frames.shape[1] if recorded.is_whisper else n
        theirs = recorded.io["batch2/encoder_out"][row, :n_frames]
        assert_near(frames[row, :n_frames], theirs, 1e-5)
        assert_near(positions[row, :n], embeds[row, :n], 1e-5)


def test_a_masked_batch_gives_every_clip_what_it_gives_alone(recorded):
    feats, lengths = batch(recorded)
    frames = recorded.encoder(feats, lengths)
    if recorded.is_whisper:
        lengths = (lengths - 1) // 2 + 1
    positions = recorded.projector(frames, lengths)
    for row, n in enumerate(recorded.projector.n_positions(lengths).tolist()):
        alone = recorded.io[f"clip{row}/audio_embeds"]
        assert_near(positions[row : row + 1, :n], alone, 1e-5)


def batch(recorded):
    return recorded.io["batch2/audio_feats"], recorded.io["batch2/audio_feats_lengths"].flatten()
