"""A short sound that measures the way from loudspeaker to microphone.

    played     ~~chirp~~......~~chirp~~......~~chirp~~......~~chirp~~......
    recorded   ......~~chirp~~  echo  ......~~chirp~~ ...
               |----| latency         |--- response of period 1 ---| 2 ...

From its second period on the recording repeats itself, so that dividing a period's spectrum by
the chirp's gives the impulse response of the whole way. Its first strong tap is the latency, its
energy the loss of the echo, and how the taps move from period to period is the drift between the
two clocks. No I/O here: who plays and records, the caller decides.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from .frames import Pcm

LOW_HZ, HIGH_HZ = 200.0, 10_000.0  # or less, where the rate allows less
CHIRP_S = 0.25
PERIOD_S = 0.6
LEVEL = 0.06  # -24 dBFS at its peaks: as loud as soft speech, at whatever volume is set
_EDGE_HZ = 150.0  # over which the band fades in; eight times as much at its upper end
_RAMP_S = 0.01
_ECHO_S = 0.2  # of a room's response that counts
_BEFORE_S = 0.002  # and before its first tap: the tap is as wide as the band makes it
_FIRST_TAP = 0.5  # of the strongest: a reflection may be louder than the direct sound
_HEARD = 8.0  # times the noise; the largest of 30 000 samples of noise is below 5
_ALIKE = 0.93  # of what the period that is most like the response has of it
_FINE = 8  # parts of a sample, for the drift
_MOST_DRIFT = 1e-3  # no two clocks differ by more; sound that was lost does

Reals = npt.NDArray[np.float64]
Spectrum = npt.NDArray[np.complex128]


@dataclass(frozen=True)
class Way:
    """What was found between loudspeaker and microphone."""

    latency_samples: int
    """From a sample's place among those played to its place among those recorded."""
    loss_db: float
    """Echo return loss: how much softer the sound comes back than it was handed over."""
    snr_db: float
    """The echo over everything else that was recorded in the chirp's band meanwhile."""
    drift_ppm: float
    """How much faster the recording clock runs than the playing one."""
    steady: bool
    """Whether every period said the same; where sound was lost between, figures are not true."""


class Probe:
    """The sound to play and what can be said of its recording.

    Args:
        rate_hz: of playing and recording.
        n_periods: how often the chirp sounds, at least three times.
        level: its peaks, 1 is full scale.
    """

    def __init__(self, rate_hz: int, n_periods: int = 4, level: float = LEVEL) -> None:
        if n_periods < 3:
            raise ValueError(f"a drift needs three chirps, got {n_periods}")
        self.rate_hz = rate_hz
        self.n_periods = n_periods
        self.period = round(PERIOD_S * rate_hz)
        """Samples from the beginning of a chirp to the beginning of the next."""
        chirp = _chirp(rate_hz) * level
        padded = np.zeros(self.period)
        padded[: len(chirp)] = chirp
        self.sound: Pcm = np.tile(padded, n_periods).astype(np.float32)
        """What is to be played, [n_periods * period]."""
        self._played: Spectrum = np.fft.rfft(padded)
        hz = np.fft.rfftfreq(self.period, 1 / rate_hz).astype(np.float64)
        self._band = _band(hz, _high_hz(rate_hz))

    def analyse(self, recorded: Pcm) -> Way | None:
        """What a recording says.

        Args:
            recorded: [n], at least as long as `sound`; its first sample was taken at the moment
                `sound` was begun, or latencies up to a period later than that are found.
        Returns:
            None where the sound was not heard.
        """
        if len(recorded) < len(self.sound):
            raise ValueError(f"a recording of {len(self.sound)} samples is needed")
        periods = recorded[: len(self.sound)].astype(np.float64).reshape(self.n_periods, -1)[1:]
        responses = np.array([self._divide(np.fft.rfft(period)) for period in periods])
        shift = self._shift_per_period(responses)
        responses = np.array([self._moved(h, -shift * k) for k, h in enumerate(responses)])
        each = np.fft.irfft(responses, self.period)
        response = each.mean(axis=0)
        latency = _first_tap(response)
        if latency is None:
            return None
        echo = self._echo_energy(response, latency)
        everything = float(np.mean([self._energy(h) for h in responses]))
        return Way(
            latency_samples=latency,
            loss_db=_db(self._energy(self._divide(self._played)) / max(echo, 1e-20)),
            snr_db=_db(max(echo, 1e-20) / max(everything - echo, 1e-9 * everything)),
            drift_ppm=shift / self.period * 1e6,
            steady=self._steady(each, response, latency),
        )

    def _divide(self, recorded: Spectrum) -> Spectrum:
        """The response's spectrum, within the band that was played."""
        power = np.abs(self._played) ** 2
        divided: Spectrum = (
            self._band * recorded * np.conj(self._played) / (power + 1e-3 * power.max())
        )
        return divided

    def _moved(self, response: Spectrum, by_samples: float) -> Spectrum:
        """The same response so much later."""
        turn = -2j * np.pi * np.arange(len(response)) / self.period
        moved: Spectrum = response * np.exp(turn * by_samples)
        return moved

    def _shift_per_period(self, responses: Spectrum) -> float:
        """By how many samples each period comes later than the one before: the clocks' drift."""
        alike = np.sum(responses[1:] * np.conj(responses[:-1]), axis=0)
        fine = np.fft.irfft(alike, self.period * _FINE)
        most = max(round(_MOST_DRIFT * self.period * _FINE), _FINE)
        at = int(np.argmax(np.roll(fine, most)[: 2 * most + 1])) - most
        before, peak, after = (fine[(at + i) % len(fine)] for i in (-1, 0, 1))
        bend = before - 2 * peak + after
        between = 0.5 * (before - after) / bend if bend < 0 else 0.0
        return (at + float(np.clip(between, -1.0, 1.0))) / _FINE

    def _energy(self, response: Spectrum) -> float:
        """Of a period's sound after such a response; the ends of a spectrum hardly count."""
        heard = np.square(np.abs(self._band * response * self._played))
        return float(2 * heard.sum() / self.period)

    def _steady(self, each: Reals, response: Reals, latency: int) -> bool:
        """Whether every period has about as much of the common response in it as the others."""
        n_before, n = round(_BEFORE_S * self.rate_hz), round(_ECHO_S * self.rate_hz)
        common = np.roll(response, n_before - latency)[:n]
        shares = np.roll(each, n_before - latency, axis=1)[:, :n] @ common
        return bool(shares.min() > _ALIKE * shares.max())

    def _echo_energy(self, response: Reals, latency: int) -> float:
        """Of the chirp's echo, less the noise that lies in the same stretch of the response."""
        n_before, n = round(_BEFORE_S * self.rate_hz), round(_ECHO_S * self.rate_hz)
        turned = np.roll(response, n_before - latency)
        echo, rest = turned.copy(), turned.copy()
        echo[n:], rest[:n] = 0.0, 0.0
        noise = self._energy(np.fft.rfft(rest)) * n / (self.period - n)
        return self._energy(np.fft.rfft(echo)) - noise


def _first_tap(response: Reals) -> int | None:
    """Where the direct sound lies; None where there is nothing but noise."""
    size = np.abs(response)
    noise = float(np.median(size)) / 0.6745  # the echo fills less than half of it
    strongest = float(size.max())
    if strongest <= _HEARD * noise or strongest < 1e-6:
        return None
    begin = int(np.argmax(size)) - len(size) // 2
    turned = np.roll(size, -begin)
    at = int(np.argmax(turned >= _FIRST_TAP * strongest))
    while turned[at + 1] > turned[at]:
        at += 1
    return (at + begin) % len(size)


def _chirp(rate_hz: int) -> Reals:
    """A sweep of even level with soft ends: all frequencies, one after the other, so that its
    peaks are low.
    """
    t = np.arange(round(CHIRP_S * rate_hz)) / rate_hz
    phase = 2 * np.pi * (LOW_HZ * t + (_high_hz(rate_hz) - LOW_HZ) / (2 * CHIRP_S) * t**2)
    ramp = np.minimum(1.0, np.minimum(t, t[::-1]) / _RAMP_S)
    sweep: Reals = np.sin(phase) * np.sin(ramp * np.pi / 2) ** 2
    return sweep


def _high_hz(rate_hz: int) -> float:
    return min(HIGH_HZ, 0.45 * rate_hz)


def _band(hz: Reals, high_hz: float) -> Reals:
    """1 within what the chirp covers, fading to 0 at both ends: no ringing around a tap."""
    rise = np.clip((hz - LOW_HZ) / _EDGE_HZ, 0.0, 1.0)
    fall = np.clip((high_hz - hz) / (8 * _EDGE_HZ), 0.0, 1.0)
    band: Reals = np.sin(rise * np.pi / 2) ** 2 * np.sin(fall * np.pi / 2) ** 2
    return band


def _db(ratio: float) -> float:
    return round(10 * float(np.log10(ratio)), 1)
