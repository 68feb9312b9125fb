"""Interrupted replies: how fast they fall silent, and what is left of them in memory."""

from __future__ import annotations

import asyncio
import base64
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from vivavoce.assistant.client import Connection, Turn
from vivavoce.assistant.client.connection import Event
from vivavoce.assistant.client.conversation import RATE_HZ

from .clips import Clip
from .witness import Witness

PER_CONVERSATION = 5
EARLIEST_S, LATEST_S = 0.4, 1.2  # after the first audio of the reply
REPLY_S = 15.0
CLOSE_MS = 200.0  # a reply that ends of itself so soon after the voice was over anyway
ROUNDING_MS = 2
FASTEST_LETTERS_S = 30.0  # no voice speaks faster than so many letters a second
SLOWEST_LETTERS_S = 3.0
SHORTEST_VOICE_S = 0.6  # shorter words may be taken for a noise, and should be
SLACK_MS = 1500  # silence before the first word, and a word cut in its middle


@dataclass(frozen=True)
class Interruption:
    """One reply that was spoken over. Counted from the first sound of the interruption.

    Args:
        silence_ms: until the last audio of the reply arrived; 0 when none came after the voice.
        told_ms: until the server said that speech had begun; None when it did not.
        fault: what is wrong with the truncated item; "" when it holds just what was heard.
    """

    silence_ms: float
    told_ms: float | None
    fault: str


@dataclass
class InterruptionRun:
    """All interruptions with one daemon; `n_over` replies ended before they could be one."""

    done: list[Interruption] = field(default_factory=list)
    n_over: int = 0


async def hold_interruptions(
    url: str,
    questions: Sequence[Clip],
    voices: Sequence[Clip],
    n: int,
    seed: int = 0,
    on_done: Callable[[], None] = lambda: None,
) -> InterruptionRun:
    """Ask, and speak over the reply, until n replies were interrupted or the questions end."""
    run, rng, at = InterruptionRun(), random.Random(seed), 0
    voices = [voice for voice in voices if len(voice.pcm) >= SHORTEST_VOICE_S * RATE_HZ]
    while len(run.done) < n and at < len(questions):
        async with Witness(await Connection.open(url)) as witness:
            for _ in range(min(PER_CONVERSATION, len(questions) - at)):
                voice = voices[at % len(voices)]
                after_s = rng.uniform(EARLIEST_S, LATEST_S)
                found = await interrupt(witness, questions[at], voice, after_s)
                at += 1
                if found is None:
                    run.n_over += 1
                    continue
                run.done.append(found)
                on_done()
                if len(run.done) == n:
                    break
    return run


async def interrupt(
    witness: Witness, question: Clip, voice: Clip, after_s: float
) -> Interruption | None:
    """Ask a question and speak over its reply, `after_s` behind its first audio.

    Returns:
        What came of it; None when there was no reply or it was over by itself.
    """
    n_turns = len(witness.turns)
    await witness.speak(question.pcm)
    if not await witness.until(lambda: _replying(witness, n_turns), REPLY_S):
        return None
    turn = witness.turns[-1]
    assert turn.first_audio_s is not None
    start_s = turn.first_audio_s + after_s - voice.speech_start_ms / 1000
    await asyncio.sleep(max(0.0, start_s - time.perf_counter()))
    n_turns = len(witness.turns)
    voiced_s = await witness.speak(voice.pcm) + voice.speech_start_ms / 1000
    await witness.until(lambda: turn.done_s is not None, REPLY_S)
    result = await _outcome(witness, turn, voice, voiced_s, witness.turns[n_turns:])
    await witness.until(lambda: all(t.settled for t in witness.turns), REPLY_S)
    await witness.played_out()
    return result


async def _outcome(
    witness: Witness, turn: Turn, voice: Clip, voiced_s: float, later: Sequence[Turn]
) -> Interruption | None:
    assert turn.last_audio_s is not None
    silence_ms = max(0.0, 1000 * (turn.last_audio_s - voiced_s))
    told_ms = 1000 * (later[0].started_s - voiced_s) if later else None
    if not turn.interrupted:
        over = silence_ms <= CLOSE_MS
        fault = f"the reply was not cut off by {voice.text!r}"
        return None if over else Interruption(silence_ms, told_ms, fault)
    assert turn.reply_item_id is not None
    item = await witness.retrieve(turn.reply_item_id)
    cut_ms = witness.cuts_ms.get(turn.reply_item_id)
    return Interruption(silence_ms, told_ms, fault_of(turn, item, cut_ms))


def fault_of(turn: Turn, item: Event | None, cut_ms: int | None) -> str:
    """What the server's item of an interrupted reply holds that was not heard; "" for nothing.

    Args:
        turn: the reply as it arrived.
        item: the item as the server holds it afterwards.
        cut_ms: where the client's truncation cut it; None when it had all been played.
    """
    if item is None:
        return "the item cannot be retrieved"
    parts = item.get("content") or [{}]
    kept = str(parts[0].get("transcript") or "").split()
    audio_ms = 1000 * len(base64.b64decode(parts[0].get("audio") or "")) // 2 // RATE_HZ
    received_ms = 1000 * turn.n_samples // RATE_HZ
    if audio_ms > received_ms + ROUNDING_MS:
        return f"it holds {audio_ms} ms of sound, {received_ms} ms were sent"
    if cut_ms is not None and abs(audio_ms - cut_ms) > ROUNDING_MS:
        return f"it holds {audio_ms} ms of sound, {cut_ms} ms were heard"
    if kept != turn.said.split()[: len(kept)]:
        return f"it says {' '.join(kept)!r}, said was {turn.said!r}"
    return _wrong_pace(len(" ".join(kept)), len(turn.said), audio_ms)


def _wrong_pace(n_kept: int, n_said: int, audio_ms: int) -> str:
    """The protocol does not tell which word sounds when, so words are held to a voice's pace."""
    if n_kept > FASTEST_LETTERS_S * audio_ms / 1000:
        return f"{n_kept} letters cannot be said in {audio_ms} ms"
    least = SLOWEST_LETTERS_S * (audio_ms - SLACK_MS) / 1000
    if n_kept < min(least, n_said):
        return f"only {n_kept} letters are left of {audio_ms} ms of speech"
    return ""


def _replying(witness: Witness, n_turns: int) -> bool:
    new = witness.turns[n_turns:]
    return bool(new) and new[-1].first_audio_s is not None
