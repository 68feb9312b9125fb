"""The cost of one more second of speech, after any number of seconds."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import torch

from vivavoce.models.ming.detokenizer import DetokenizerSettings, StreamingDetokenizer
from vivavoce.models.ming.flow import CausalFlow, VoicePrompt
from vivavoce.models.ming.recomputing import RecomputingDetokenizer
from vivavoce.models.ming.vocoder import Hift

CODES_HZ = 50


@dataclass(frozen=True)
class Second:
    """Seconds of computing for the second of speech that ends at `end_s`.

    Args:
        ours: each chunk once.
        reference: the whole prefix again; None where not measured.
    """

    end_s: int
    ours: float
    reference: float | None


@dataclass(frozen=True)
class Run:
    """What is measured: models, one voice's codes, and where the reference is measured too."""

    flow: CausalFlow
    hift: Hift
    voice: VoicePrompt
    codes: Sequence[int]
    points: frozenset[int]
    context_s: float | None


def measure(run: Run, tick: Callable[[], None]) -> list[Second]:
    """Speak all codes, a second at a time; both ways by turns in the same run.

    The reference's way is measured by its call for that second alone, which does not depend on
    its earlier calls.
    """
    settings = DetokenizerSettings(early=(), context_s=run.context_s)
    ours = StreamingDetokenizer(run.flow, run.hift, settings)
    theirs = RecomputingDetokenizer(run.flow, run.hift)
    ahead, seconds = run.flow.config.encoder.look_ahead, []
    _, state = ours.push(run.codes[:ahead], ours.open(run.voice))
    start = theirs.open(run.voice)
    for second in range(1, (len(run.codes) - ahead) // CODES_HZ + 1):
        end = second * CODES_HZ + ahead
        began = time.perf_counter()
        pcm, state = ours.push(run.codes[end - CODES_HZ : end], state)
        mine, reference = time.perf_counter() - began, None
        assert len(pcm) > 0, "a second of codes completes a chunk"
        if second in run.points:
            before = replace(start, n_spoken=end - ahead - CODES_HZ)
            began = time.perf_counter()
            pcm, _ = theirs.push(run.codes[:end], before)
            reference = time.perf_counter() - began
            assert len(pcm) > 0, "a second of codes is a hop"
        seconds.append(Second(second, mine, reference))
        tick()
    return seconds


def first_sound(run: Run, early: int) -> float:
    """Seconds of computing from enough codes for `early` frames to their sound, prompt read."""
    detokenizer = StreamingDetokenizer(run.flow, run.hift, DetokenizerSettings(early=(early,)))
    state = detokenizer.open(run.voice)
    began = time.perf_counter()
    pcm, _ = detokenizer.push(run.codes[: early + run.flow.config.encoder.look_ahead], state)
    assert len(pcm) > 0, "an early stop makes sound"
    return time.perf_counter() - began


def deviation(run: Run, seconds: int) -> float:
    """Greatest difference of mel between every chunk once and all at once; mel is about 1."""
    flow, n = run.flow, seconds * CODES_HZ
    codes, mels = [*run.voice.codes, *run.codes[:n]], []
    with torch.inference_mode():
        state, chunk = flow.initial(run.voice), flow.config.chunk
        for first in range(0, len(codes) - chunk + 1, chunk):
            ahead = codes[first : first + chunk + flow.config.encoder.look_ahead]
            mel, state = flow.step(ahead, chunk, state)
            mels.append(mel)
        whole = flow.whole(run.codes[:n], run.voice, chunked=True)
        mel = torch.cat(mels)[len(run.voice.codes) :]
        return float((mel - whole[: len(mel)]).abs().max())
