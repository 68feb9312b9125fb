"""Speech codes to mel frames by chunk-aware flow matching (v1.5).

Codes are encoded to a mean mel `mu`; an ODE turns noise into the mel, guided by `mu`, the
speaker and the prompt's mel (classifier-free guidance, arXiv 2207.12598). The noise is one fixed
buffer indexed by frame, so a frame's mel does not depend on how the codes arrived.

    chunks     0..49 │ 50..99 │ 100..149 │ ...       prompt first, then the new codes
    computed   once, when its codes and 3 more are there; its state is a value

Letters: N codes, A look-ahead, R frames per code, T frames, M mel bins, S solver steps.

Source: arXiv 2412.10117 §2.3; checkpoint file `flow_stream.pt`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..layers.attention import chunk_mask
from .conformer import ConformerConfig, EncoderState, UpsamplingEncoder
from .flow_estimator import CausalEstimator, EstimatorConfig, EstimatorState

NOISE_SEED, NOISE_FRAMES = 0, 15_000  # the reference's buffer: 300 s at 50 Hz


@dataclass(frozen=True)
class FlowConfig:
    """A flow model. chunk: codes that see each other; n_steps: of the solver."""

    n_codes: int
    speaker_dim: int
    encoder: ConformerConfig
    estimator: EstimatorConfig
    chunk: int = 50
    n_steps: int = 10
    guidance: float = 0.7


@dataclass(frozen=True, eq=False)
class VoicePrompt:
    """A voice: speaker vector [192], and optionally codes [P] with their mel [P * R, M].

    In the released speaker files: `flow_embedding` or `vp_emb`, `flow_prompt_speech_token` or
    `prompt_speech_token`, `prompt_speech_feat`.
    """

    speaker: Tensor
    codes: Sequence[int] = ()
    mel: Tensor | None = None


@dataclass(frozen=True, eq=False)
class FlowState:
    """What lies before the next chunk.

    n_codes: codes in finished chunks; prompt_mel [P * R, M]; speaker [1, 1, M] as projected;
    steps: the estimator's state at every solver step.
    """

    speaker: Tensor
    prompt_mel: Tensor
    n_codes: int
    encoder: EncoderState
    steps: tuple[EstimatorState, ...]


class CausalFlow(nn.Module):
    """Codes → mel: whole as the reference computes it, or chunk by chunk."""

    def __init__(self, config: FlowConfig) -> None:
        super().__init__()
        self.config = c = config
        self.n_mels, self.ratio = c.estimator.n_mels, c.encoder.up_ratio
        self.embedding = nn.Embedding(c.n_codes, c.encoder.dim_in)
        self.speaker = nn.Linear(c.speaker_dim, self.n_mels)
        self.encoder = UpsamplingEncoder(c.encoder)
        self.project = nn.Linear(c.encoder.dim, self.n_mels)
        self.estimator = CausalEstimator(c.estimator)

    # --- chunk by chunk --------------------------------------------------------------------

    def initial(self, voice: VoicePrompt) -> FlowState:
        """Before the first code of the voice's prompt."""
        weight = self.project.weight
        speaker = F.normalize(voice.speaker.to(weight).reshape(1, 1, -1), dim=-1)
        mel = weight.new_zeros(0, self.n_mels) if voice.mel is None else voice.mel.to(weight)
        steps = (self.estimator.initial(2),) * self.config.n_steps
        return FlowState(self.speaker(speaker), mel, 0, self.encoder.initial(), steps)

    def step(
        self, codes: Sequence[int], n: int, state: FlowState, keep: bool = True
    ) -> tuple[Tensor, FlowState]:
        """The next n codes of a chunk → their mel.

        Args:
            codes: n codes and up to A that follow; the ones missing count as silence.
            n: at most one chunk; exactly one where `keep`.
            state: all finished chunks before; returned as it was where not `keep`.
            keep: whether the chunk is complete and later ones build on it.
        Returns:
            mel [n * R, M], natural log, and the state.
        """
        x = self.embedding(self._clamped(codes))
        hidden, encoder = self.encoder.step(x, n, state.encoder, keep)
        mel, steps = self._solve(self.project(hidden), state, keep)
        if not keep:
            return mel, state
        n_codes = state.n_codes + n
        return mel, replace(state, n_codes=n_codes, encoder=encoder, steps=steps)

    def forgetful(self, state: FlowState, n_first: int, n_last: int) -> FlowState:
        """Attention remembers the first and last so many codes only; all else stays."""
        encoder = state.encoder.forgetful(n_first, n_last, self.ratio)
        first, last = n_first * self.ratio, n_last * self.ratio
        steps = tuple(step.forgetful(first, last) for step in state.steps)
        return replace(state, encoder=encoder, steps=steps)

    def halved(self, state: FlowState) -> FlowState:
        """The same state; keys and values are kept in half precision from now on."""
        steps = tuple(step.halved() for step in state.steps)
        return replace(state, encoder=state.encoder.halved(), steps=steps)

    def kept_bytes(self, n_codes: int) -> int:
        """What the keys and values of so many codes take in half precision."""
        encoder, estimator = self.config.encoder, self.config.estimator
        layers = encoder.n_blocks + encoder.n_up_blocks * self.ratio
        n_values = layers * encoder.dim
        width = estimator.n_heads * estimator.head_dim * self.ratio
        n_values += 2 * self.config.n_steps * self.estimator.n_layers * width  # guided and free
        return n_codes * n_values * 2 * torch.float16.itemsize

    def roomy(self, state: FlowState, room: int) -> FlowState:
        """The same state; where it next has to grow, it makes room for so many codes at once."""
        steps = tuple(step.roomy(room * self.ratio) for step in state.steps)
        return replace(state, encoder=state.encoder.roomy(room, self.ratio), steps=steps)

    # --- whole -----------------------------------------------------------------------------

    def whole(
        self, codes: Sequence[int], voice: VoicePrompt, chunked: bool, last: bool = True
    ) -> Tensor:
        """All codes in one go, as the reference does for every chunk.

        Args:
            codes: the new codes; the voice's prompt goes before them.
            voice: speaker and prompt.
            chunked: a frame sees its chunk and those before; else every frame.
            last: false keeps the final A codes as look-ahead only.
        Returns:
            mel [T, M] of the new codes.
        """
        state = self.initial(voice)
        x = self.embedding(self._clamped([*voice.codes, *codes]))
        n = x.shape[1] if last else x.shape[1] - self.config.encoder.look_ahead
        masks = self.masks(n) if chunked else None
        hidden, _ = self.encoder.step(x, n, state.encoder, keep=False, masks=masks)
        mask = masks[1] if masks else None
        mel, _ = self._solve(self.project(hidden), state, keep=False, mask=mask)
        return mel[state.prompt_mel.shape[0] :]

    def masks(self, n: int) -> tuple[Tensor, Tensor]:
        """Where each of n codes, and each of their frames, may look."""
        chunk, device = self.config.chunk, self.project.weight.device
        up = chunk_mask(n * self.ratio, chunk * self.ratio, n, device)
        return chunk_mask(n, chunk, n, device), up

    # --- the ODE ---------------------------------------------------------------------------

    def _solve(
        self, mu: Tensor, state: FlowState, keep: bool, mask: Tensor | None = None
    ) -> tuple[Tensor, tuple[EstimatorState, ...]]:
        """mu [1, T, M] → mel [T, M], and the estimator's states."""
        first = state.n_codes * self.ratio
        exact = torch.promote_types(mu.dtype, torch.float32)  # what the solver's sum is kept in
        x = noise(self.n_mels, first, mu.shape[1]).to(mu.device, exact)
        prompt = state.prompt_mel[first : first + mu.shape[1]]
        known = F.pad(prompt, (0, 0, 0, mu.shape[1] - prompt.shape[0]))[None]
        guide = torch.cat([mu, state.speaker.expand_as(mu), known], dim=-1)
        guide = torch.cat([guide, torch.zeros_like(guide)])  # with guidance and without
        times, after = solver_times(self.config.n_steps), []
        for t, end, step in zip(times, times[1:], state.steps, strict=False):
            noisy = torch.cat([x.to(mu.dtype).expand(2, -1, -1), guide], dim=-1)
            velocity, step = self.estimator.step(noisy, t, step, keep, mask)
            x = x + (end - t) * guided(velocity.to(exact), self.config.guidance)
            after.append(step)
        return x[0], tuple(after)

    def _clamped(self, codes: Sequence[int]) -> Tensor:
        """Codes [1, N] on the model's device; negative padding becomes code 0."""
        index = torch.as_tensor(codes, dtype=torch.long, device=self.project.weight.device)
        return index.reshape(1, -1).clamp(min=0)


def solver_times(n_steps: int) -> list[float]:
    """n_steps + 1 times, dense near the noise: 1 - cos(pi k / 2n)."""
    return [1 - math.cos(0.5 * math.pi * k / n_steps) for k in range(n_steps + 1)]


def guided(velocity: Tensor, guidance: float) -> Tensor:
    """Velocities [2, T, M], guided and free, → [1, T, M]."""
    with_guide, without = velocity.chunk(2)
    return (1 + guidance) * with_guide - guidance * without


def noise(n_mels: int, first: int, n: int) -> Tensor:
    """Frames first .. first + n - 1 of the fixed noise, [1, n, M]; it repeats after its end."""
    buffer = _noise_buffer(n_mels)
    return buffer[(torch.arange(first, first + n) % NOISE_FRAMES)][None]


@lru_cache(maxsize=4)
def _noise_buffer(n_mels: int) -> Tensor:
    with torch.inference_mode(False):
        generator = torch.Generator().manual_seed(NOISE_SEED)
        drawn = torch.randn(1, n_mels, NOISE_FRAMES, generator=generator)
        return drawn[0].t().contiguous()
