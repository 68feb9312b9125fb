"""Speech codes to sound, as they come.

v1.5 streams: codes are taken in chunks of the length the model was trained on, each computed once
with the keys and values of those before, so a second of speech costs the same at any time. Before
a chunk is complete its first frames can be made early (a shorter wait for the first sound), and at
the end of a sentence all that is there comes out; the chunk is computed anew when its codes are
complete, and only its new frames are spoken.

    codes    ▒▒▒▒▒▒▒▒ prompt │■■■■■■■■ chunk │■■■■■■■■■ chunk │■■■
    sound                    └ early ┘└ rest ┘└──────────────┘└ at flush

v1 and Preview have no such model; each sentence is made whole, behind the same calls.

A state is a value: keeping one is a snapshot, and going on from an old one is a rewind.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Literal, Protocol

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from ..dialogue import Pcm
from .flow import CausalFlow, FlowState, VoicePrompt
from .flow_v1 import WholeFlow
from .timeline import Timeline
from .vocoder import Hift
from .vocoding import Draw, PiecewiseVocoder, VocoderState

CODES_HZ = 50
FORGET_EVERY = 4  # chunks by which the context may be longer than it has to be
SILENT_START_S = 0.02  # the reference mutes the first 20 ms of v1's pieces
SPEEDS = (0.5, 2.0)


@dataclass(frozen=True)
class DetokenizerSettings:
    """How codes become sound.

    Args:
        early: codes after the start of speech at which sound is made before the chunk is
            complete, ascending; () waits for whole chunks.
        context_s: seconds of its own speech a voice attends to at least, beside its prompt, which
            bounds memory and cost; None: all. Up to so long a stretch the frames are the
            reference's.
        carry: sentences go on from each other's context; false begins each with the prompt
            alone, as the reference does.
        finish: "chunked" keeps the chunks' attention at the end of a sentence; "whole" makes
            the rest anew with attention to everything, as the reference does, and implies
            carry = false.
        halve: what a voice attends to is kept in half precision, which halves the gigabytes of
            a reply; the mel moves by some 1e-5.
        as_reference: seams of the waveform as the reference makes them, see vocoding.py.
    """

    early: tuple[int, ...] = (16, 32)
    context_s: float | None = 6.0
    carry: bool = True
    finish: Literal["chunked", "whole"] = "chunked"
    halve: bool = True
    as_reference: bool = False


class Detokenizer(Protocol):
    """Codes in, sound out; the states are values."""

    rate_hz: int

    def open(self, voice: VoicePrompt, seed: int = 0, speed: float = 1.0) -> SpeechState:
        """Before the first code; the voice's prompt is read as far as possible.

        Args:
            voice: speaker vector, and what it is heard saying before.
            seed: of the random part of the source; the same seed gives the same sound.
            speed: 1.25 speaks a quarter faster, at the same pitch.

        Raises:
            ValueError: a speed outside 0.5..2.
        """

    def push(self, codes: Sequence[int], state: SpeechState) -> tuple[Pcm, SpeechState]:
        """The next codes [N] at 50 Hz → the sound [S] they complete; how they are cut into
        pushes changes nothing."""

    def flush(self, state: SpeechState) -> tuple[Pcm, SpeechState]:
        """All sound of the codes so far; further codes may follow."""


class SpeechState(Protocol):
    """What a detokenizer remembers."""

    @property
    def timeline(self) -> Timeline: ...


@dataclass(frozen=True, eq=False)
class Silence:
    """What is left of a state when nothing more will be said."""

    timeline: Timeline


@dataclass(frozen=True, eq=False)
class StreamState:
    """One voice speaking.

    Args:
        given: the voice as it was given.
        voice: the same, with as much mel as codes.
        flow: after all complete chunks.
        codes: those behind the complete chunks.
        n_rendered: codes whose mel was made, prompt included.
        origin: n_rendered where the present stretch of speech began.
        vocoder: after the last frame.
        timeline: which samples speak which codes.
        history: new codes since the prompt, where `finish` needs them.
    """

    given: VoicePrompt
    voice: VoicePrompt
    seed: int
    speed: float
    flow: FlowState
    codes: tuple[int, ...]
    n_rendered: int
    origin: int
    vocoder: VocoderState
    timeline: Timeline = field(default_factory=Timeline)
    n_pieces: int = 0
    history: tuple[int, ...] = ()


class StreamingDetokenizer:
    """v1.5: see the module's text."""

    def __init__(
        self,
        flow: CausalFlow,
        hift: Hift,
        settings: DetokenizerSettings | None = None,
        draw: Draw | None = None,
    ) -> None:
        self.flow, self.settings = flow, settings or DetokenizerSettings()
        self.rate_hz = hift.config.rate_hz
        self._vocoder = PiecewiseVocoder(hift, self.settings.as_reference, draw)
        self._chunk, self._ahead = flow.config.chunk, flow.config.encoder.look_ahead
        self._carry = self.settings.carry and self.settings.finish == "chunked"
        context_s = self.settings.context_s
        self._n_kept = None if context_s is None else max(1, int(context_s * CODES_HZ))
        self._n_most = 0 if self._n_kept is None else self._n_kept + FORGET_EVERY * self._chunk
        self._latest: StreamState | None = None  # the voice read last, before its first code

    @torch.inference_mode()
    def open(self, voice: VoicePrompt, seed: int = 0, speed: float = 1.0) -> StreamState:
        """See Detokenizer."""
        check_speed(speed)
        if self._latest is None or self._latest.given is not voice:
            self._latest = self._before_the_first_code(voice)
        return replace(self._latest, seed=seed, speed=speed)

    @torch.inference_mode()
    def push(self, codes: Sequence[int], state: StreamState) -> tuple[Pcm, StreamState]:
        """See Detokenizer."""
        codes = tuple(codes)
        history = (*state.history, *codes) if self.settings.finish == "whole" else ()
        return self._advance(replace(state, codes=(*state.codes, *codes), history=history))

    @torch.inference_mode()
    def flush(self, state: StreamState) -> tuple[Pcm, StreamState]:
        """See Detokenizer."""
        end = state.flow.n_codes + len(state.codes)
        pcm, state = self._spoken(self._rest(state, end), state, end, last=True)
        if self._carry:
            return pcm, replace(state, origin=end)
        anew = self.open(state.given, state.seed, state.speed)
        return pcm, replace(anew, timeline=state.timeline, n_pieces=state.n_pieces)

    # --- chunks ----------------------------------------------------------------------------

    def _before_the_first_code(self, given: VoicePrompt) -> StreamState:
        """The prompt in no more memory than it needs: it is kept, and copied for each reply."""
        voice = aligned(given, self.flow.ratio)
        n, codes = len(voice.codes), tuple(voice.codes)
        flow = self.flow.roomy(self.flow.initial(voice), max(n, 1))
        vocoder = self._vocoder.initial()
        state = StreamState(given, voice, 0, 1.0, flow, codes, n, n, vocoder)
        _, state = self._advance(state)
        room = n + (self._n_most or CODES_HZ)
        return replace(state, flow=self.flow.roomy(state.flow, room))

    def _advance(self, state: StreamState) -> tuple[Pcm, StreamState]:
        """Make all the mel there are codes for."""
        pieces = []
        while (target := self._target(state)) is not None:
            first, n = state.flow.n_codes, target - state.flow.n_codes
            complete = n == self._chunk
            mel, flow = self.flow.step(state.codes[: n + self._ahead], n, state.flow, complete)
            fresh = mel[(state.n_rendered - first) * self.flow.ratio :]
            if complete:
                flow = self._bounded(flow, state)
                state = replace(state, flow=flow, codes=state.codes[n:])
            pcm, state = self._spoken(fresh, state, target)
            pieces.append(pcm)
        return np.concatenate([np.zeros(0, np.float32), *pieces]), state

    def _target(self, state: StreamState) -> int | None:
        """Up to which code mel can be made next; None: codes are missing."""
        boundary = state.flow.n_codes + self._chunk
        early = (state.origin + n for n in self.settings.early)
        target = min((n for n in early if state.n_rendered < n < boundary), default=boundary)
        n_codes = state.flow.n_codes + len(state.codes)
        return target if n_codes >= target + self._ahead else None

    def _rest(self, state: StreamState, end: int) -> Tensor:
        """The mel not made yet, up to code `end`, behind which is silence."""
        ratio, first = self.flow.ratio, state.flow.n_codes
        if state.n_rendered >= end:
            return state.vocoder.mel[:0]
        if self.settings.finish == "whole":
            mel = self.flow.whole(state.history, state.voice, chunked=False)
            return mel[(state.n_rendered - len(state.voice.codes)) * ratio :]
        flow, codes, mels = state.flow, state.codes, []
        while codes:
            n = min(self._chunk, len(codes))
            more = len(codes) > n
            mel, flow = self.flow.step(codes[: n + self._ahead], n, flow, keep=more)
            mels.append(mel)
            codes = codes[n:]
        return torch.cat(mels)[(state.n_rendered - first) * ratio :]

    def _bounded(self, flow: FlowState, state: StreamState) -> FlowState:
        """The same state in less memory; old context is forgotten where there is too much."""
        if self.settings.halve:
            flow = self.flow.halved(flow)
        n_prompt = len(state.voice.codes)
        if self._n_kept is None or flow.encoder.n_frames < n_prompt + self._n_most:
            return flow
        return self.flow.forgetful(flow, n_prompt, self._n_kept)

    def kept_bytes(self, n_prompt: int) -> tuple[int, int]:
        """Memory of a voice with a prompt of so many codes at rest, and of a reply it speaks."""
        most = self._n_most or CODES_HZ
        return tuple(self.flow.kept_bytes(n) for n in (n_prompt, n_prompt + most))

    # --- sound -----------------------------------------------------------------------------

    def _spoken(
        self, mel: Tensor, state: StreamState, end: int, last: bool = False
    ) -> tuple[Pcm, StreamState]:
        """Vocode the mel up to code `end`."""
        end = max(end, state.n_rendered)
        timeline = state.timeline.plus(
            end - state.n_rendered, len(mel) / state.speed, self._vocoder.frame
        )
        n_frames = (timeline.n_samples - state.timeline.n_samples) // self._vocoder.frame
        mel = stretched(mel, n_frames) if state.speed != 1 else mel
        pcm, vocoder = self._vocoder.step(
            mel, state.vocoder, piece_seed(state.seed, state.n_pieces), last
        )
        n_pieces = state.n_pieces + (n_frames > 0)
        after = replace(
            state, n_rendered=end, vocoder=vocoder, timeline=timeline, n_pieces=n_pieces
        )
        return as_pcm(pcm), after


@dataclass(frozen=True, eq=False)
class WholeState:
    """Codes collected since the last sentence."""

    voice: VoicePrompt
    seed: int
    speed: float
    codes: tuple[int, ...] = ()
    timeline: Timeline = field(default_factory=Timeline)
    n_pieces: int = 0


class WholeDetokenizer:
    """v1 and Preview: a sentence's sound comes with its end."""

    def __init__(self, flow: WholeFlow, hift: Hift) -> None:
        self.flow, self.hift = flow, hift
        self.rate_hz = hift.config.rate_hz

    def open(self, voice: VoicePrompt, seed: int = 0, speed: float = 1.0) -> WholeState:
        """See Detokenizer."""
        check_speed(speed)
        if voice.mel is None:  # the prompt's frames could not be cut off
            return WholeState(replace(voice, codes=()), seed, speed)
        n_most = self.flow.n_frames(len(voice.codes)) + 1  # the released prompts are that long
        return WholeState(replace(voice, mel=voice.mel[:n_most]), seed, speed)

    def push(self, codes: Sequence[int], state: WholeState) -> tuple[Pcm, WholeState]:
        """See Detokenizer."""
        return np.zeros(0, np.float32), replace(state, codes=(*state.codes, *codes))

    @torch.inference_mode()
    def flush(self, state: WholeState) -> tuple[Pcm, WholeState]:
        """See Detokenizer."""
        if not state.codes:
            return np.zeros(0, np.float32), state
        seed = piece_seed(state.seed, state.n_pieces)
        n_frames = self.flow.n_frames(len(state.voice.codes) + len(state.codes))
        generator = torch.Generator().manual_seed(seed)
        noise = torch.randn(n_frames, self.flow.config.estimator.n_mels, generator=generator)
        mel = self.flow(state.codes, state.voice, noise)
        if state.speed != 1:
            mel = stretched(mel, int(len(mel) / state.speed))
        timeline = state.timeline.plus(len(state.codes), len(mel), self.hift.config.frame)
        after = replace(state, codes=(), timeline=timeline, n_pieces=state.n_pieces + 1)
        if len(mel) == 0:
            return np.zeros(0, np.float32), after
        pcm = self.hift(mel, self.hift.draws(len(mel), seed))
        pcm[: int(SILENT_START_S * self.rate_hz)] = 0
        return as_pcm(pcm), after


def aligned(voice: VoicePrompt, ratio: int) -> VoicePrompt:
    """The same voice with as much mel as its codes have frames."""
    if voice.mel is None:
        return replace(voice, codes=())
    n = min(len(voice.codes), voice.mel.shape[0] // ratio)
    return replace(voice, codes=tuple(voice.codes[:n]), mel=voice.mel[: n * ratio])


def stretched(mel: Tensor, n_frames: int) -> Tensor:
    """Mel [T, M] as n_frames frames, by straight lines."""
    if n_frames <= 0 or mel.shape[0] == 0:
        return mel[:0]
    return F.interpolate(mel.t()[None], size=n_frames, mode="linear")[0].t()


def piece_seed(seed: int, n_pieces: int) -> int:
    """The seed of one piece of a stream."""
    return (seed * 1_000_003 + n_pieces) % 2**63


def check_speed(speed: float) -> None:
    """Raise ValueError for a speed nobody understands."""
    if not SPEEDS[0] <= speed <= SPEEDS[1]:
        raise ValueError(f"speed must be between {SPEEDS[0]} and {SPEEDS[1]}, not {speed}")


def as_pcm(samples: Tensor) -> Pcm:
    """Samples as numpy float32 in -1..1."""
    return samples.float().clamp(-1, 1).cpu().numpy()
