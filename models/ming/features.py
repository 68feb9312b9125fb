"""What the two audio encoders and the speaker model see: log-mel and filter-bank frames.

    Whisper front end (n_fft 400, hop 160)          Kaldi front end (25 ms window, 10 ms hop)
    frame t: samples 160 t - 200 .. 160 t + 199     frame t: samples 160 t .. 160 t + 399
    reflected at both ends of the clip              nothing outside the clip ("snip edges")
    at most 8 decades below the loudest value   stacked 7 every 6, then shift and scale

Letters: n samples at 16 kHz, T frames at 100 Hz, M mel bands, L stacked frames at 16.67 Hz.
Sources: arXiv 2212.04356 §2.2 and its public front end; Kaldi `compute-fbank-feats`; the
low-frame-rate stacking of FunASR. Samples are float in [-1, 1], mono.
"""

from __future__ import annotations

import math
from functools import lru_cache
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from .checkpoint import CheckpointError

RATE_HZ = 16_000
HOP = 160  # samples between frames of both front ends
WINDOW = 400  # samples a frame looks at
HALF = WINDOW // 2
FFT = 512  # of the Kaldi front end; Whisper's is WINDOW
LOW_HZ = 20.0
INT16_SCALE = 32_768.0
LOG_RANGE = 8.0  # log10 units kept below the loudest value of a clip
STACK, STRIDE = 7, 6  # frames in a stacked one, and between two of them
LEFT = (STACK - 1) // 2  # copies of frame 0 before it


# --- Whisper ---------------------------------------------------------------------------------


def whisper_log_mel(pcm: Tensor, n_mels: int = 128) -> Tensor:
    """A whole clip pcm [n], n >= 201 → [n // 160, n_mels] as the encoder takes it."""
    return clamped(log_power_mel(reflected(pcm), n_mels)[: len(pcm) // HOP])


def log_power_mel(pcm: Tensor, n_mels: int = 128) -> Tensor:
    """Frames of pcm [160 (T - 1) + 400], margins included → log10 of mel power [T, n_mels]."""
    frames = pcm.unfold(0, WINDOW, HOP) * _hann(pcm.device)
    power = torch.fft.rfft(frames).abs().square()
    return (power @ slaney_filters(n_mels).to(pcm.device)).clamp(min=1e-10).log10()


def clamped(log_mel: Tensor, loudest: Tensor | None = None) -> Tensor:
    """Whisper's normalisation of log10 frames; `loudest` is the clip's maximum where known.

    The range depends on the loudest value of the whole clip, so the frames of a clip that still
    grows change slightly when something louder comes.
    """
    loudest = log_mel.max() if loudest is None else loudest
    return (torch.maximum(log_mel, loudest - LOG_RANGE) + 4.0) / 4.0


def reflected(pcm: Tensor) -> Tensor:
    """pcm [n], n > 200, with 200 samples mirrored on either side: [n + 400]."""
    return F.pad(pcm[None], (HALF, HALF), mode="reflect")[0]


@lru_cache(maxsize=4)
@torch.inference_mode(False)
def slaney_filters(
    n_mels: int,
    rate_hz: int = RATE_HZ,
    n_fft: int = WINDOW,
    low_hz: float = 0.0,
    high_hz: float | None = None,
) -> Tensor:
    """Triangles [n_fft // 2 + 1, n_mels] of equal area on Slaney's scale: linear to 1 kHz, then
    log; from low_hz to high_hz, half the rate where not given."""
    ends = _slaney_mel(low_hz), _slaney_mel(high_hz or rate_hz / 2)
    edges = _slaney_hz(torch.linspace(*ends, n_mels + 2, dtype=torch.float64))
    bins = torch.linspace(0, rate_hz / 2, n_fft // 2 + 1, dtype=torch.float64)[:, None]
    rising = (bins - edges[:-2]) / (edges[1:-1] - edges[:-2])
    falling = (edges[2:] - bins) / (edges[2:] - edges[1:-1])
    area = 2.0 / (edges[2:] - edges[:-2])
    return (torch.minimum(rising, falling).clamp(min=0) * area).float()


def _slaney_mel(hz: float) -> float:
    if hz < 1000.0:
        return hz * 3.0 / 200.0
    return 15.0 + math.log(hz / 1000.0) * 27.0 / math.log(6.4)


def _slaney_hz(mel: Tensor) -> Tensor:
    return torch.where(mel < 15.0, mel * 200.0 / 3.0, 1000.0 * 6.4 ** ((mel - 15.0) / 27.0))


@lru_cache(maxsize=4)
@torch.inference_mode(False)
def _hann(device: torch.device) -> Tensor:
    return torch.hann_window(WINDOW, device=device)


# --- Kaldi -----------------------------------------------------------------------------------


def kaldi_fbank(pcm: Tensor, window: str = "hamming", n_mels: int = 80) -> Tensor:
    """Frames of pcm [n] → log mel power [max(0, (n - 400) // 160 + 1), n_mels].

    Args:
        pcm: samples at int16 scale for SANM (times 32768), in [-1, 1] for the speaker model.
        window: "hamming" (SANM) or "povey" (the speaker model).
        n_mels: mel bands from 20 Hz to 8 kHz.
    """
    if len(pcm) < WINDOW:
        return pcm.new_zeros(0, n_mels)
    frames = pcm.unfold(0, WINDOW, HOP)
    frames = frames - frames.mean(-1, keepdim=True)
    before = F.pad(frames[:, None], (1, 0), mode="replicate")[:, 0, :-1]
    frames = (frames - 0.97 * before) * _kaldi_window(window, pcm.device)
    power = torch.fft.rfft(frames, FFT).abs().square()
    mel = power @ kaldi_filters(n_mels).to(pcm.device)
    return mel.clamp(min=torch.finfo(torch.float32).eps).log()


@lru_cache(maxsize=4)
@torch.inference_mode(False)
def kaldi_filters(n_mels: int) -> Tensor:
    """Triangles [257, n_mels] on Kaldi's mel scale; the last bin belongs to none."""
    low, top = _kaldi_mel(LOW_HZ), _kaldi_mel(RATE_HZ / 2)
    edges = torch.linspace(low, top, n_mels + 2, dtype=torch.float64)
    hz = torch.arange(FFT // 2 + 1, dtype=torch.float64)[:, None] * RATE_HZ / FFT
    bins = 1127.0 * (1.0 + hz / 700.0).log()
    rising = (bins - edges[:-2]) / (edges[1:-1] - edges[:-2])
    falling = (edges[2:] - bins) / (edges[2:] - edges[1:-1])
    filters = torch.minimum(rising, falling).clamp(min=0).float()
    filters[-1] = 0.0
    return filters


def _kaldi_mel(hz: float) -> float:
    return 1127.0 * math.log(1.0 + hz / 700.0)


@lru_cache(maxsize=4)
@torch.inference_mode(False)
def _kaldi_window(name: str, device: torch.device) -> Tensor:
    if name == "hamming":
        return torch.hamming_window(WINDOW, periodic=False, device=device)
    if name == "povey":
        return torch.hann_window(WINDOW, periodic=False, device=device) ** 0.85
    raise ValueError(f"there is no window {name!r}; hamming and povey are known")


# --- SANM ------------------------------------------------------------------------------------


def stacked(fbank: Tensor) -> Tensor:
    """Frames [T, 80] → seven in one, every six: [ceil(T / 6), 560].

    0 0 0 0 1 2 3 | 3 4 5 6 7 8 9 | 9 10 11 ...    frame 0 repeated on the left,
                                                   the last one on the right
    """
    n_frames, n_mels = fbank.shape
    n = -(-n_frames // STRIDE)
    if n == 0:
        return fbank.new_zeros(0, STACK * n_mels)
    rows = torch.arange(n, device=fbank.device)[:, None] * STRIDE - LEFT
    rows = rows + torch.arange(STACK, device=fbank.device)
    return fbank[rows.clamp(0, n_frames - 1)].flatten(1)


def sanm_features(pcm: Tensor, cmvn: Tensor) -> Tensor:
    """A whole clip pcm [n] → [ceil(T / 6), 560], shifted and scaled by cmvn [2, 560]."""
    return normalised(stacked(kaldi_fbank(pcm * INT16_SCALE)), cmvn)


def normalised(frames: Tensor, cmvn: Tensor) -> Tensor:
    """frames [L, 560] plus cmvn[0], times cmvn[1]."""
    return (frames + cmvn[0]) * cmvn[1]


def read_cmvn(path: Path | str) -> Tensor:
    """The shift and scale of a Kaldi `am.mvn` file: [2, 560].

    Raises:
        CheckpointError: not there, or without the two vectors.
    """
    try:
        text = Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise CheckpointError(f"{path} cannot be read: {error}") from None
    try:
        rows = [_vector_after(mark, text) for mark in ("<AddShift>", "<Rescale>")]
        return torch.tensor(rows, dtype=torch.float32)
    except ValueError:
        raise CheckpointError(
            f"{path} does not hold an <AddShift> and a <Rescale> vector of one length"
        ) from None


def _vector_after(mark: str, text: str) -> list[float]:
    """The numbers between the first brackets that follow `<LearnRateCoef> 0` after `mark`."""
    after = text[text.index(mark) :]
    inside = after[after.index("[") + 1 : after.index("]")]
    numbers = [float(word) for word in inside.split()]
    if not numbers:
        raise ValueError(mark)
    return numbers
