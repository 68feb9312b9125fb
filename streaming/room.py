"""A simulated room: loudspeaker, microphone, people and noise, in virtual time.

    room = Room(RoomSettings(seed=7, delay_ms=50), playout, capture)
    room.say(voice, at_s=2.0, level_dbfs=-26)
    room.run(until_s=5.0)                       # as fast as it computes

Two devices ask and give as real ones do, each by its own clock: the loudspeaker calls
`playout.fill`, the microphone `capture.accept` and `capture.step`. Everything behind these two
is the product's own code. No wall clock and no thread: the same seed gives the same samples.

    playout.fill -> gain, clipping -> delay -> drift of clocks -> room -> + -> capture.accept
                                                       voice -> room -----+
                                                       noise -------------+

    true time   |-- 10 ms --|                one block of the microphone, 480 samples
                |-- 10 ms (1 - drift) --|    one block of the loudspeaker, 480 samples
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from .acoustics import (
    Clipping,
    Convolver,
    Loudspeaker,
    NoiseKind,
    Tape,
    active_dbfs,
    convolved,
    impulse_response,
    noise,
)
from .capture import Capture
from .devices import BLOCK_SAMPLES, DEVICE_HZ
from .frames import Pcm, samples
from .playout import Playout

_NOISE_S = 20  # of noise are made, and repeated
_KEPT_S = 1.0  # of what was played can be read back: more than any delay


@dataclass(frozen=True)
class RoomSettings:
    """A room and the two devices in it.

    Args:
        seed: of impulse responses, noise and the jitter of stamps.
        rt60_s: reverberation time.
        echo_gain_db: from what is played to what the microphone hears of it.
        echo_direct_db: the loudspeaker's direct sound over its reverberation.
        talker_direct_db: the same of a person.
        gain_db: of the loudspeaker, in front of its limit.
        clipping: what it does at its limit.
        delay_ms: from a block's callback to its sound at the microphone.
        hidden_ms: how much of it the loudspeaker's stamps do not know.
        capture_delay_ms: from a block's last sample to its callback.
        drift_ppm: the loudspeaker's clock runs so much faster than the microphone's.
        jitter_ms: stamps are wrong by this, standard deviation.
        noise: its kind.
        noise_dbfs: its level; None for silence.
    """

    seed: int = 0
    rt60_s: float = 0.3
    echo_gain_db: float = -6.0
    echo_direct_db: float = 3.0
    talker_direct_db: float = 0.0
    gain_db: float = 0.0
    clipping: Clipping = "none"
    delay_ms: float = 50.0
    hidden_ms: float = 0.0
    capture_delay_ms: float = 10.0
    drift_ppm: float = 0.0
    jitter_ms: float = 0.3
    noise: NoiseKind = "white"
    noise_dbfs: float | None = -65.0


@dataclass
class _Sound:
    """Something at the microphone from sample `start` on."""

    start: int
    pcm: Pcm

    @property
    def end(self) -> int:
        return self.start + len(self.pcm)


@dataclass
class Record:
    """All that sounded, at 48 kHz in blocks: what was played (as it left `fill`), and what of it
    the microphone heard.
    """

    played: list[Pcm] = field(default_factory=list)
    echo: list[Pcm] = field(default_factory=list)


class Room:
    """See the module's text.

    Args:
        settings: the room.
        playout: the loudspeaker's queue; it is attached to this room's time.
        capture: the microphone's; not started, the room calls its `step`.
        babble: voices at 48 kHz, for that kind of noise.
    """

    def __init__(
        self,
        settings: RoomSettings,
        playout: Playout,
        capture: Capture,
        babble: Sequence[Pcm] = (),
    ) -> None:
        self.settings = settings
        self.record = Record()
        self._playout, self._capture = playout, capture
        self._rng = np.random.default_rng(settings.seed)
        self._step = 1.0 + settings.drift_ppm * 1e-6
        self._delay_samples = samples(settings.delay_ms, DEVICE_HZ)
        self._echo_response = self._response(settings.echo_direct_db)
        self._talker_response = self._response(settings.talker_direct_db)
        self._echo_gain = np.float32(10 ** (settings.echo_gain_db / 20))
        self._loudspeaker = Loudspeaker(settings.gain_db, settings.clipping)
        self._tape = Tape(int(_KEPT_S * DEVICE_HZ))
        self._convolver = Convolver(self._echo_response * self._echo_gain, BLOCK_SAMPLES)
        self._noise = self._make_noise(babble)
        self._sounds: list[_Sound] = []
        self._n_out = self._n_in = 0
        self._now_s = 0.0
        playout.attach(self.now)

    def now(self) -> float:
        """True time, in seconds: the clock both devices' stamps are taken from."""
        return self._now_s

    # --- people and things -------------------------------------------------------------------

    def say(self, pcm: Pcm, at_s: float, level_dbfs: float, *, near: bool = False) -> float:
        """Somebody speaks, or something sounds.

        Args:
            pcm: the sound [n] at 48 kHz, as dry as it is.
            at_s: when it begins at the microphone, in true time; not in the past.
            level_dbfs: of what arrives, without pauses.
            near: right at the microphone, no reverberation.

        Returns:
            When its last sample has died away.
        """
        wet = pcm.copy() if near else convolved(pcm, self._talker_response)
        wet *= np.float32(10 ** ((level_dbfs - active_dbfs(wet, DEVICE_HZ)) / 20))
        sound = _Sound(max(round(at_s * DEVICE_HZ), self._n_in), wet)
        self._sounds.append(sound)
        return sound.end / DEVICE_HZ

    def echo_of(self, pcm: Pcm) -> Pcm:
        """What the microphone would hear of `pcm` [n] at 48 kHz, played, without the delay."""
        echo: Pcm = convolved(self._loudspeaker.play(pcm), self._echo_response) * self._echo_gain
        return echo

    # --- time --------------------------------------------------------------------------------

    def run(self, until_s: float) -> None:
        """Lets time pass."""
        while self.next_s() < until_s:
            self.step()

    def next_s(self) -> float:
        """When a device calls next."""
        return min(self._next_out_s(), self._next_in_s())

    def step(self) -> Literal["loudspeaker", "microphone"]:
        """Lets time pass until one device has called, and says which."""
        if self._next_out_s() <= self._next_in_s():
            self._now_s = self._next_out_s()
            self._play()
            return "loudspeaker"
        self._now_s = self._next_in_s()
        self._listen()
        return "microphone"

    def _next_out_s(self) -> float:
        return self._n_out / (DEVICE_HZ * self._step)

    def _next_in_s(self) -> float:
        last_s = (self._n_in + BLOCK_SAMPLES) / DEVICE_HZ
        return last_s + self.settings.capture_delay_ms / 1000

    def _play(self) -> None:
        """The loudspeaker's callback."""
        stamped_s = (self.settings.delay_ms - self.settings.hidden_ms) / 1000 + self._jitter_s()
        block = np.zeros(BLOCK_SAMPLES, dtype=np.float32)
        self._playout.fill(block, self._now_s + stamped_s)
        self.record.played.append(block)
        self._tape.feed(self._loudspeaker.play(block))
        self._n_out += BLOCK_SAMPLES

    def _listen(self) -> None:
        """The microphone's callback."""
        position = (self._n_in - self._delay_samples) * self._step
        echo = self._convolver.feed(self._tape.read(position, self._step, BLOCK_SAMPLES))
        self.record.echo.append(echo)
        heard = echo + self._others()
        taken_s = self._n_in / DEVICE_HZ + self._jitter_s()
        self._n_in += BLOCK_SAMPLES
        self._capture.accept(np.clip(heard, -1.0, 1.0), taken_s)
        self._capture.step(0)

    def _others(self) -> Pcm:
        """All but the echo, for the microphone's next block."""
        start, end = self._n_in, self._n_in + BLOCK_SAMPLES
        heard: Pcm = self._noise[np.arange(start, end) % len(self._noise)]
        for sound in self._sounds:
            first, last = max(start, sound.start), min(end, sound.end)
            if first < last:
                heard[first - start : last - start] += sound.pcm[
                    first - sound.start : last - sound.start
                ]
        self._sounds = [sound for sound in self._sounds if sound.end > end]
        return heard

    # --- inside ------------------------------------------------------------------------------

    def _response(self, direct_db: float) -> Pcm:
        return impulse_response(self.settings.rt60_s, direct_db, DEVICE_HZ, self._rng)

    def _make_noise(self, babble: Sequence[Pcm]) -> Pcm:
        n = _NOISE_S * DEVICE_HZ
        if self.settings.noise_dbfs is None:
            return np.zeros(n, dtype=np.float32)
        level = np.float32(10 ** (self.settings.noise_dbfs / 20))
        made: Pcm = noise(self.settings.noise, n, self._rng, babble) * level
        return made

    def _jitter_s(self) -> float:
        return float(self._rng.normal()) * self.settings.jitter_ms / 1000
