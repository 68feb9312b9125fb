"""Augmented speech: noise as loud as asked, events where they are said to be."""

from dataclasses import replace

import numpy as np
import pytest

from training import opus
from training.augment import CLEAN, EVALUATION, AugmentOptions, augment, power
from training.line import clipped, telephone
from training.noises import NOISE_KINDS, RATE_HZ, noise_pool
from training.throat import loudness, retimed, revoiced


def options(**changes):
    """Nothing but what a test asks for."""
    return replace(CLEAN, **changes)


def speech(seconds=1.5, f0_hz=110.0, formant_hz=900.0):
    """A buzz through one resonance: something with a pitch and a formant."""
    n = int(seconds * RATE_HZ)
    pulses = np.zeros(n, np.float32)
    pulses[:: round(RATE_HZ / f0_hz)] = 1.0
    time_s = np.arange(800) / RATE_HZ
    ring = np.exp(-300 * time_s) * np.sin(2 * np.pi * formant_hz * time_s)
    return (np.convolve(pulses, ring)[:n] * 0.3).astype(np.float32)


def middle_hz(pcm):
    """The spectrum's centre of gravity."""
    power_of = np.abs(np.fft.rfft(pcm)) ** 2
    return (power_of * np.arange(len(power_of))).sum() / power_of.sum() * RATE_HZ / len(pcm)


def pitch_hz(pcm):
    """By autocorrelation."""
    spectrum = np.abs(np.fft.rfft(pcm, 2 * len(pcm))) ** 2
    likeness = np.fft.irfft(spectrum)[: RATE_HZ // 60]
    return RATE_HZ / (likeness[RATE_HZ // 250 :].argmax() + RATE_HZ // 250)


def tone(seconds=2.0, hz=440.0):
    return (0.3 * np.sin(2 * np.pi * hz * np.arange(int(seconds * RATE_HZ)) / RATE_HZ)).astype(
        np.float32
    )


def rng(seed=0):
    return np.random.default_rng(seed)


@pytest.mark.parametrize("snr_db", [5.0, 20.0])
@pytest.mark.parametrize("babble", [False, True])
def test_noise_is_as_far_below_the_speech_as_asked(snr_db, babble):
    """A pure tone is speech that can be told from noise exactly: by projection."""
    others = [tone(1.0, hz) for hz in (150.0, 1234.0, 3210.0)] if babble else None
    measured = []
    for seed in range(12):
        pcm = tone()
        steady = options(
            noise_share=1.0, snr_db=(snr_db, snr_db), noises=EVALUATION.noises, swell_share=0.0
        )
        noisy, timing = augment(pcm, rng(seed), steady, others)
        begin = int(timing.at(0))
        part = noisy[begin : begin + len(pcm)]
        clean = pcm * (part @ pcm) / (pcm @ pcm)
        measured.append(10 * np.log10(power(clean) / power(part - clean)))
    # Power counts the louder half of frames, which for fluctuating noise is a little more.
    assert np.abs(np.array(measured) - snr_db).max() < 2.0
    assert abs(float(np.mean(measured)) - snr_db) < 1.0


@pytest.mark.parametrize("warp", [0.88, 1.0, 1.12])
@pytest.mark.parametrize("changes", [{}, {"wobble_share": 1.0, "rough_share": 1.0}], ids=str)
def test_an_event_is_where_the_timing_says(warp, changes):
    pcm = np.zeros(RATE_HZ, np.float32)
    event = 6_000
    pcm[event - 1 : event + 2] = 0.5, 1.0, 0.5
    for seed in range(5):
        changed, timing = augment(
            pcm, rng(seed), options(warp_share=1.0, warp=(warp, warp), **changes)
        )
        assert abs(int(np.abs(changed).argmax()) - timing.at(event)) <= 1.5
        if not changes:
            assert timing.at(event) - timing.at(0) == pytest.approx(event * warp)
            assert len(changed) > timing.at(len(pcm))


def test_a_room_delays_nothing():
    pcm = np.zeros(RATE_HZ, np.float32)
    pcm[3_000] = 1.0
    for seed in range(5):
        changed, timing = augment(pcm, rng(seed), options(reverb_share=1.0, direct_db=(0.0, 9.0)))
        assert int(np.abs(changed).argmax()) == timing.at(3_000)


def test_silence_around_and_peak_are_in_their_ranges():
    for seed in range(10):
        chosen = options(lead_s=(0.1, 0.2), tail_s=(0.3, 0.4), peak_db=(-12.0, -6.0))
        changed, timing = augment(tone(), rng(seed), chosen)
        begin = int(timing.at(0))
        assert 0.1 * RATE_HZ <= begin <= 0.2 * RATE_HZ
        assert 0.3 * RATE_HZ <= len(changed) - begin - len(tone()) <= 0.4 * RATE_HZ
        assert -12.01 <= 20 * np.log10(np.abs(changed).max()) <= -5.99


def test_the_seed_decides_everything():
    def varied(seed):
        return augment(tone(), rng(seed), AugmentOptions(), [tone(1.0, 200.0)])[0]

    assert np.array_equal(varied(1), varied(1))
    assert not np.array_equal(varied(1), varied(2)[: len(varied(1))])


def test_clean_speech_stays_itself_and_samples_stay_float32():
    changed, timing = augment(tone(), rng(), CLEAN)
    begin = int(timing.at(0))
    part = changed[begin : begin + len(tone())]
    likeness = part @ tone() / np.linalg.norm(part) / np.linalg.norm(tone())
    assert likeness > 0.999
    assert augment(tone(), rng(), AugmentOptions())[0].dtype == np.float32


def test_a_very_short_utterance_survives_everything():
    shares = [n for n in AugmentOptions.__dataclass_fields__ if n.endswith("_share")]
    everything = AugmentOptions(**{name: 1.0 for name in shares})
    for seed in range(10):
        changed, _ = augment(np.ones(1, np.float32), rng(seed), everything)
        assert np.isfinite(changed).all()


@pytest.mark.parametrize("kind", NOISE_KINDS)
def test_noise_kinds_differ_in_colour_and_not_in_level(kind):
    noise = noise_pool(kind)
    assert noise.std() == pytest.approx(1.0, abs=0.01)
    spectrum = np.abs(np.fft.rfft(noise[: 1 << 17])) ** 2
    low, high = spectrum[: len(spectrum) // 16].sum(), spectrum[len(spectrum) // 2 :].sum()
    balance = {"white": (0.1, 0.2), "pink": (1.0, 20.0), "brown": (100, 1e6), "hum": (1.0, 50.0)}
    balance |= {"music": (1, 1e4), "clatter": (0.1, 5.0), "breath": (0.001, 0.05)}
    smallest, largest = balance[kind]
    assert smallest < low / high < largest


def test_formants_move_and_the_pitch_does_not():
    pcm = speech()
    higher = revoiced(pcm, rng(), 1.15, 0.0)
    lower = revoiced(pcm, rng(), 0.87, 0.0)
    assert middle_hz(lower) < 0.95 * middle_hz(pcm) < 0.9 * middle_hz(higher)
    assert pitch_hz(higher) == pytest.approx(pitch_hz(pcm), rel=0.02)
    assert pitch_hz(lower) == pytest.approx(pitch_hz(pcm), rel=0.02)
    assert np.abs(revoiced(pcm, rng(), 1.0, 0.0) - pcm).max() < 1e-5


def test_breath_fills_the_gaps_between_harmonics_and_keeps_the_level():
    pcm = speech(f0_hz=200.0, formant_hz=2500.0)

    def gaps(sound):
        """Power half-way between harmonics over all power, 2 to 3 kHz."""
        power_of = np.abs(np.fft.rfft(sound * np.hanning(len(sound)))) ** 2
        hz = np.arange(len(power_of)) * RATE_HZ / len(sound)
        band = (hz > 2000) & (hz < 3000)
        between = band & (np.abs(hz % 200 - 100) < 40)
        return power_of[between].sum() / power_of[band].sum()

    breathy = revoiced(pcm, rng(), 1.0, 0.7)
    assert gaps(pcm) < 0.01 < 0.04 < gaps(breathy)
    assert abs(10 * np.log10(power(breathy) / power(pcm))) < 2.0


def test_a_rough_voice_has_unequal_periods():
    pcm = np.maximum(0, tone(hz=100.0))

    def spread(sound):
        """Of the distances between periods, as a share of their mean."""
        begins = np.flatnonzero((sound[:-1] < 0.1) & (sound[1:] >= 0.1))
        return np.diff(begins).std() / np.diff(begins).mean()

    rough, _ = retimed(pcm, rng(), 1.0, 0.0, 0.025)
    assert spread(rough) > 0.01 > spread(pcm)
    gain_db = 20 * np.log10(loudness(RATE_HZ * 20, rng(), 4.0, 0.0))
    assert 2.0 < gain_db.std() < 5.0


def test_a_fixed_line_keeps_the_middle_and_loses_both_ends():
    for hz, kept in ((100.0, False), (1000.0, True), (2500.0, True), (5000.0, False)):
        level = power(telephone(tone(hz=hz) + 1e-3 * tone(hz=1500.0), 0.5)) / power(tone(hz=hz))
        assert (level > 0.5) == kept and (level < 0.05) != kept, hz
    coarse = telephone(tone(hz=1000.0), 0.01) - tone(hz=1000.0)
    fine = telephone(tone(hz=1000.0), 0.9) - tone(hz=1000.0)
    assert power(coarse) > power(fine)
    assert np.abs(clipped(tone(), 6.0)).max() == pytest.approx(0.15, rel=0.01)


@pytest.mark.skipif(not opus.available(), reason="needs libopus")
def test_opus_delays_nothing_and_loses_less_with_more_bits():
    pcm = speech()
    likeness = [
        pcm @ coded / np.linalg.norm(pcm) / np.linalg.norm(coded)
        for coded in (opus.coded(pcm, 6000), opus.coded(pcm, 32000))
    ]
    assert 0.5 < likeness[0] < likeness[1] < 1.0
