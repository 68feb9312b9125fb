"""The probe's arithmetic on ways from loudspeaker to microphone that are known exactly."""

from __future__ import annotations

import numpy as np
import pytest

from vivavoce.streaming.frames import Pcm
from vivavoce.streaming.probe import Probe

RATE_HZ = 48_000


def room(delay: int, loss_db: float, reverb_s: float = 0.0, rate_hz: int = RATE_HZ) -> Pcm:
    """An impulse response: direct sound after `delay` samples, then a tail that dies away."""
    taps = np.zeros(delay + 1 + round(reverb_s * rate_hz))
    taps[delay] = 1.0
    if reverb_s:
        tail = np.random.default_rng(1).normal(size=len(taps) - delay - 1)
        decay = np.exp(-6.9 * np.arange(len(tail)) / (reverb_s * rate_hz))
        taps[delay + 1 :] += 0.05 * tail * decay
    return taps * 10 ** (-loss_db / 20)


def recorded(probe: Probe, taps: Pcm, noise_db: float | None = None, seed: int = 2) -> Pcm:
    size = 1 << (len(probe.sound) + len(taps)).bit_length()
    heard = np.fft.irfft(np.fft.rfft(probe.sound, size) * np.fft.rfft(taps, size), size)
    heard = heard[: len(probe.sound)]
    if noise_db is not None:
        noise = np.random.default_rng(seed).normal(size=len(heard))
        heard = heard + noise * 10 ** (noise_db / 20)
    return heard.astype(np.float32)


def true_loss_db(probe: Probe, taps: Pcm) -> float:
    """Energy handed over against energy that came back, of the periods that are looked at."""
    echo = recorded(probe, taps)[probe.period :]
    sent = probe.sound[probe.period :]
    return 10 * float(np.log10(np.square(sent).sum() / np.square(echo).sum()))


@pytest.mark.parametrize("delay", [0, 1, 1440, 5000, 28_000])
@pytest.mark.parametrize("loss_db", [0.0, 20.0, 45.0])
def test_latency_and_loss_of_a_plain_way(delay, loss_db):
    way = Probe(RATE_HZ).analyse(recorded(Probe(RATE_HZ), room(delay, loss_db)))
    assert way is not None
    assert abs(way.latency_samples - delay) <= 1
    assert way.loss_db == pytest.approx(loss_db, abs=0.5)
    assert way.drift_ppm == pytest.approx(0, abs=0.5)
    assert way.snr_db > 20


@pytest.mark.parametrize("reverb_s", [0.05, 0.2, 0.4])
@pytest.mark.parametrize("rate_hz", [48_000, 16_000])
def test_a_room_that_echoes(reverb_s, rate_hz):
    probe, taps = Probe(rate_hz), room(2400, 12.0, reverb_s, rate_hz)
    way = probe.analyse(recorded(probe, taps))
    assert way is not None
    assert abs(way.latency_samples - 2400) <= 1
    assert way.loss_db == pytest.approx(true_loss_db(probe, taps), abs=0.5)


@pytest.mark.parametrize("seed", range(5))
def test_noise_as_loud_as_the_echo_changes_little(seed):
    """Chirps at -24 dBFS, 20 dB lost; the noise has the power of what is left of them."""
    probe, taps = Probe(RATE_HZ), room(1500, 20.0, 0.1)
    echo_db = 10 * float(np.log10(np.square(recorded(probe, taps)).mean()))
    way = probe.analyse(recorded(probe, taps, noise_db=echo_db, seed=seed))
    assert way is not None
    assert abs(way.latency_samples - 1500) <= 1
    assert way.loss_db == pytest.approx(true_loss_db(probe, taps), abs=0.5)
    assert way.snr_db == pytest.approx(10 * np.log10(24 / 9.4), abs=0.5), "of what is in the band"


@pytest.mark.parametrize("seed", range(5))
def test_an_echo_that_drowns_in_noise_is_still_found(seed):
    probe, taps = Probe(RATE_HZ), room(1500, 20.0, 0.1)
    echo_db = 10 * float(np.log10(np.square(recorded(probe, taps)).mean()))
    way = probe.analyse(recorded(probe, taps, noise_db=echo_db + 10, seed=seed))
    assert way is not None
    assert abs(way.latency_samples - 1500) <= 1
    assert way.loss_db == pytest.approx(true_loss_db(probe, taps), abs=1)
    assert way.steady


@pytest.mark.parametrize("seed", range(5))
def test_an_open_loop_is_not_heard(seed):
    probe = Probe(RATE_HZ)
    silence = np.zeros_like(probe.sound)
    assert probe.analyse(silence) is None
    assert probe.analyse(recorded(probe, room(0, 300), noise_db=-40, seed=seed)) is None
    hum = np.sin(2 * np.pi * 50 * np.arange(len(silence)) / RATE_HZ) * 0.3
    assert probe.analyse(hum.astype(np.float32)) is None


@pytest.mark.parametrize("ppm", [-100.0, -20.0, 35.0, 100.0])
def test_drift_between_the_clocks(ppm):
    """The recording clock runs faster: what was played at sample k is found at k * (1 + ppm)."""
    probe = Probe(RATE_HZ)
    heard = recorded(probe, room(1500, 15.0, 0.05), noise_db=-70)
    at = np.arange(len(heard)) / (1 + ppm * 1e-6)
    drifted = np.interp(at, np.arange(len(heard)), heard).astype(np.float32)
    way = probe.analyse(drifted)
    assert way is not None
    assert way.drift_ppm == pytest.approx(ppm, abs=3)
    assert way.steady
    assert abs(way.latency_samples - 1500 - ppm * 1e-6 * probe.period) <= 2


@pytest.mark.parametrize("gap", [240, 480, 2400, -480])
@pytest.mark.parametrize("at", [0.9, 1.35, 2.0])
def test_sound_that_was_lost_between_is_noticed(gap, at):
    """A gap pushes what follows back, a loss pulls it ahead."""
    probe = Probe(RATE_HZ)
    heard = recorded(probe, room(1500, 15.0, 0.05), noise_db=-70)
    cut = round(at * RATE_HZ)
    rest = heard[cut - min(gap, 0) :]
    torn = np.concatenate([heard[:cut], np.zeros(max(gap, 0), np.float32), rest, heard[:480]])
    way = probe.analyse(torn[: len(heard)])
    assert way is None or not way.steady
    whole = probe.analyse(heard)
    assert whole is not None and whole.steady


def test_the_probe_is_quiet_and_refuses_what_it_cannot_judge():
    probe = Probe(RATE_HZ)
    assert np.abs(probe.sound).max() < 0.0631, "below -24 dBFS"
    assert len(probe.sound) == 4 * probe.period
    with pytest.raises(ValueError, match="samples is needed"):
        probe.analyse(probe.sound[:-1])
    with pytest.raises(ValueError, match="three chirps"):
        Probe(RATE_HZ, n_periods=2)
