"""Augmented speech: noise as loud as asked, events where they are said to be."""

import numpy as np
import pytest

from training.augment import CLEAN, NOISE_KINDS, RATE_HZ, AugmentOptions, augment, noise_pool, power


def options(**changes):
    """Nothing but what a test asks for."""
    quiet = {
        "noise_share": 0.0,
        "reverb_share": 0.0,
        "eq_share": 0.0,
        "low_pass_share": 0.0,
        "warp_share": 0.0,
    }
    return AugmentOptions(**(quiet | changes))


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
        noisy, _, begin = augment(
            pcm, rng(seed), options(noise_share=1.0, snr_db=(snr_db, snr_db)), others
        )
        part = noisy[begin : begin + len(pcm)]
        clean = pcm * (part @ pcm) / (pcm @ pcm)
        measured.append(10 * np.log10(power(clean) / power(part - clean)))
    # Power counts the louder half of frames, which for fluctuating noise is a little more.
    assert np.abs(np.array(measured) - snr_db).max() < 2.0
    assert abs(float(np.mean(measured)) - snr_db) < 1.0


@pytest.mark.parametrize("warp", [0.88, 1.0, 1.12])
def test_an_event_is_where_begin_and_stretch_say(warp):
    pcm = np.zeros(RATE_HZ, np.float32)
    event = 6_000
    pcm[event] = 1.0
    changed, stretch, begin = augment(
        pcm, rng(), options(warp_share=1.0, warp=(warp, warp), peak_db=(-1.0, -1.0))
    )
    assert stretch == pytest.approx(warp)
    assert abs(int(np.abs(changed).argmax()) - (begin + event * stretch)) <= 1


def test_a_room_delays_nothing():
    pcm = np.zeros(RATE_HZ, np.float32)
    pcm[3_000] = 1.0
    changed, _, begin = augment(pcm, rng(3), options(reverb_share=1.0))
    assert int(np.abs(changed).argmax()) == begin + 3_000


def test_silence_around_and_peak_are_in_their_ranges():
    for seed in range(10):
        chosen = options(lead_s=(0.1, 0.2), tail_s=(0.3, 0.4), peak_db=(-12.0, -6.0))
        changed, _, begin = augment(tone(), rng(seed), chosen)
        assert 0.1 * RATE_HZ <= begin <= 0.2 * RATE_HZ
        assert 0.3 * RATE_HZ <= len(changed) - begin - len(tone()) <= 0.4 * RATE_HZ
        assert -12.01 <= 20 * np.log10(np.abs(changed).max()) <= -5.99


def test_the_seed_decides_everything():
    def varied(seed):
        return augment(tone(), rng(seed), AugmentOptions(), [tone(1.0, 200.0)])[0]

    assert np.array_equal(varied(1), varied(1))
    assert not np.array_equal(varied(1), varied(2)[: len(varied(1))])


def test_clean_speech_stays_itself_and_samples_stay_float32():
    changed, stretch, begin = augment(tone(), rng(), CLEAN)
    part = changed[begin : begin + len(tone())]
    likeness = part @ tone() / np.linalg.norm(part) / np.linalg.norm(tone())
    assert stretch == 1.0 and likeness > 0.999
    assert augment(tone(), rng(), AugmentOptions())[0].dtype == np.float32


def test_a_very_short_utterance_survives_everything():
    everything = AugmentOptions(
        noise_share=1.0, reverb_share=1.0, eq_share=1.0, low_pass_share=1.0, warp_share=1.0
    )
    for seed in range(10):
        changed, _, _ = augment(np.ones(1, np.float32), rng(seed), everything)
        assert np.isfinite(changed).all()


@pytest.mark.parametrize("kind", NOISE_KINDS)
def test_noise_kinds_differ_in_colour_and_not_in_level(kind):
    noise = noise_pool(kind)
    assert noise.std() == pytest.approx(1.0, abs=0.01)
    spectrum = np.abs(np.fft.rfft(noise[: 1 << 17])) ** 2
    low, high = spectrum[: len(spectrum) // 16].sum(), spectrum[len(spectrum) // 2 :].sum()
    balance = {"white": (0.1, 0.2), "pink": (1.0, 20.0), "brown": (100, 1e6), "hum": (1.0, 50.0)}
    smallest, largest = balance[kind]
    assert smallest < low / high < largest
