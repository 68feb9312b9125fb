"""Where speech begins and ends: from the voicing of frames to events.

    voicing      ....##.#..........########..####...#####.............................
                     ^  ^          ^  ^   ^         ^        ^            ^
                Voiced  Unvoiced   |  |   Confirmed Resumed  SoftEnd      Ended
                            Voiced-+  +-SpeechStarted

* A frame opens the gate at `on_threshold`, closes it below `off_threshold`, and leaves it as it
  is in between.
* `Voiced` comes after `suspect_ms` of open gate (the first stage of barge-in: pause playout),
  `SpeechStarted` after `onset_ms`, `Confirmed` after `confirm_ms` (the second stage: stop). The
  counter leaks while the gate is closed; when it runs dry before `SpeechStarted`, `Unvoiced`
  takes the suspicion back.
* `SoftEnd` comes after `soft_end_ms` of silence (prepare a reply), `Ended` after `silence_ms`
  (speak it). `Resumed` takes a `SoftEnd` back after `resume_ms` of open gate.

So the events of a stream always read, for each stretch of speech:

    Voiced Unvoiced | Voiced SpeechStarted [Confirmed] (SoftEnd Resumed)* SoftEnd Ended

with `Confirmed` anywhere before the last `SoftEnd`. Everything is counted in samples of the
sound fed, frame by frame, so the same sound gives the same events however it was cut.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal

from .frames import Pcm, samples
from .vad import VAD_RATE_HZ, Vad, VadState, Voicing

EndReason = Literal["silence", "too_long", "stream_end"]
SHORTEST_SILENCE_MS, LONGEST_SILENCE_MS = 100, 4000


@dataclass(frozen=True)
class Voiced:
    """Somebody may be speaking since `first_voiced`; known at `at`."""

    at: int
    first_voiced: int


@dataclass(frozen=True)
class Unvoiced:
    """It was no speech: the `Voiced` before it is taken back."""

    at: int


@dataclass(frozen=True)
class SpeechStarted:
    """Somebody speaks. `start` lies a padding before `first_voiced`, the first voiced sample.

    It never lies before the `at` of the `Ended` before it, so no sample belongs to two turns.
    """

    at: int
    start: int
    first_voiced: int


@dataclass(frozen=True)
class Confirmed:
    """`voiced_samples` of open gate since `first_voiced`: long enough to interrupt a reply."""

    at: int
    first_voiced: int
    voiced_samples: int


@dataclass(frozen=True)
class SoftEnd:
    """A pause that may be the end: silence since `end`."""

    at: int
    end: int


@dataclass(frozen=True)
class Resumed:
    """Speech went on after a soft end, at `first_voiced`."""

    at: int
    first_voiced: int


@dataclass(frozen=True)
class Ended:
    """The turn that began at `start` is over: speech until `end`, known at `at`."""

    at: int
    start: int
    end: int
    reason: EndReason


EndpointEvent = Voiced | Unvoiced | SpeechStarted | Confirmed | SoftEnd | Resumed | Ended


@dataclass(frozen=True)
class EndpointSettings:
    """When speech begins and ends. Durations in ms, thresholds as probabilities."""

    on_threshold: float = 0.5
    """A frame at least this likely opens the gate."""
    off_threshold: float = 0.35
    """A frame less likely than this closes the gate."""
    least_dbfs: float = -math.inf
    """A frame softer than this closes the gate, whatever the detector says."""
    suspect_ms: int = 30
    """Open gate before `Voiced`."""
    onset_ms: int = 90
    """Open gate before `SpeechStarted`."""
    confirm_ms: int = 200
    """Open gate before `Confirmed`."""
    prefix_padding_ms: int = 300
    """Sound kept before the first voiced sample."""
    resume_ms: int = 30
    """Open gate that ends a pause; shorter blips do not."""
    soft_end_ms: int = 200
    """Silence before `SoftEnd`; at most `silence_ms` counts."""
    silence_ms: int = 500
    """Silence before `Ended`, SHORTEST_SILENCE_MS to LONGEST_SILENCE_MS."""
    max_speech_ms: int = 0
    """A turn longer than this is ended; 0 for no limit. What never pauses may be noise: the next
    turn begins only after a frame that closes the gate."""

    def __post_init__(self) -> None:
        if not 0.0 < self.off_threshold <= self.on_threshold <= 1.0:
            raise ValueError(
                "thresholds must satisfy 0 < off <= on <= 1, "
                f"got off {self.off_threshold}, on {self.on_threshold}"
            )
        if not SHORTEST_SILENCE_MS <= self.silence_ms <= LONGEST_SILENCE_MS:
            raise ValueError(
                f"silence_ms must lie in {SHORTEST_SILENCE_MS} to {LONGEST_SILENCE_MS}, "
                f"got {self.silence_ms}"
            )
        for name in ("suspect_ms", "onset_ms", "confirm_ms", "resume_ms", "soft_end_ms"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, got {getattr(self, name)}")
        for name in ("prefix_padding_ms", "max_speech_ms"):
            if getattr(self, name) < 0:
                raise ValueError(f"{name} cannot be negative, got {getattr(self, name)}")


@dataclass(frozen=True)
class EndpointState:
    """All that an endpointer remembers; indices and counts in samples."""

    gate_open: bool = False
    floor: int = 0
    """`at` of the last `Ended`: no padding reaches before it."""
    run: int = 0
    """Leaky count of open gate: towards an onset outside speech, out of a pause inside."""
    run_start: int = 0
    """First voiced sample of `run`."""
    suspected: bool = False
    speaking: bool = False
    start: int = 0
    first_voiced: int = 0
    voiced: int = 0
    """Open gate since `first_voiced`, not leaky."""
    confirmed: bool = False
    quiet_since: int = 0
    """End of the last open frame that counted as speech."""
    softly_ended: bool = False
    stuck: bool = False
    """The gate has been open since a turn that was too long."""


class Endpoint:
    """Turns voicings into events; `settings` may be replaced at any time, for later frames.

    Args:
        settings: when speech begins and ends.
        rate_hz: of the sample indices in the voicings.
    """

    def __init__(
        self, settings: EndpointSettings | None = None, rate_hz: int = VAD_RATE_HZ
    ) -> None:
        self.settings = settings or EndpointSettings()
        self.rate_hz = rate_hz
        self._state = EndpointState()

    @property
    def speaking(self) -> bool:
        """Between `SpeechStarted` and `Ended`."""
        return self._state.speaking

    def step(self, voicing: Voicing) -> list[EndpointEvent]:
        """The events that one more frame brings."""
        self._state = _gate(self._state, voicing, self.settings)
        return self._speech(voicing) if self._state.speaking else self._silence(voicing)

    def flush(self, at: int) -> list[EndpointEvent]:
        """The stream ends at `at`: what is open is closed."""
        if self._state.speaking:
            return self._end(at, "stream_end")
        suspected = self._state.suspected
        self._state = EndpointState(floor=self._state.floor)
        return [Unvoiced(at)] if suspected else []

    def snapshot(self) -> EndpointState:
        """The state as a value."""
        return self._state

    def restore(self, state: EndpointState) -> None:
        """Puts a state back."""
        self._state = state

    def reset(self) -> None:
        """As if newly made, with the settings of now."""
        self._state = EndpointState()

    def _samples(self, duration_ms: int) -> int:
        return samples(duration_ms, self.rate_hz)

    def _silence(self, voicing: Voicing) -> list[EndpointEvent]:
        """Outside speech: suspicion, onset, or suspicion taken back."""
        state = self._state = _count(self._state, voicing)
        events: list[EndpointEvent] = []
        if state.suspected and state.run == 0:
            events.append(Unvoiced(voicing.end))
            self._state = replace(state, suspected=False)
        elif not state.suspected and state.run >= self._samples(self.settings.suspect_ms):
            events.append(Voiced(voicing.end, state.run_start))
            self._state = replace(state, suspected=True)
        if state.run >= self._samples(self.settings.onset_ms):
            events += self._begin(voicing)
        return events

    def _begin(self, voicing: Voicing) -> list[EndpointEvent]:
        state = self._state
        padded = state.run_start - self._samples(self.settings.prefix_padding_ms)
        start = max(padded, state.floor, 0)
        events: list[EndpointEvent] = []
        if not state.suspected:
            events.append(Voiced(voicing.end, state.run_start))
        events.append(SpeechStarted(voicing.end, start, state.run_start))
        self._state = EndpointState(
            gate_open=state.gate_open,
            floor=state.floor,
            speaking=True,
            start=start,
            first_voiced=state.run_start,
            voiced=state.run,
            quiet_since=voicing.end,
        )
        return events + self._confirm(voicing)

    def _speech(self, voicing: Voicing) -> list[EndpointEvent]:
        """Inside speech: confirmation, pauses, the end."""
        state = _count(self._state, voicing)
        if state.gate_open:
            state = replace(state, voiced=state.voiced + voicing.end - voicing.start)
        self._state = state
        if state.run >= self._samples(self.settings.resume_ms) or self._unbroken(voicing):
            events = self._go_on(voicing) + self._confirm(voicing)
        else:
            events = self._pause(voicing)
        limit = self._samples(self.settings.max_speech_ms)
        if self._state.speaking and limit and voicing.end - state.first_voiced >= limit:
            events += self._end(voicing.end, "too_long")
        return events

    def _unbroken(self, voicing: Voicing) -> bool:
        """Whether this open frame follows right on speech, with no pause to come back from."""
        return self._state.gate_open and self._state.quiet_since == voicing.start

    def _go_on(self, voicing: Voicing) -> list[EndpointEvent]:
        state = self._state
        self._state = replace(state, run=0, quiet_since=voicing.end, softly_ended=False)
        return [Resumed(voicing.end, state.run_start)] if state.softly_ended else []

    def _confirm(self, voicing: Voicing) -> list[EndpointEvent]:
        state = self._state
        if state.confirmed or state.voiced < self._samples(self.settings.confirm_ms):
            return []
        self._state = replace(state, confirmed=True)
        return [Confirmed(voicing.end, state.first_voiced, state.voiced)]

    def _pause(self, voicing: Voicing) -> list[EndpointEvent]:
        quiet = voicing.end - self._state.quiet_since
        if quiet >= self._samples(self.settings.silence_ms):
            return self._end(voicing.end, "silence")
        if self._state.softly_ended or quiet < self._samples(self.settings.soft_end_ms):
            return []
        self._state = replace(self._state, softly_ended=True)
        return [SoftEnd(voicing.end, self._state.quiet_since)]

    def _end(self, at: int, reason: EndReason) -> list[EndpointEvent]:
        state = self._state
        events: list[EndpointEvent] = []
        if not state.softly_ended:
            events.append(SoftEnd(at, state.quiet_since))
        events.append(Ended(at, state.start, state.quiet_since, reason))
        stuck = reason == "too_long" and state.gate_open
        self._state = EndpointState(gate_open=state.gate_open, floor=at, stuck=stuck)
        return events


def _gate(state: EndpointState, voicing: Voicing, settings: EndpointSettings) -> EndpointState:
    """Hysteresis: open at one threshold, closed below the other, as it was in between."""
    if voicing.probability < settings.off_threshold or voicing.level_dbfs < settings.least_dbfs:
        is_open = False
    else:
        is_open = state.gate_open or voicing.probability >= settings.on_threshold
    return state if is_open == state.gate_open else replace(state, gate_open=is_open)


def _count(state: EndpointState, voicing: Voicing) -> EndpointState:
    """The leaky count: up by every open frame, down by every closed one, never below nothing."""
    length = voicing.end - voicing.start
    if state.stuck:
        return state if state.gate_open else replace(state, stuck=False)
    if not state.gate_open:
        return replace(state, run=max(state.run - length, 0)) if state.run else state
    start = state.run_start if state.run else voicing.start
    return replace(state, run=state.run + length, run_start=start)


@dataclass(frozen=True)
class DetectorState:
    """A speech detector's whole memory."""

    vad: VadState
    endpoint: EndpointState


class SpeechDetector:
    """Sound in, endpoint events out: a voice activity detector with an endpointer behind it.

    Args:
        vad: the detector; sound is fed at 16 kHz, and indices count from its first sample.
        settings: when speech begins and ends; `settings` may be replaced while it runs.
    """

    def __init__(self, vad: Vad, settings: EndpointSettings | None = None) -> None:
        self.vad = vad
        self._endpoint = Endpoint(settings)

    @property
    def settings(self) -> EndpointSettings:
        return self._endpoint.settings

    @settings.setter
    def settings(self, settings: EndpointSettings) -> None:
        self._endpoint.settings = settings

    @property
    def speaking(self) -> bool:
        """Between `SpeechStarted` and `Ended`."""
        return self._endpoint.speaking

    @property
    def position(self) -> int:
        """Samples judged so far; fewer than were fed while a frame is not whole."""
        return self.vad.position

    def feed(self, pcm: Pcm) -> list[EndpointEvent]:
        """The events that `pcm` [n] at 16 kHz brings, in order."""
        return list(self.events(pcm))

    def events(self, pcm: Pcm) -> Iterator[EndpointEvent]:
        """The same one by one: who changes the settings at an event changes what comes after."""
        for voicing in self.vad.feed(pcm):
            yield from self._endpoint.step(voicing)

    def flush(self) -> list[EndpointEvent]:
        """The sound is over: closes an open turn; a frame that is not whole is not judged."""
        return self._endpoint.flush(self.vad.position)

    def snapshot(self) -> DetectorState:
        """The state as a value (the settings are not part of it)."""
        return DetectorState(self.vad.snapshot(), self._endpoint.snapshot())

    def restore(self, state: DetectorState) -> None:
        """Puts a state back."""
        self.vad.restore(state.vad)
        self._endpoint.restore(state.endpoint)

    def reset(self) -> None:
        """As if newly made, with the settings of now."""
        self.vad.reset()
        self._endpoint.reset()
