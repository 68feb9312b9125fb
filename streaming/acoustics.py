"""What a room does to sound: reverberation, noise, a loudspeaker at its limit, another clock.

Small and deterministic: every random part takes its generator from the caller. `room.py` puts
them together.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
import numpy.typing as npt

from .frames import Pcm, samples

Clipping = Literal["none", "tanh", "hard"]
NoiseKind = Literal["white", "pink", "babble"]

ACTIVE_DB = 30.0
"""Stretches so far under the loud ones are pauses and do not count for the level of speech."""
_FIRST_REFLECTION_MS = 2.0
_N_TAPS = 32
_N_PHASES = 512


def impulse_response(
    rt60_s: float, direct_db: float, rate_hz: int, rng: np.random.Generator
) -> Pcm:
    """What arrives of one click, [rt60_s * rate_hz]; its energy is 1.

    The direct sound at index 0, then Gaussian noise that decays by 60 dB in `rt60_s`: the late
    field of a room (Moorer, "About This Reverberation Business", Computer Music Journal 3(2),
    1979; Polack's model of 1988 says when it holds).

    Args:
        rt60_s: reverberation time; 0 for the direct sound alone.
        direct_db: energy of the direct sound over that of the rest: the nearer, the more.
        rate_hz: of the response.
        rng: draws the noise.
    """
    n = max(round(rt60_s * rate_hz), 1)
    tail = rng.standard_normal(n) * 10 ** (-3 * np.arange(n) / n)
    tail[: samples(_FIRST_REFLECTION_MS, rate_hz)] = 0.0
    energy = float(tail @ tail)
    response = tail * np.sqrt(10 ** (-direct_db / 10) / energy) if energy else tail
    response[0] = 1.0
    return (response / np.sqrt(response @ response)).astype(np.float32)


def convolved(pcm: Pcm, response: Pcm) -> Pcm:
    """A whole sound [n] in a room, [n + len(response) - 1]."""
    n = len(pcm) + len(response) - 1
    size = 1 << (n - 1).bit_length()
    spectrum = np.fft.rfft(pcm, size) * np.fft.rfft(response, size)
    return np.fft.irfft(spectrum, size)[:n].astype(np.float32)


class Convolver:
    """A room for a stream: blocks of one size in, as many out, without delay.

    Uniformly partitioned overlap-save: the response is cut into blocks, each is multiplied with
    the spectrum of the input that old.

    Args:
        response: impulse response [n].
        block_samples: length of every block.
    """

    def __init__(self, response: Pcm, block_samples: int) -> None:
        self._size = block_samples
        n_parts = -(-len(response) // block_samples)
        parts = np.zeros((n_parts, 2 * block_samples), dtype=np.float32)
        parts[:, :block_samples].flat[: len(response)] = response
        spectra = np.fft.rfft(parts).astype(np.complex64)
        self._spectra = np.concatenate((spectra[::-1], spectra[::-1]))
        self._past = np.zeros((n_parts, block_samples + 1), dtype=np.complex64)
        self._last = np.zeros(block_samples, dtype=np.float32)
        self._at = 0
        self._n_silent = n_parts + 1

    def feed(self, block: Pcm) -> Pcm:
        """The next block [block_samples], as it arrives."""
        n_parts = len(self._past)
        self._n_silent = 0 if block.any() else self._n_silent + 1
        if self._n_silent > n_parts:  # nothing sounds any more: all that is remembered is zero
            return np.zeros(self._size, dtype=np.float32)
        self._past[self._at] = np.fft.rfft(np.concatenate((self._last, block)))
        self._last = block
        first = n_parts - 1 - self._at  # the newest block meets the response's first part
        spectrum = (self._past * self._spectra[first : first + n_parts]).sum(axis=0)
        self._at = (self._at + 1) % n_parts
        arrived: Pcm = np.fft.irfft(spectrum)[self._size :].astype(np.float32)
        return arrived


class Loudspeaker:
    """Gain and the limit of its travel.

    Args:
        gain_db: in front of the limit: what is driven hard is clipped.
        clipping: "tanh" bends softly, "hard" cuts at full scale, "none" has no limit.
    """

    def __init__(self, gain_db: float = 0.0, clipping: Clipping = "none") -> None:
        self._gain = np.float32(10 ** (gain_db / 20))
        self._clipping = clipping

    def play(self, pcm: Pcm) -> Pcm:
        """What leaves the cone for `pcm` [n]."""
        driven: Pcm = pcm * self._gain
        if self._clipping == "tanh":
            driven = np.tanh(driven)
        elif self._clipping == "hard":
            driven = np.clip(driven, -1.0, 1.0)
        return driven


class Tape:
    """A stream that is read back at moments between its samples: another device's clock.

    Reading interpolates with a windowed sinc of 32 taps (Kaiser, beta 8); at whole samples it
    gives exactly what was fed. Before the first sample there is silence.

    Args:
        kept_samples: how much of the past can be read at least.
    """

    def __init__(self, kept_samples: int) -> None:
        self._kept = kept_samples + _N_TAPS
        self._sound = np.zeros(2 * self._kept, dtype=np.float32)
        self._start = -self._kept
        self._n = self._kept

    @property
    def end(self) -> int:
        """Index of the first sample not yet fed."""
        return self._start + self._n

    def feed(self, pcm: Pcm) -> None:
        """Appends `pcm` [n]."""
        if self._n + len(pcm) > len(self._sound):
            gone = self._n - self._kept
            self._sound[: self._kept] = self._sound[gone : self._n].copy()
            self._start, self._n = self._start + gone, self._kept
        self._sound[self._n : self._n + len(pcm)] = pcm
        self._n += len(pcm)

    def read(self, position: float, step: float, n: int) -> Pcm:
        """The sound at `position`, `position + step`, ... [n]; all must have been fed."""
        positions = position - self._start + step * np.arange(n)
        whole = np.floor(positions).astype(np.int64)
        first, last = int(whole[0]) - _N_TAPS // 2 + 1, int(whole[-1]) + _N_TAPS // 2 + 1
        if first < 0 or last > self._n:
            raise ValueError(f"{position} lies outside of what is kept, up to {self.end}")
        part = positions - whole
        read: Pcm = self._sound[whole[0] : whole[0] + n].copy()
        if (step == 1.0 and not part.any()) or not self._sound[first:last].any():
            return read
        windows = np.lib.stride_tricks.sliding_window_view(self._sound[first:last], _N_TAPS)
        phase, between = np.divmod(part * _N_PHASES, 1.0)
        at = phase.astype(np.int64)
        weights = _SINC[at] + between[:, np.newaxis].astype(np.float32) * _SINC_STEPS[at]
        read = np.einsum("nt,nt->n", windows[whole - whole[0]], weights)
        return read


def noise(
    kind: NoiseKind,
    n: int,
    rng: np.random.Generator,
    voices: Sequence[Pcm] = (),
) -> Pcm:
    """Noise with a root mean square of 1; it may be repeated without a seam.

    Args:
        kind: white; pink, with equal power in each octave; babble, all `voices` at once, each
            again and again from a moment of its own.
        n: samples wanted.
        rng: draws it.
        voices: recordings [m] for babble.
    """
    if kind == "babble":
        if not voices:
            raise ValueError("babble needs voices")
        sound = sum(_around(voice, n, int(rng.integers(n))) for voice in voices)
    else:
        spectrum = np.fft.rfft(rng.standard_normal(n))
        if kind == "pink":
            spectrum[1:] /= np.sqrt(np.arange(1, len(spectrum)))
            spectrum[0] = 0.0
        sound = np.fft.irfft(spectrum, n)
    made = np.asarray(sound)
    level: Pcm = (made / np.sqrt(np.mean(made**2))).astype(np.float32)
    return level


def active_dbfs(pcm: Pcm, rate_hz: int) -> float:
    """Level of the speech in `pcm` [n] without its pauses, root mean square in dBFS."""
    size = samples(20, rate_hz)
    frames = pcm[: len(pcm) // size * size].reshape(-1, size).astype(np.float64)
    powers = np.mean(frames**2, axis=1)
    if not powers.any():
        return -120.0
    loud = np.percentile(powers, 95) * 10 ** (-ACTIVE_DB / 10)
    return float(10 * np.log10(np.mean(powers[powers >= loud])))


def _around(voice: Pcm, n: int, start: int) -> npt.NDArray[np.float64]:
    """A recording on an endless band of `n` samples, from `start` on, as often as it fits."""
    repeated = np.resize(voice / max(float(np.sqrt(np.mean(voice**2))), 1e-9), n)
    return np.roll(repeated.astype(np.float64), start)


def _sinc_table() -> Pcm:
    """Taps of the interpolator for each phase between two samples, [phases + 1, taps]."""
    phases = np.arange(_N_PHASES + 1)[:, np.newaxis] / _N_PHASES
    offsets = np.arange(_N_TAPS)[np.newaxis] - (_N_TAPS // 2 - 1) - phases
    inside = np.clip(1 - (offsets / (_N_TAPS // 2)) ** 2, 0, None)
    return (np.sinc(offsets) * np.i0(8.0 * np.sqrt(inside)) / np.i0(8.0)).astype(np.float32)


_SINC = _sinc_table()
_SINC_STEPS = np.diff(_SINC, axis=0)
_SINC = _SINC[:-1]
