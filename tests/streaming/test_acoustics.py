"""The parts of the simulated room, each against what its formula promises."""

from __future__ import annotations

import numpy as np
import pytest

from vivavoce.streaming.acoustics import (
    Convolver,
    Loudspeaker,
    Tape,
    active_dbfs,
    convolved,
    impulse_response,
    noise,
)

RATE_HZ = 48_000


def rng(seed: int = 1) -> np.random.Generator:
    return np.random.default_rng(seed)


def rt60_of(response: np.ndarray) -> float:
    """Reverberation time from the decay between -5 and -35 dB (Schroeder's integral)."""
    left = np.cumsum(response[::-1].astype(np.float64) ** 2)[::-1]
    decay = 10 * np.log10(left / left[0])
    at = np.flatnonzero((decay < -5) & (decay > -35))
    slope = np.polyfit(at / RATE_HZ, decay[at], 1)[0]
    return -60 / slope


@pytest.mark.parametrize("rt60_s", [0.15, 0.3, 0.6])
def test_a_room_decays_as_asked_for(rt60_s):
    response = impulse_response(rt60_s, -20.0, RATE_HZ, rng())
    assert rt60_of(response) == pytest.approx(rt60_s, rel=0.08)
    assert response @ response == pytest.approx(1.0, abs=1e-4)


def test_direct_sound_stands_over_its_reverberation_as_asked_for():
    for direct_db in (-6.0, 0.0, 9.0):
        response = impulse_response(0.3, direct_db, RATE_HZ, rng())
        rest = float(response[1:] @ response[1:])
        assert 10 * np.log10(response[0] ** 2 / rest) == pytest.approx(direct_db, abs=0.01)
    assert impulse_response(0.0, 0.0, RATE_HZ, rng()).tolist() == [1.0]


def test_blocks_in_a_room_are_the_whole_in_a_room():
    sound = rng().standard_normal(480 * 30).astype(np.float32)
    sound[480 * 12 :] = 0.0  # silence, longer than the room sounds
    sound[-960:] = 1.0
    response = impulse_response(0.05, 0.0, RATE_HZ, rng(2))
    whole = convolved(sound, response)[: len(sound)]
    convolver = Convolver(response, 480)
    blocks = [convolver.feed(block) for block in sound.reshape(-1, 480)]
    np.testing.assert_allclose(np.concatenate(blocks), whole, atol=2e-5)
    assert not blocks[24].any()


def test_a_loudspeaker_bends_or_cuts_what_is_too_loud():
    loud = np.array([-2.0, -0.1, 0.0, 0.1, 2.0], dtype=np.float32)
    assert Loudspeaker(0.0, "hard").play(loud).tolist() == pytest.approx([-1, -0.1, 0, 0.1, 1])
    bent = Loudspeaker(6.0206, "tanh").play(loud)
    assert bent == pytest.approx(np.tanh(2 * loud), abs=1e-5)
    assert Loudspeaker(6.0206).play(loud) == pytest.approx(2 * loud, abs=1e-4)


def test_a_tape_at_its_own_speed_gives_what_was_fed():
    sound = rng().standard_normal(6000).astype(np.float32)
    tape = Tape(2000)
    for start in range(0, 6000, 500):
        tape.feed(sound[start : start + 500])
    assert tape.end == 6000
    assert tape.read(4500.0, 1.0, 500).tolist() == sound[4500:5000].tolist()
    with pytest.raises(ValueError, match="outside"):
        tape.read(5700.0, 1.0, 480)
    with pytest.raises(ValueError, match="outside"):
        tape.read(1000.0, 1.0, 480)


def test_a_tape_before_its_first_sample_is_silent():
    tape = Tape(1000)
    tape.feed(np.ones(500, dtype=np.float32))
    assert not tape.read(-500.0, 1.0, 480).any()


def test_a_tape_read_between_samples_is_the_same_tone_later():
    at = np.arange(20_000)
    tape = Tape(20_000)
    tape.feed(np.sin(2 * np.pi * 3000 * at / RATE_HZ).astype(np.float32))
    position, step = 9000.37, 1.0001
    read = tape.read(position, step, 480)
    wanted = np.sin(2 * np.pi * 3000 * (position + step * np.arange(480)) / RATE_HZ)
    assert np.abs(read - wanted).max() < 1e-3


@pytest.mark.parametrize(("kind", "slope_db"), [("white", 0.0), ("pink", -3.0)])
def test_noise_has_its_colour_and_a_level_of_one(kind, slope_db):
    made = noise(kind, 1 << 18, rng())
    assert np.sqrt(np.mean(made**2)) == pytest.approx(1.0, abs=1e-3)
    power = np.abs(np.fft.rfft(made)) ** 2
    octaves = [10 * np.log10(power[1 << k : 2 << k].mean()) for k in range(8, 17)]
    assert np.polyfit(range(9), octaves, 1)[0] == pytest.approx(slope_db, abs=0.2)


def test_babble_is_all_voices_at_once():
    voices = [rng(i).standard_normal(3000).astype(np.float32) for i in (1, 2)]
    made = noise("babble", 9000, rng(), voices)
    power = np.abs(np.fft.rfft(made)) ** 2  # both repeat 3 times: only every third line is left
    assert power[::3].sum() > 1e6 * power[1::3].sum()
    assert noise("babble", 9000, rng(), voices).tolist() == made.tolist()
    with pytest.raises(ValueError, match="voices"):
        noise("babble", 100, rng())


def test_pauses_do_not_count_for_the_level_of_speech():
    tone = 0.1 * np.sin(np.arange(RATE_HZ) / 10).astype(np.float32)
    quiet = np.zeros(3 * RATE_HZ, dtype=np.float32)
    assert active_dbfs(np.concatenate((quiet, tone)), RATE_HZ) == pytest.approx(-23.0, abs=0.3)
    assert active_dbfs(quiet, RATE_HZ) == -120.0
