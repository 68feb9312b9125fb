"""Spoken turns in real time: how long until the reply sounds."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from vivavoce.assistant.client import Connection, Exchange

from .clips import Clip
from .timing import TurnTimes, gaps_s
from .witness import Witness

PER_CONVERSATION = 10  # people say a few things and leave


@dataclass
class TurnRun:
    """All turns held with one daemon.

    Args:
        times: of the turns that could be measured.
        problems: why the others could not.
        audio_s: input, silence included, and output.
        wall_s: how long it took.
    """

    times: list[TurnTimes] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    audio_s: float = 0.0
    wall_s: float = 0.0

    @property
    def n(self) -> int:
        """Turns held."""
        return len(self.times) + len(self.problems)


async def hold_turns(
    url: str,
    clips: Sequence[Clip],
    on_turn: Callable[[], None] = lambda: None,
    per_conversation: int = PER_CONVERSATION,
) -> TurnRun:
    """Say each clip and listen to its reply, some in each conversation."""
    run, began_s = TurnRun(), time.perf_counter()
    for first in range(0, len(clips), per_conversation):
        async with Witness(await Connection.open(url)) as witness:
            for clip in clips[first : first + per_conversation]:
                found = times_of(await witness.say(clip.pcm), witness)
                if isinstance(found, TurnTimes):
                    run.times.append(found)
                else:
                    run.problems.append(f"{clip.text!r}: {found}")
                on_turn()
            run.audio_s += witness.audio_in_s + witness.audio_out_s
    run.wall_s = time.perf_counter() - began_s
    return run


def times_of(exchange: Exchange, witness: Witness) -> TurnTimes | str:
    """The moments of what was said last in a recording, or why there are none."""
    if not exchange.turns:
        return "it was not noticed as speech"
    turn = exchange.turns[-1]
    endpoint_s = witness.endpoint_s(turn.item_id)
    if endpoint_s is None or turn.stopped_s is None:
        return "the server found no end of it"
    if turn.first_audio_s is None:
        return f"no reply was heard ({turn.error or turn.status or 'none came'})"
    assert exchange.speech_end_ms is not None
    speech_end_s = exchange.origin_s + exchange.speech_end_ms / 1000
    arrivals_s = witness.arrivals_s.get(turn.reply_item_id or "", [])
    durations_s = [len(pcm) / exchange.rate_hz for pcm in turn.audio]
    gaps = gaps_s(zip(arrivals_s, durations_s, strict=True))
    return TurnTimes(speech_end_s, endpoint_s, turn.stopped_s, turn.first_audio_s, gaps)
