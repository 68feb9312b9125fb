"""What is said to the loudspeaker, and how much of it was heard.

A reply is a *generation*: `open` it, `write` its sound as it comes, `finish` it. The device asks
for one block after another with `fill`, in its own thread, which takes no lock and never waits:
queue and stamps are deques whose ends are safe to use from two threads.

    control thread             queue of tagged chunks              device thread
    write -> resample ->  [gen 4 |    gen 4    | gen 5 ]  -> fill -> fade -> stamp -> DAC

* `pause` falls silent within one block, over a short fade. What sounds during the fade does not
  count as played: `resume` fades in at the very sample where the fade began.
* `stop` fades one block out and drops the rest of its generation and of those before.
* Each block is stamped with the device time of its first sample, so `heard` can say which
  sample was at the loudspeaker at any instant, and never one that was not played.

* While `audible` is False a stand-in plays in a lost device's place: from there on nothing of a
  reply counts as heard, though it comes to its end.

Every generation that was opened ends with exactly one notice, `Drained` or `Stopped`.
"""

from __future__ import annotations

import queue
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from .chime import Chime
from .clock import at_rate
from .frames import Pcm, as_pcm, samples
from .reference import Reference
from .resample import Resampler
from .timeline import DeviceTimeline

PAUSE_FADE_MS = 5
STOP_FADE_MS = 10
_N_STAMPS = 64  # more than any device's latency in blocks
_N_REMEMBERED = 16  # generations whose last heard sample is kept


@dataclass(frozen=True)
class Drained:
    """The generation was played to its last sample; `heard` samples at its own rate. They are
    fewer than were written where a stand-in has played some.
    """

    generation: int
    heard: int


@dataclass(frozen=True)
class Stopped:
    """The generation was cut; `heard` samples at its own rate were played in full."""

    generation: int
    heard: int


Notice = Drained | Stopped


@dataclass(frozen=True, eq=False)
class _Chunk:
    """Samples at the device's rate; `start` counts within the generation. No pcm: the end."""

    generation: int
    start: int
    pcm: Pcm | None


@dataclass(frozen=True)
class _Stamp:
    """`n` samples of a generation, from `start`, play from device time `time_s` on."""

    generation: int
    start: int
    n: int
    time_s: float


class _Speech:
    """The control side of one generation."""

    def __init__(self, rate_hz: int, device_hz: int) -> None:
        self.resampler = Resampler(rate_hz, device_hz)
        self.n_written = 0
        self.n_queued = 0
        self.closed = False
        """No more will be written: `finish` or `stop` was called."""
        self.complete = False
        """`finish` was called: the last sample queued is the reply's last."""

    def own_samples(self, index: int) -> int:
        """How many samples of the reply, at its own rate, lie before `index` of the queued."""
        if self.complete and index >= self.n_queued:
            return self.n_written
        return min(at_rate(index, self.resampler.to_hz, self.resampler.from_hz), self.n_written)


class Playout:
    """The queue in front of one loudspeaker.

    One thread controls (every method but `fill`), another fills. Generations are opened with
    rising numbers and play one after another.

    Args:
        rate_hz: of the device.
        clock: the device's seconds, the same that stamp its blocks.
        reference: is told all that is played, for who listens beside this loudspeaker.
    """

    def __init__(
        self, rate_hz: int, clock: Callable[[], float], reference: Reference | None = None
    ) -> None:
        self.rate_hz = rate_hz
        self.reference = reference
        self.chime = Chime(rate_hz)
        self.audible = True
        """False while nobody can hear what is played."""
        self.n_starved = 0
        """How often the sound ran out in the middle of a reply."""
        self._clock = clock
        self._gain = self._duck = self._gain_now = 1.0
        self._chunks: deque[_Chunk] = deque()
        self._offset = 0
        self._stamps: deque[_Stamp] = deque(maxlen=_N_STAMPS)
        self._timeline = DeviceTimeline(rate_hz)
        self._position = 0
        self._paused = False
        self._sounding = False
        self._faded = False
        self._ended_last = True
        """Whether the last thing taken from the queue was a generation's end."""
        self._dropped_through = -1
        self._newest = -1
        self._speeches: dict[int, _Speech] = {}
        self._ends: dict[int, int] = {}
        self._unheard_from: dict[int, int] = {}
        """The first sample of a generation that nobody could hear, where there is one."""
        self._notices: queue.SimpleQueue[tuple[float, Notice]] = queue.SimpleQueue()
        self._notice_held: tuple[float, Notice] | None = None

    # --- control -------------------------------------------------------------------------

    def open(self, generation: int, rate_hz: int) -> None:
        """A reply begins; its sound will come at `rate_hz`."""
        if generation <= self._newest:
            raise ValueError(f"generation {generation} is not newer than {self._newest}")
        self._newest = generation
        self._speeches[generation] = _Speech(rate_hz, self.rate_hz)
        for old in sorted(self._speeches)[:-_N_REMEMBERED]:
            self._speeches.pop(old)
            self._ends.pop(old, None)
            self._unheard_from.pop(old, None)

    def write(self, generation: int, pcm: Pcm) -> None:
        """More of a reply, [n] at the rate it was opened with; too late after `stop`."""
        speech = self._speeches.get(generation)
        if speech is None or speech.closed:
            return
        speech.n_written += len(pcm)
        self._put(generation, speech, speech.resampler.feed(as_pcm(pcm)))

    def finish(self, generation: int) -> None:
        """The reply is complete: play what is queued, then give notice."""
        speech = self._speeches.get(generation)
        if speech is None or speech.closed:
            return
        self._put(generation, speech, speech.resampler.flush())
        speech.closed = speech.complete = True
        self._chunks.append(_Chunk(generation, speech.n_queued, None))

    def pause(self) -> None:
        """Silence within one block, until `resume` or `stop`."""
        self._paused = True

    def resume(self) -> None:
        """On from the very sample where the pause began."""
        self._paused = False

    def stop(self, generation: int | None = None) -> None:
        """Cuts this generation (default: the newest) and all before it, and ends a pause."""
        last = self._newest if generation is None else generation
        for number, speech in self._speeches.items():
            if number <= last and not speech.closed:
                speech.closed = True
                self._chunks.append(_Chunk(number, speech.n_queued, None))
        self._dropped_through = max(self._dropped_through, last)
        self._paused = False

    def set_gain(self, gain: float) -> None:
        """Loudness as a factor, reached within one block."""
        self._gain = max(gain, 0.0)

    def duck(self, gain: float) -> None:
        """Softer by this factor for now, on top of the loudness: somebody may be speaking."""
        self._duck = min(max(gain, 0.0), 1.0)

    def heard(self, generation: int, at_s: float | None = None) -> int:
        """Samples of a reply, at its own rate, that had left the loudspeaker.

        Args:
            generation: which reply; one never opened, or long gone, has 0.
            at_s: device time, within the last half second; None for now.
        """
        speech = self._speeches.get(generation)
        if speech is None:
            return 0
        index = self._heard_index(generation, self._clock() if at_s is None else at_s)
        return speech.own_samples(self._audible_part(generation, index))

    @property
    def queued_samples(self) -> int:
        """Samples at the device's rate that wait to be played."""
        chunks = list(self._chunks)
        return max(sum(len(c.pcm) for c in chunks if c.pcm is not None) - self._offset, 0)

    def notices(self, now_s: float | None = None) -> list[Notice]:
        """The notices due by device time `now_s` (None: now), each given once, in order."""
        now_s = self._clock() if now_s is None else now_s
        due: list[Notice] = []
        while (held := self.next_notice(timeout_s=0)) is not None and held[0] <= now_s:
            due.append(held[1])
            self._notice_held = None
        return due

    def next_notice(self, timeout_s: float) -> tuple[float, Notice] | None:
        """The next notice and the device time it is due at, waiting at most `timeout_s` for one
        to be known; it stays until `notices` gives it.
        """
        if self._notice_held is None:
            try:
                self._notice_held = self._notices.get(timeout_s > 0, timeout_s or None)
            except queue.Empty:
                return None
        return self._notice_held

    def now_s(self) -> float:
        """The device's clock."""
        return self._clock()

    def attach(self, clock: Callable[[], float]) -> None:
        """A device was opened, or opened anew: its time stamps begin afresh."""
        self._clock = clock
        self._timeline.restart()

    def _put(self, generation: int, speech: _Speech, pcm: Pcm) -> None:
        if len(pcm):
            self._chunks.append(_Chunk(generation, speech.n_queued, pcm))
            speech.n_queued += len(pcm)

    def _audible_part(self, generation: int, index: int) -> int:
        return min(index, self._unheard_from.get(generation, index))

    def _heard_index(self, generation: int, at_s: float) -> int:
        stamps = [stamp for stamp in list(self._stamps) if stamp.generation == generation]
        for stamp in reversed(stamps):
            if stamp.time_s <= at_s:
                played = int((at_s - stamp.time_s) * self.rate_hz + 0.5)
                return stamp.start + min(played, stamp.n)
        return stamps[0].start if stamps else self._ends.get(generation, 0)

    # --- the device's thread -------------------------------------------------------------

    def fill(self, out: Pcm, dac_time_s: float) -> bool:
        """Writes the next block into `out` [n]; its first sample plays at `dac_time_s`.

        Returns:
            Whether any sound of a reply is in it.
        """
        time_s = self._timeline.stamp(self._position, dac_time_s)
        self._position += len(out)
        if self._chunks and self._chunks[0].generation <= self._dropped_through:
            n_sound = self._fill_stopping(out, time_s)
        elif self._paused:
            n_sound = self._fill_pausing(out)
        else:
            n_sound = self._fill_playing(out, time_s)
        out[n_sound:] = 0.0
        self.chime.mix(out)
        gain = self._gain * self._duck
        if not self._gain_now == gain == 1.0:
            out *= np.linspace(self._gain_now, gain, len(out), dtype=np.float32)
            self._gain_now = gain
        if self.reference is not None:
            self.reference.write(out, time_s)
        return n_sound > 0

    def _fill_playing(self, out: Pcm, time_s: float) -> int:
        filled = 0
        while self._chunks and filled < len(out):
            chunk = self._chunks[0]
            if chunk.pcm is None:
                self._end(chunk, time_s + filled / self.rate_hz, chunk.start)
                continue
            n = min(len(out) - filled, len(chunk.pcm) - self._offset)
            out[filled : filled + n] = chunk.pcm[self._offset : self._offset + n]
            self._stamp(chunk, n, filled, time_s)
            self._advance(n)
            filled += n
        if self._faded and filled:
            self._fade(out[:filled], PAUSE_FADE_MS, rising=True)
            self._faded = False
        self._note_starving(filled, len(out))
        return filled

    def _stamp(self, chunk: _Chunk, n: int, filled: int, block_s: float) -> None:
        """Notes when `n` samples play; one stamp covers all that a block has of a generation."""
        start = chunk.start + self._offset
        if not self.audible:
            self._unheard_from.setdefault(chunk.generation, start)
            return
        if filled and self._stamps:
            last = self._stamps[-1]
            joined = last.time_s >= block_s and last.start + last.n == start
            if joined and last.generation == chunk.generation:
                self._stamps[-1] = _Stamp(last.generation, last.start, last.n + n, last.time_s)
                return
        played_s = block_s + filled / self.rate_hz
        self._stamps.append(_Stamp(chunk.generation, start, n, played_s))

    def _note_starving(self, filled: int, wanted: int) -> None:
        """Counts once each time a reply runs dry before its end came."""
        was, self._sounding = self._sounding, filled == wanted
        if was and not self._sounding and not self._ended_last:
            self.n_starved += 1

    def _advance(self, n: int) -> None:
        chunk = self._chunks[0]
        self._offset += n
        self._ended_last = False
        if chunk.pcm is not None and self._offset == len(chunk.pcm):
            self._chunks.popleft()
            self._offset = 0

    def _fill_pausing(self, out: Pcm) -> int:
        """The first block of a pause fades out; what it plays stays in the queue."""
        if not self._sounding:
            return 0
        self._sounding, self._faded = False, True
        n = self._peek(out[: samples(PAUSE_FADE_MS, self.rate_hz)])
        self._fade(out[:n], PAUSE_FADE_MS, rising=False)
        return n

    def _fill_stopping(self, out: Pcm, time_s: float) -> int:
        """One fading block, unless silence reigned already; then the queue is emptied."""
        n = 0
        if self._sounding:
            n = self._peek(out[: samples(STOP_FADE_MS, self.rate_hz)])
            self._fade(out[:n], STOP_FADE_MS, rising=False)
        self._sounding = self._faded = False
        played = self._chunks[0].start + self._offset
        first = self._chunks[0].generation
        while self._chunks and self._chunks[0].generation <= self._dropped_through:
            chunk = self._chunks[0]
            if chunk.pcm is None:
                self._end(chunk, time_s, played if chunk.generation == first else 0)
            else:
                self._offset = 0
                self._chunks.popleft()
        return n

    def _peek(self, out: Pcm) -> int:
        """Copies what comes next of the current generation, without taking it."""
        filled, offset = 0, self._offset
        generation = self._chunks[0].generation if self._chunks else -1
        for chunk in list(self._chunks):  # the other thread may append meanwhile
            if chunk.pcm is None or chunk.generation != generation or filled == len(out):
                break
            n = min(len(out) - filled, len(chunk.pcm) - offset)
            out[filled : filled + n] = chunk.pcm[offset : offset + n]
            filled, offset = filled + n, 0
        return filled

    def _fade(self, out: Pcm, fade_ms: int, *, rising: bool) -> None:
        n = min(len(out), samples(fade_ms, self.rate_hz))
        ramp = np.linspace(0.0, 1.0, n + 2, dtype=np.float32)[1:-1]
        out[:n] *= ramp if rising else ramp[::-1]

    def _end(self, chunk: _Chunk, time_s: float, played: int) -> None:
        """A generation's end was reached, or it was cut after `played` samples."""
        self._chunks.popleft()
        self._offset = 0
        self._ended_last = True
        self._ends[chunk.generation] = played
        speech = self._speeches.get(chunk.generation)
        if speech is None:
            return  # so old that nobody remembers it
        heard = speech.own_samples(self._audible_part(chunk.generation, played))
        whole = speech.complete and played == speech.n_queued
        notice = Drained if whole else Stopped
        self._notices.put((time_s, notice(chunk.generation, heard)))
