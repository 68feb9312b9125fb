"""Cancellers against simulated echo: a voice over a loudspeaker that clips, in a room."""

from __future__ import annotations

import sys
from functools import lru_cache
from types import SimpleNamespace

import numpy as np
import pytest

from tests.streaming.sounds import RATE_HZ, at_level, human, noise, silence, tone, vowel
from vivavoce.streaming.echo import (
    BLOCK_SAMPLES,
    EchoCanceller,
    EchoUnavailable,
    make_canceller,
)
from vivavoce.streaming.echo_gate import DuckGate, HalfDuplex
from vivavoce.streaming.echo_levels import PLAYING_DBFS, Coupling, FarLevel, ReturnLoss
from vivavoce.streaming.frames import Pcm
from vivavoce.streaming.levels import dbfs

DELAY = round(0.05 * RATE_HZ)


@pytest.fixture
def livekit():
    return pytest.importorskip("livekit.rtc")


@pytest.fixture
def without_livekit(monkeypatch):
    monkeypatch.setitem(sys.modules, "livekit.rtc", None)


@lru_cache
def reply(seconds: float) -> Pcm:
    """What the loudspeaker plays: a voice, a little higher each time."""
    once = human()
    grid = np.arange(len(once))
    pieces = [np.interp(grid * pace, grid, once)[:-8000] for pace in (1.0, 1.15, 0.9, 1.05)]
    pcm = np.concatenate(pieces * 6)[: round(seconds * RATE_HZ)]
    return at_level(pcm.astype(np.float32), -20)


def echo_of(far: Pcm, level_dbfs: float = -26.0) -> Pcm:
    """Through a clipping loudspeaker and a room with 200 ms of reverberation, 50 ms late."""
    n = round(0.2 * RATE_HZ)
    room = np.random.default_rng(5).normal(size=n) * 10 ** (-3 * np.arange(n) / n)
    room[0] = 3.0
    size = 1 << (len(far) + n).bit_length()
    played = np.tanh(far * 1.5)
    echo = np.fft.irfft(np.fft.rfft(played, size) * np.fft.rfft(room, size), size)
    late = np.concatenate((np.zeros(DELAY), echo))[: len(far)].astype(np.float32)
    return at_level(late, level_dbfs)


def through(canceller: EchoCanceller, near: Pcm, far: Pcm) -> Pcm:
    blocks = range(0, len(near) - BLOCK_SAMPLES + 1, BLOCK_SAMPLES)
    out = [
        canceller.cancel(near[i : i + BLOCK_SAMPLES], far[i : i + BLOCK_SAMPLES]) for i in blocks
    ]
    return np.concatenate(out)


def seconds(pcm: Pcm, start: float, end: float) -> Pcm:
    return pcm[round(start * RATE_HZ) : round(end * RATE_HZ)]


def playing(far: Pcm) -> np.ndarray:
    """Which blocks can have echo in them."""
    level = FarLevel()
    blocks = far[: len(far) // BLOCK_SAMPLES * BLOCK_SAMPLES].reshape(-1, BLOCK_SAMPLES)
    return np.array([level.feed(block) > PLAYING_DBFS for block in blocks])


# --- apm ---------------------------------------------------------------------------------------


def test_after_eight_seconds_the_echo_is_30_db_softer(livekit):
    canceller, far = make_canceller("apm"), reply(12)
    near = echo_of(far) + noise(12, -62, seed=2)
    out = through(canceller, near, far)
    assert dbfs(seconds(near, 1, 3)) - dbfs(seconds(out, 1, 3)) > 10
    assert dbfs(seconds(near, 8, 12)) - dbfs(seconds(out, 8, 12)) >= 30
    assert canceller.erle_db == pytest.approx(38, abs=8)


def test_what_was_learnt_of_the_room_outlasts_silence_and_other_voices(livekit):
    canceller, far = make_canceller("apm"), reply(8)
    near = echo_of(far) + noise(8, -62, seed=2)
    through(canceller, near, far)
    through(canceller, np.concatenate((human(), noise(5, -62))), silence(9))
    out = through(canceller, near[: 2 * RATE_HZ], far[: 2 * RATE_HZ])
    assert dbfs(seconds(near, 0, 2)) - dbfs(out) > 25


def test_a_voice_over_the_echo_is_still_there(livekit):
    canceller, far = make_canceller("apm"), reply(11)
    voice = np.concatenate((silence(8), at_level(human()[: 3 * RATE_HZ], -26)))
    out = through(canceller, echo_of(far) + voice + noise(11, -62, seed=2), far)
    assert dbfs(seconds(out, 8.5, 11)) > dbfs(seconds(voice, 8.5, 11)) - 7


def test_a_voice_alone_passes_almost_untouched(livekit):
    out = through(make_canceller("apm"), human(), silence(4))
    assert dbfs(out) == pytest.approx(dbfs(human()), abs=1)


def test_noise_suppression_and_gain_control(livekit):
    hiss = noise(4, -40, seed=1)
    quiet = through(make_canceller("none", noise_suppression=True), hiss, silence(4))
    assert dbfs(seconds(quiet, 2, 4)) < dbfs(hiss) - 8
    soft = at_level(np.tile(human(), 3), -45)
    louder = through(make_canceller("apm", gain_control=True), soft, silence(11))
    assert dbfs(seconds(louder, 6, 10)) > dbfs(seconds(soft, 6, 10)) + 6


def test_what_is_too_loud_is_clipped_and_does_not_wrap_around(livekit):
    loud = np.full(RATE_HZ, 3.0, np.float32) * np.sign(tone(1.0, 300))
    out = through(make_canceller("none", gain_control=True), loud, silence(1))
    assert np.abs(out).max() <= 1.0


# --- the ladder --------------------------------------------------------------------------------


def test_auto_takes_the_canceller_where_there_is_one(livekit, caplog):
    assert make_canceller("auto").kind == "apm"
    assert not caplog.records


def test_without_it_auto_ducks_and_warns(without_livekit, caplog):
    canceller = make_canceller("auto", noise_suppression=True)
    assert canceller.kind == "duck" and isinstance(canceller, DuckGate)
    assert [record.levelname for record in caplog.records] == ["WARNING", "WARNING"]
    assert "echo cancellation needs the package livekit" in caplog.text
    assert "no noise suppression and no gain control" in caplog.text


@pytest.mark.parametrize(
    ("kind", "noise_suppression"), [("apm", False), ("none", True), ("duck", True)]
)
def test_what_was_asked_for_by_name_must_be_there(without_livekit, kind, noise_suppression):
    with pytest.raises(EchoUnavailable, match="needs the package livekit: pip install livekit"):
        make_canceller(kind, noise_suppression=noise_suppression)


def test_a_package_that_does_not_load_is_as_good_as_none_and_says_why(monkeypatch):
    def made(**_: object) -> None:
        raise RuntimeError("protobuf is too old")

    rtc = SimpleNamespace(apm=SimpleNamespace(AudioProcessingModule=made))
    monkeypatch.setitem(sys.modules, "livekit.rtc", rtc)
    with pytest.raises(EchoUnavailable, match=r"does not load here \(protobuf is too old\)"):
        make_canceller("apm")
    assert make_canceller("auto").kind == "duck"


@pytest.mark.parametrize("kind", ["duck", "half_duplex", "none"])
def test_the_other_rungs_need_nothing(without_livekit, kind, caplog):
    assert make_canceller(kind).kind == kind
    assert not caplog.records


def test_a_canceller_that_fails_while_it_runs_gives_its_place_to_the_next(
    livekit, monkeypatch, caplog
):
    canceller = make_canceller("auto")
    far, near = reply(0.05), echo_of(reply(0.05))
    through(canceller, near, far)

    def fail(*_):
        raise RuntimeError("the library is gone")

    monkeypatch.setattr(livekit.apm.AudioProcessingModule, "process_stream", fail)
    assert not caplog.records
    out = through(canceller, near, far)
    assert canceller.kind == "duck" and canceller.erle_db is None
    assert np.array_equal(out, through(DuckGate(), near, far))
    through(canceller, near, far)
    [record] = caplog.records
    assert "until the next start, duck is all" in record.message


def test_a_headset_hears_everything():
    far = reply(1)
    np.testing.assert_array_equal(
        through(make_canceller("none"), human()[:16_000], far), human()[:16_000]
    )


def test_half_duplex_is_deaf_while_it_plays_and_for_the_rooms_tail():
    far = np.concatenate((silence(0.5), reply(1), silence(1.5)))
    out = through(HalfDuplex(), vowel(3.0), far)
    assert dbfs(seconds(out, 0, 0.5)) > -30
    assert not seconds(out, 0.7, 1.6).any()
    assert dbfs(seconds(out, 2.1, 3.0)) > -30


# --- ducking -----------------------------------------------------------------------------------


class Duplex:
    """A loudspeaker that obeys `reply_gain`, and a microphone that hears it 50 ms later."""

    def __init__(self, coupling_db: float, seed: int = 0) -> None:
        self.gate = DuckGate()
        self.gains: list[float] = []
        self.out: list[Pcm] = []
        self._coupling = np.float32(10 ** (coupling_db / 20))
        self._late = [np.zeros(BLOCK_SAMPLES, np.float32)] * 5
        self._rng = np.random.default_rng(seed)

    def run(self, far: Pcm, voice: Pcm) -> Pcm:
        """What passes of one stretch, [n] both."""
        begun = len(self.out)
        for i in range(0, len(far) - BLOCK_SAMPLES + 1, BLOCK_SAMPLES):
            played = far[i : i + BLOCK_SAMPLES] * np.float32(self.gate.reply_gain)
            self._late.append(played)
            hiss = self._rng.normal(size=BLOCK_SAMPLES).astype(np.float32) * 1e-3
            near = self._coupling * self._late.pop(0) + voice[i : i + BLOCK_SAMPLES] + hiss
            self.gains.append(self.gate.reply_gain)
            self.out.append(self.gate.cancel(near, played))
        return np.concatenate(self.out[begun:])


@pytest.mark.parametrize("coupling_db", [-24.0, -12.0, -6.0])
def test_its_own_voice_does_not_pass(coupling_db):
    room = Duplex(coupling_db)
    far = reply(20)
    out = room.run(far, silence(20))
    passed = np.abs(out.reshape(-1, BLOCK_SAMPLES)).max(axis=1) > 0
    assert passed[playing(far)].mean() < 0.01
    assert np.mean(np.array(room.gains[300:]) < 1) < 0.1, "it is ducked without need"


@pytest.mark.parametrize("over_echo_db", [0.0, 6.0, 12.0])
def test_a_voice_as_loud_as_the_echo_ducks_the_reply_and_passes(over_echo_db):
    room, far = Duplex(-12.0), reply(13)
    room.run(far[: 10 * RATE_HZ], silence(10))
    echo_dbfs = dbfs(far) - 12
    voice = at_level(vowel(3.0), echo_dbfs + over_echo_db)
    out = room.run(far[10 * RATE_HZ :], voice)
    assert min(room.gains[1000:]) == DuckGate.DUCKED
    assert dbfs(seconds(out, 1, 3)) > dbfs(seconds(voice, 1, 3)) - 3
    room.run(far[:RATE_HZ], silence(1))
    assert room.gate.reply_gain == 1.0


def test_before_it_knows_the_room_it_passes_nothing_but_what_tops_the_loudspeaker():
    room = Duplex(-12.0)
    far = tone(1.0, 400, peak=0.2)
    assert not room.run(far, at_level(vowel(1.0), -20))[BLOCK_SAMPLES:].any()
    assert room.run(far, at_level(vowel(1.0), -3)).any()


def test_where_no_voice_can_stand_out_it_is_half_duplex_and_says_so(caplog):
    room = Duplex(9.0)
    far, voice = reply(8), at_level(vowel(8.0), -26)
    room.run(far, silence(8))
    assert room.gate.kind == "half_duplex"
    assert "deaf while the assistant speaks" in caplog.text
    assert not room.run(far, voice)[np.repeat(playing(far), BLOCK_SAMPLES)].any()
    assert dbfs(room.run(silence(2), voice[: 2 * RATE_HZ])[RATE_HZ:]) > -30, "it hears in between"
    room._coupling = np.float32(0.25)  # somebody turns it down
    room.run(reply(20), silence(20))
    assert room.gate.kind == "duck"


# --- levels --------------------------------------------------------------------------------------


def test_coupling_is_learnt_although_people_speak_now_and_then():
    coupling, rng = Coupling(), np.random.default_rng(1)
    far_level = FarLevel()
    assert (coupling.db, coupling.known) == (0.0, False)
    for block in range(1500):
        speaking = block % 500 > 350
        far = far_level.feed(np.full(160, 10 ** (rng.uniform(-35, -20) / 20), np.float32))
        coupling.feed(far - 15 + rng.uniform(-6, 0) + 20 * speaking, far)
    assert coupling.known
    assert coupling.db == pytest.approx(-15, abs=2)


def test_return_loss_counts_the_echo_and_not_silence_or_voices():
    loss = ReturnLoss()
    hiss = noise(0.01, -60)
    loud = noise(0.01, -26)
    for _ in range(400):
        loss.feed(hiss, hiss, -120.0)
    assert loss.median_db is None
    for block in range(300):
        out = loud if block % 3 == 0 else noise(0.01, -56)
        loss.feed(loud, out, -20.0)
        loss.feed(hiss, hiss, -20.0)
    assert loss.median_db == pytest.approx(30, abs=0.1)
