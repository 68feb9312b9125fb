"""The streaming ear: any chunking, any return, pauses, blocks, and what blocks change."""

from __future__ import annotations

import random
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

from vivavoce.models.load_options import Blocks
from vivavoce.models.ming.audio_projector import AudioProjector
from vivavoce.models.ming.checkpoint import CheckpointError, TensorDict
from vivavoce.models.ming.config import MingConfig, ProjectorConfig, SanmConfig, WhisperConfig
from vivavoce.models.ming.features import read_cmvn, sanm_features, whisper_log_mel
from vivavoce.models.ming.front_ends import SanmFront, WhisperFront
from vivavoce.models.ming.hearing import Ear, HearingState, sanm_ear, whisper_ear
from vivavoce.models.ming.parts import parts_of
from vivavoce.models.ming.sanm_encoder import SanmEncoder
from vivavoce.models.ming.whisper_encoder import WhisperEncoder

VECTORS = Path(__file__).parents[2] / "reference/ming/vectors"
RATE_HZ = 16_000
SMALL = Blocks(block_s=0.48, before_s=0.72, after_s=0.24)
KINDS = ("whisper", "sanm")


@pytest.fixture(autouse=True)
def _inference():
    with torch.inference_mode():
        yield


def tiny_ear(kind: str, blocks: Blocks | None = None) -> Ear:
    torch.manual_seed(3)
    if kind == "whisper":
        config = WhisperConfig(n_mels=32, n_ctx=500, dim=16, n_heads=2, n_layers=2)
        projector = AudioProjector(ProjectorConfig(16, 12, 3, 2))
        return Ear(WhisperFront(32), WhisperEncoder(config), projector, blocks).eval()
    config = SanmConfig(dim=16, n_heads=2, ffn_dim=24, n_blocks=2)
    projector = AudioProjector(ProjectorConfig(16, 12, 1, 1))
    return Ear(SanmFront(cmvn()), SanmEncoder(config), projector, blocks).eval()


def cmvn() -> Tensor:
    return torch.stack([torch.full((560,), -8.0), torch.full((560,), 0.2)])


def noise(seconds: float, seed: int = 0) -> Tensor:
    """Noise that gets louder, so that later samples matter to the clamp of earlier ones."""
    n = round(seconds * RATE_HZ)
    generator = torch.Generator().manual_seed(seed)
    return 0.1 * torch.randn(n, generator=generator) * torch.linspace(0.01, 1, max(n, 1))[:n]


@dataclass
class Hearing:
    """A listener that keeps what it was given."""

    ear: Ear
    state: HearingState
    final: tuple[Tensor, ...] = ()

    @classmethod
    def begin(cls, ear: Ear) -> Hearing:
        return cls(ear, ear.initial())

    def hear(self, pcm: Tensor) -> None:
        positions, self.state = self.ear.hear(pcm, self.state)
        self.final += (positions,)

    def over(self) -> Tensor:
        rest, self.state = self.ear.settle(self.state)
        return torch.cat([*self.final, rest], dim=1)


def heard(ear: Ear, *pieces: Tensor) -> Tensor:
    hearing = Hearing.begin(ear)
    for piece in pieces:
        hearing.hear(piece)
    return hearing.over()


def cut_at_random(pcm: Tensor, seed: int) -> list[Tensor]:
    rng, pieces = random.Random(seed), []
    while len(pcm):
        n = rng.choice([0, 1, 7, 160, 320, 999, 5000, 12_000])
        pieces.append(pcm[:n])
        pcm = pcm[n:]
    return pieces


@pytest.mark.parametrize("blocks", [None, SMALL])
@pytest.mark.parametrize("kind", KINDS)
def test_any_chunking_gives_the_same(kind: str, blocks: Blocks | None) -> None:
    ear, pcm = tiny_ear(kind, blocks), noise(3.017)
    whole = heard(ear, pcm)
    assert whole.shape[1] == ear.whole(pcm).shape[1] > 40
    for seed in range(3):
        assert torch.equal(heard(ear, *cut_at_random(pcm, seed)), whole)


@pytest.mark.parametrize("seconds", [0.0201, 0.1, 0.33, 1.3, 3.017])
@pytest.mark.parametrize("kind", KINDS)
def test_a_settled_turn_is_what_the_whole_clip_gives(kind: str, seconds: float) -> None:
    ear, pcm = tiny_ear(kind), noise(seconds)
    frames = whisper_log_mel(pcm, 32) if kind == "whisper" else sanm_features(pcm, cmvn())
    ours = heard(ear, *cut_at_random(pcm, 1))
    if len(frames) == 0:
        assert ours.shape == (1, 0, 12)
        return
    torch.testing.assert_close(ours, ear.projector(ear.encoder(frames[None])), atol=1e-5, rtol=0)
    assert torch.equal(ours, ear.whole(pcm))


@pytest.mark.parametrize("n_samples", [0, 1, 159, 200])
@pytest.mark.parametrize("kind", KINDS)
def test_a_turn_too_short_for_a_frame_gives_nothing(kind: str, n_samples: int) -> None:
    assert heard(tiny_ear(kind), torch.zeros(n_samples)).shape == (1, 0, 12)


@pytest.mark.parametrize("blocks", [None, SMALL])
@pytest.mark.parametrize("kind", KINDS)
def test_a_restored_ear_never_left(kind: str, blocks: Blocks | None) -> None:
    ear, pcm = tiny_ear(kind, blocks), noise(2.5)
    hearing = Hearing.begin(ear)
    hearing.hear(pcm[:20_000])
    kept = Hearing(ear, hearing.state, hearing.final)
    hearing.hear(noise(1.7, seed=9) * 20)
    hearing.over()
    kept.hear(pcm[20_000:])
    assert torch.equal(kept.over(), heard(ear, pcm))


@pytest.mark.parametrize("kind", KINDS)
def test_a_new_turn_is_heard_by_a_fresh_ear(kind: str) -> None:
    ear, used = tiny_ear(kind, SMALL), tiny_ear(kind, SMALL)
    heard(used, noise(2.0, seed=5) * 30)
    assert torch.equal(heard(used, noise(1.1)), heard(ear, noise(1.1)))


@pytest.mark.parametrize("blocks", [None, SMALL])
@pytest.mark.parametrize("kind", KINDS)
def test_a_pause_changes_nothing_that_follows(kind: str, blocks: Blocks | None) -> None:
    ear, pcm = tiny_ear(kind, blocks), noise(2.5)
    hearing = Hearing.begin(ear)
    for piece in pcm.split(9_000):
        hearing.hear(piece)
        at_pause = hearing.over()
        n_heard = hearing.state.front.n_samples
        assert torch.equal(at_pause, heard(ear, pcm[:n_heard]))
    assert torch.equal(hearing.over(), heard(ear, pcm))


def test_settling_twice_encodes_once() -> None:
    ear = tiny_ear("whisper")
    _, state = ear.hear(noise(1.0), ear.initial())
    first, state = ear.settle(state)
    again, _ = ear.settle(state)
    assert again is first


@pytest.mark.parametrize("kind", KINDS)
def test_positions_are_final_block_by_block(kind: str) -> None:
    ear, pcm = tiny_ear(kind, SMALL), noise(3.0)
    n_block = round(SMALL.block_s * ear.rate_hz)
    hearing = Hearing.begin(ear)
    for piece in pcm.split(1600):
        hearing.hear(piece)
    counts = {positions.shape[1] for positions in hearing.final}
    assert counts == {0, n_block}
    latest_s = SMALL.block_s + SMALL.after_s + 0.32 + 0.1  # a group of frames, a piece
    assert hearing.state.n_final / ear.rate_hz > 3.0 - latest_s


@pytest.mark.parametrize("kind", KINDS)
def test_blocks_that_see_the_whole_turn_are_exact(kind: str) -> None:
    ear, pcm = tiny_ear(kind, Blocks(block_s=0.48, before_s=60, after_s=60)), noise(3.0)
    assert torch.equal(heard(ear, pcm), ear.whole(pcm))


@pytest.mark.parametrize("kind", KINDS)
def test_a_last_window_that_goes_back_to_the_begin_is_exact(kind: str) -> None:
    ear, pcm = tiny_ear(kind, Blocks(block_s=0.48, before_s=60, after_s=0.24)), noise(2.0)
    hearing = Hearing.begin(ear)
    hearing.hear(pcm)
    n_final = hearing.state.n_final
    assert n_final > 0
    torch.testing.assert_close(
        hearing.over()[:, n_final:], ear.whole(pcm)[:, n_final:], atol=1e-6, rtol=0
    )


def test_a_turn_longer_than_the_position_table_is_refused() -> None:
    ear = tiny_ear("whisper")
    assert ear.longest_s == 10.0
    _, state = ear.hear(noise(9.99), ear.initial())
    with pytest.raises(ValueError, match="10 s long"):
        ear.hear(noise(0.02), state)
    assert ear.settle(state)[0].shape[1] == 250
    assert tiny_ear("sanm").longest_s is None


@pytest.mark.parametrize("blocks", [None, SMALL])
@pytest.mark.parametrize("kind", KINDS)
def test_an_ear_may_live_on_another_device_than_the_sound(kind: str, blocks: Blocks | None) -> None:
    """The meta device computes shapes only, and refuses to mix devices as others do."""
    positions = heard(tiny_ear(kind, blocks).to("meta"), *noise(2.0).split(3200))
    assert positions.device.type == "meta" and positions.shape[2] == 12


def millions(module: torch.nn.Module) -> float:
    return sum(parameter.numel() for parameter in module.parameters()) / 1e6


def test_full_size_ears_have_the_parameters_of_the_released_ones() -> None:
    with torch.device("meta"):
        whisper, sanm = WhisperEncoder(WhisperConfig()), SanmEncoder(SanmConfig())
        projectors = [
            AudioProjector(ProjectorConfig(*sizes))
            for sizes in ((1280, 2048, 3, 2), (512, 2048, 1, 1))
        ]
    sizes = [millions(module) for module in (whisper, sanm, *projectors)]
    assert sizes == pytest.approx([635.0, 158.0, 12.06, 5.25], abs=0.05)


# --- the recorded models -------------------------------------------------------------------


def recorded_ear(kind: str, blocks: Blocks | None = None, dtype=None) -> Ear:
    name = f"audio_encoder_{'whisper_v1_5' if kind == 'whisper' else 'sanm_v1'}"
    tensors = load_file(VECTORS / f"{name}.weights.safetensors")
    if kind == "whisper":  # recorded with a table of 4 s, which the formula continues
        tensors.pop("audio.positional_embedding")
    parts = parts_of(TensorDict(tensors))
    heads = {"n_head": 3} if kind == "whisper" else {"attention_heads": 4}
    key = "whisper_encoder_config" if kind == "whisper" else "audio_encoder_config_sanm"
    config = MingConfig.from_parts(
        parts, {"llm_config": {"a": 1}, "audio_config": {key: heads}}, {}
    )
    if kind == "whisper":
        return whisper_ear(parts, config, blocks, dtype)
    scale = load_file(VECTORS / f"{name}.io.safetensors")["cmvn"]
    return sanm_ear(parts, config, scale, blocks, dtype)


def speech(seconds: float) -> Tensor:
    """Two recorded clips, over and over at other levels."""
    io = load_file(VECTORS / "audio_encoder_whisper_v1_5.io.safetensors")
    clips = [io[f"clip{i}/waveform_int16.0"] / 32_768 for i in (0, 1)]
    levels = (1.0, 0.3, 0.6, 1.4)
    pcm = torch.cat([clips[i % 2] * levels[i % 4] for i in range(20)])
    return pcm[: round(seconds * RATE_HZ)]


DOCUMENTED = [("whisper", 0.920, 0.717), ("sanm", 0.9990, 0.9957)]  # in hearing.py


@pytest.mark.parametrize(("kind", "mean", "lowest"), DOCUMENTED)
def test_blocks_deviate_as_documented(kind: str, mean: float, lowest: float) -> None:
    pcm = speech(16.0)
    exact, blocks = (heard(recorded_ear(kind, b), pcm) for b in (None, Blocks()))
    cosine = (exact * blocks).sum(-1)
    assert cosine.mean().item() == pytest.approx(mean, abs=6e-4)
    assert cosine.min().item() == pytest.approx(lowest, abs=6e-4)


@pytest.mark.parametrize("kind", KINDS)
def test_an_ear_in_bfloat16_hears_about_the_same(kind: str) -> None:
    pcm = speech(1.0)
    ours = recorded_ear(kind, dtype=torch.bfloat16).whole(pcm)
    assert ours.dtype == torch.bfloat16
    assert (ours.float() * recorded_ear(kind).whole(pcm)).sum(-1).min() > 0.98


# --- what may be wrong with a checkpoint ---------------------------------------------------


def test_a_checkpoint_without_an_ear_says_so() -> None:
    config = MingConfig.from_parts(parts_of(None), {"llm_config": {"a": 1}}, {})
    with pytest.raises(CheckpointError, match="no Whisper-size"):
        whisper_ear(parts_of(None), config)
    with pytest.raises(CheckpointError, match="no SANM"):
        sanm_ear(parts_of(None), config, cmvn())


MVN = """<Nnet>
<Splice> 4 4
[ 0 ]
<AddShift> 4 4
<LearnRateCoef> 0 [ -1 -2 -3.5 -4e0 ]
<Rescale> 4 4
<LearnRateCoef> 0 [ 0.1 0.2 0.3 0.4 ]
</Nnet>
"""


def test_a_kaldi_file_of_shift_and_scale_is_read(tmp_path: Path) -> None:
    path = tmp_path / "am.mvn"
    path.write_text(MVN)
    expected = torch.tensor([[-1, -2, -3.5, -4], [0.1, 0.2, 0.3, 0.4]])
    assert torch.equal(read_cmvn(path), expected)


@pytest.mark.parametrize("text", ["", MVN.replace("[ 0.1", "[ x"), MVN.replace("<Rescale>", "<R>")])
def test_a_broken_file_of_shift_and_scale_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "am.mvn"
    path.write_text(text)
    with pytest.raises(CheckpointError, match=r"am\.mvn"):
        read_cmvn(path)
    with pytest.raises(CheckpointError, match="cannot be read"):
        read_cmvn(tmp_path / "not there")
