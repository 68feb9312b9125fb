"""The benchmark against a daemon with a scripted model: a few turns in real time."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

import numpy as np
import pytest

from benchmarks.latency.clips import Clip
from benchmarks.latency.interruptions import hold_interruptions
from benchmarks.latency.process import daemon_process
from benchmarks.latency.turns import hold_turns
from tests.support.scripted_daemon import scripted_daemon
from vivavoce.assistant.client.conversation import RATE_HZ
from vivavoce.assistant.errors import UserError

Measured = TypeVar("Measured")


async def undisturbed(
    measure: Callable[[], Awaitable[Measured]], good: Callable[[Measured], bool]
) -> Measured:
    """A measurement as it should be: a machine that stands still for a moment spoils one, not
    eight of them."""
    found = [await measure()]
    while not good(found[-1]):
        assert len(found) < 8, found
        found.append(await measure())
    return found[-1]


def spoken(daemon, sentence: str, seconds: float = 0.7) -> Clip:
    return Clip(sentence, daemon.model.voice(sentence, seconds, RATE_HZ))


async def test_turns_are_measured_and_silence_is_the_endpointers():
    async with scripted_daemon() as daemon:
        clips = [spoken(daemon, "hello"), spoken(daemon, "what time is it")]
        run = await undisturbed(
            lambda: hold_turns(daemon.url, clips),
            lambda run: (
                not run.problems
                and any(480 <= t.silence_ms <= 900 and 0 < t.rest_ms < 500 for t in run.times)
            ),
        )
    assert len(run.times) == 2
    assert run.audio_s > 2.0


async def test_silence_is_no_turn():
    async with scripted_daemon() as daemon:
        run = await hold_turns(daemon.url, [Clip("", np.zeros(RATE_HZ // 2, np.float32))])
    assert run.times == []
    assert run.problems == ["'': it was not noticed as speech"]


async def test_a_slow_model_shows_in_the_rest_not_in_the_silence():
    async with scripted_daemon(first_part_s=0.6) as daemon:
        clip = spoken(daemon, "hello")
        run = await undisturbed(  # 600 ms of model, of which at most 300 are hidden
            lambda: hold_turns(daemon.url, [clip]),
            lambda run: all(t.silence_ms <= 900 and t.rest_ms >= 250 for t in run.times),
        )
    assert len(run.times) == 1


async def test_an_interrupted_story_falls_silent_and_keeps_what_was_heard():
    async with scripted_daemon() as daemon:
        question, voice = spoken(daemon, "tell me a story"), spoken(daemon, "hello", 1.0)
        run = await undisturbed(
            lambda: hold_interruptions(daemon.url, [question], [voice], 1),
            lambda run: all(
                one.silence_ms <= 400 and one.told_ms is not None and 0 < one.told_ms < 700
                for one in run.done
            ),
        )
    (done,) = run.done
    assert done.fault == ""


async def test_a_reply_that_is_over_is_no_interruption():
    async with scripted_daemon() as daemon:
        question, voice = spoken(daemon, "hello"), spoken(daemon, "hello", 1.0)
        run = await hold_interruptions(daemon.url, [question], [voice], 1)
    assert run.done == []
    assert run.n_over == 1


@pytest.mark.slow
async def test_a_daemon_that_cannot_start_says_why():
    with pytest.raises(UserError, match="did not start: .*no_such_model"):
        async with daemon_process("no_such_model", speculation=True):
            pass
