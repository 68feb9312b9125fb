"""Where a reply's sound goes out: to a client over the network, or to this machine's speaker.

An outlet plays what it is given in order, reports once when a generation was played to its end, and
after `stop` nothing more of that generation leaves it.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from ..streaming.clock import PlayoutEstimate
from ..streaming.codecs import decode, encode
from ..streaming.frames import Pcm
from ..streaming.playout import Drained, Playout
from ..streaming.playout import Notice as PlayoutNotice
from ..streaming.resample import Resampler
from .core.effects import PlayAudio
from .core.notices import AudioDelta, PartPlace

PIECE_MS = 100
SLACK_S = 0.005  # a piece due this soon is sent now: timers are no finer


@dataclass(frozen=True)
class Progress:
    """Samples of a reply that were sent and that were heard, at the model's rate."""

    sent: int
    heard: int


class Outlet(Protocol):
    """What a session plays to."""

    def open(self, generation: int, wire_hz: int) -> None:
        """A reply begins to count; a client gets its sound at wire_hz."""

    def play(self, audio: PlayAudio) -> None:
        """Play after what was given before."""

    def finish(self, generation: int) -> None:
        """Nothing more comes: report when all has left."""

    def pause(self, generation: int) -> None:
        """Hold still, within one block."""

    def resume(self, generation: int) -> None:
        """Go on at the exact sample."""

    def stop(self, generation: int) -> None:
        """Forget what has not left yet."""

    def progress(self, generation: int) -> Progress:
        """How far it is now."""

    def close(self) -> None:
        """The session is over."""


@dataclass
class _Stream:
    """One reply on its way to a client. Counts in samples at the model's rate."""

    resampler: Resampler
    estimate: PlayoutEstimate
    waiting: deque[PlayAudio] = field(default_factory=deque)
    place: PartPlace | None = None
    paused: bool = False
    finishing: bool = False
    all_sent: bool = False
    timer: asyncio.TimerHandle | None = None

    @property
    def n_sent(self) -> int:
        """Samples that have left; what the resampler still holds back has not."""
        held = self.resampler.held_back * self.resampler.from_hz // self.resampler.to_hz
        return self.estimate.n_sent - held


class RemoteOutlet:
    """Sends to a client, at most `lead_ms` ahead of what that client can have played.

    Args:
        emit: takes each AudioDelta.
        drained: is told the generation that has left, and was played by all we know.
        rate_hz: the model's output rate.
        lead_ms: None sends all at once, to a client that does not listen in real time.
        clock: seconds; the event loop's unless given.
        sent: is told the generation that has left while the client still plays it.
    """

    def __init__(
        self,
        emit: Callable[[AudioDelta], None],
        drained: Callable[[int], None],
        rate_hz: int,
        lead_ms: int | None,
        clock: Callable[[], float] | None = None,
        sent: Callable[[int], None] = lambda generation: None,
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._emit = emit
        self._drained = drained
        self._sent = sent
        self._rate_hz = rate_hz
        self._lead_s = None if lead_ms is None else lead_ms / 1000
        self._clock = clock or self._loop.time
        self._streams: dict[int, _Stream] = {}

    def open(self, generation: int, wire_hz: int) -> None:
        self._streams[generation] = _Stream(
            Resampler(self._rate_hz, wire_hz), PlayoutEstimate(self._rate_hz)
        )

    def play(self, audio: PlayAudio) -> None:
        stream = self._streams.get(audio.generation)
        if stream is not None:
            stream.waiting.extend(_pieces(audio, self._rate_hz * PIECE_MS // 1000 * 2))
            self._send(audio.generation, stream)

    def finish(self, generation: int) -> None:
        stream = self._streams.get(generation)
        if stream is not None:
            stream.finishing = True
            self._send(generation, stream)

    def pause(self, generation: int) -> None:
        stream = self._streams.get(generation)
        if stream is not None:
            stream.paused = True

    def resume(self, generation: int) -> None:
        stream = self._streams.get(generation)
        if stream is not None and stream.paused:
            stream.paused = False
            self._send(generation, stream)

    def stop(self, generation: int) -> None:
        stream = self._streams.pop(generation, None)
        if stream is not None and stream.timer is not None:
            stream.timer.cancel()

    def progress(self, generation: int) -> Progress:
        stream = self._streams.get(generation)
        if stream is None:
            return Progress(0, 0)
        return Progress(stream.n_sent, min(stream.estimate.heard(self._clock()), stream.n_sent))

    def close(self) -> None:
        for generation in list(self._streams):
            self.stop(generation)

    def _send(self, generation: int, stream: _Stream) -> None:
        """Send what is due, and come again when the next piece is."""
        if stream.timer is not None:
            stream.timer.cancel()
            stream.timer = None
        while stream.waiting and not stream.paused:
            wait_s = self._wait_s(stream)
            if wait_s > SLACK_S:
                stream.timer = self._loop.call_later(wait_s, self._send, generation, stream)
                return
            self._send_piece(stream, stream.waiting.popleft())
        if stream.finishing and not stream.waiting:
            self._end(generation, stream)

    def _wait_s(self, stream: _Stream) -> float:
        """Until the client has no more than the lead in hand."""
        if self._lead_s is None or not stream.estimate.n_sent:
            return 0.0
        return stream.estimate.ends_at_s() - self._lead_s - self._clock()

    def _send_piece(self, stream: _Stream, audio: PlayAudio) -> None:
        stream.place = PartPlace(
            audio.response_id, audio.item_id, audio.output_index, audio.content_index
        )
        stream.estimate.sent(len(audio.pcm) // 2, self._clock())
        if stream.resampler.from_hz == stream.resampler.to_hz:
            self._emit(AudioDelta(stream.place, audio.pcm))
        else:
            self._tell(stream.place, stream.resampler.feed(pcm_of(audio.pcm)))

    def _end(self, generation: int, stream: _Stream) -> None:
        """All has left. The reply goes on until it was heard, and while it is paused for a voice
        in its last moment: speech that begins there is not a turn of its own yet.
        """
        if not stream.all_sent:
            stream.all_sent = True
            if stream.place is not None:
                self._tell(stream.place, stream.resampler.flush())
            if self._left_s(stream) > SLACK_S:
                self._sent(generation)
        if stream.paused or self._streams.get(generation) is not stream:
            return
        left_s = self._left_s(stream)
        if left_s > SLACK_S:
            stream.timer = self._loop.call_later(left_s, self._send, generation, stream)
            return
        del self._streams[generation]
        self._drained(generation)

    def _left_s(self, stream: _Stream) -> float:
        """How long the client still plays what it was sent."""
        if self._lead_s is None or not stream.estimate.n_sent:
            return 0.0
        return stream.estimate.ends_at_s() - self._clock()

    def _tell(self, place: PartPlace, pcm: Pcm) -> None:
        if len(pcm):
            self._emit(AudioDelta(place, pcm16_of(pcm)))


class LocalOutlet:
    """Plays on this machine's loudspeaker, whose clock knows every sample heard.

    The owner of the sound card hands its notices to `noticed`, on the event loop.

    Args:
        playout: the queue in front of the loudspeaker.
        drained: is told the generation that has come to its end, and how many samples of it were
            heard: not all where the loudspeaker was away.
        rate_hz: the model's output rate.
    """

    def __init__(self, playout: Playout, drained: Callable[[int, int], None], rate_hz: int) -> None:
        self._playout = playout
        self._drained = drained
        self._rate_hz = rate_hz
        self._written: dict[int, int] = {}

    def open(self, generation: int, wire_hz: int) -> None:
        self._playout.open(generation, self._rate_hz)
        self._written[generation] = 0

    def play(self, audio: PlayAudio) -> None:
        if audio.generation in self._written:
            self._written[audio.generation] += len(audio.pcm) // 2
            self._playout.write(audio.generation, pcm_of(audio.pcm))

    def finish(self, generation: int) -> None:
        self._playout.finish(generation)

    def pause(self, generation: int) -> None:
        self._playout.pause()

    def resume(self, generation: int) -> None:
        self._playout.resume()

    def stop(self, generation: int) -> None:
        self._written.pop(generation, None)
        self._playout.stop(generation)

    def progress(self, generation: int) -> Progress:
        written = self._written.get(generation, 0)
        return Progress(written, min(self._playout.heard(generation), written))

    def close(self) -> None:
        for generation in list(self._written):
            self.stop(generation)

    def noticed(self, notice: PlayoutNotice) -> None:
        """What the loudspeaker says of a generation."""
        if isinstance(notice, Drained) and self._written.pop(notice.generation, None) is not None:
            self._drained(notice.generation, notice.heard)


def pcm_of(pcm16: bytes) -> Pcm:
    """16-bit little-endian samples as float32 [n]."""
    return decode("pcm16", pcm16)


def pcm16_of(pcm: Pcm) -> bytes:
    """float32 [n] as 16-bit little-endian samples; what is too loud is clipped."""
    return encode("pcm16", pcm)


def _pieces(audio: PlayAudio, n_bytes: int) -> list[PlayAudio]:
    """The same sound in pieces of at most n_bytes."""
    if len(audio.pcm) <= n_bytes:
        return [audio]
    return [
        PlayAudio(
            audio.generation,
            audio.response_id,
            audio.item_id,
            audio.output_index,
            audio.content_index,
            audio.pcm[at : at + n_bytes],
        )
        for at in range(0, len(audio.pcm), n_bytes)
    ]
