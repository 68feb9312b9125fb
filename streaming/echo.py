"""What is done about the loudspeaker's own sound in the microphone: the interface and the ladder.

    apm          the echo is computed from what was played and subtracted      package livekit
    duck         the reply grows softer while somebody may be speaking, and
                 the microphone passes what is clearly louder than the echo    own, always there
    half_duplex  the microphone is deaf while the loudspeaker sounds
    none         nothing: headsets

`auto` takes the first that works here, and says so when it is not the best. One that fails while
it runs gives its place to the next, and says so. What takes the place of `duck` where the echo is
too loud for it is `half_duplex`, by itself and back again.
"""

from __future__ import annotations

import logging
from typing import Literal, Protocol

from .frames import Pcm

log = logging.getLogger(__name__)

RATE_HZ = 16_000
BLOCK_SAMPLES = 160  # 10 ms, what every canceller works in

EchoKind = Literal["auto", "apm", "duck", "half_duplex", "none"]
Rung = Literal["apm", "duck", "half_duplex", "none"]


class EchoUnavailable(Exception):
    """This way of cancelling cannot be had here; one sentence with what to install."""


class EchoCanceller(Protocol):
    """Takes the loudspeaker's sound out of the microphone's, block by block, without an end:
    what it learns of the room stays over turns and silences.
    """

    @property
    def kind(self) -> Rung:
        """The rung of the ladder it stands on now."""
        ...

    @property
    def reply_gain(self) -> float:
        """What the loudness of the reply should be multiplied by now, for it to work."""
        ...

    @property
    def erle_db(self) -> float | None:
        """How much softer the echo leaves it than it came, decibels; None where that says
        nothing or is not known yet.
        """
        ...

    def cancel(self, near: Pcm, far: Pcm) -> Pcm:
        """The microphone without the loudspeaker.

        Args:
            near: 10 ms of the microphone at 16 kHz [160].
            far: what was played [160], some milliseconds ahead of its echo; zeros when nothing.
        Returns:
            What somebody in the room said [160].
        """
        ...


class SteppingDown:
    """A canceller, and what takes its place for good once it fails.

    Args:
        best: may raise anything: it is another package's.
        next_best: fails never.
    """

    def __init__(self, best: EchoCanceller, next_best: EchoCanceller) -> None:
        self._current, self._next_best = best, next_best

    @property
    def kind(self) -> Rung:
        return self._current.kind

    @property
    def reply_gain(self) -> float:
        return self._current.reply_gain

    @property
    def erle_db(self) -> float | None:
        return self._current.erle_db

    def cancel(self, near: Pcm, far: Pcm) -> Pcm:
        try:
            return self._current.cancel(near, far)
        except Exception:
            if self._current is self._next_best:
                raise
            log.exception(
                "the processing of the microphone's sound failed: until the next start, %s "
                "is all that is done about the echo",
                self._next_best.kind,
            )
            self._current = self._next_best
            return self._current.cancel(near, far)


def make_canceller(
    kind: EchoKind = "auto", *, noise_suppression: bool = False, gain_control: bool = False
) -> EchoCanceller:
    """A canceller of this kind; "auto" is the best there is, with a warning if it is not apm.

    Args:
        kind: see above.
        noise_suppression: also take steady noise out.
        gain_control: also bring the voice to an even loudness.
    Raises:
        EchoUnavailable: what was asked for by name needs a package that is not here.
    """
    from .echo_apm import ApmCanceller, Enhanced
    from .echo_gate import DuckGate, HalfDuplex, PassThrough

    if kind in ("auto", "apm"):
        try:
            best = ApmCanceller(noise_suppression=noise_suppression, gain_control=gain_control)
            return SteppingDown(best, DuckGate())
        except EchoUnavailable as reason:
            if kind == "apm":
                raise
            log.warning(
                "%s; until then replies grow softer while somebody may be speaking, and only a "
                "voice clearly louder than the loudspeaker interrupts them",
                reason,
            )
    plain: EchoCanceller
    if kind == "none":
        plain = PassThrough()
    else:
        plain = HalfDuplex() if kind == "half_duplex" else DuckGate()
    if not (noise_suppression or gain_control):
        return plain
    try:
        better = Enhanced(plain, noise_suppression=noise_suppression, gain_control=gain_control)
        return SteppingDown(better, plain)
    except EchoUnavailable as reason:
        if kind != "auto":
            raise
        log.warning("no noise suppression and no gain control either: %s", reason)
        return plain
