"""When a session takes a turn for over: the model's opinion, questions, the idle limit."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.support.live_session import Live, live
from tests.support.scripted_model import RATE_HZ, Say, ScriptedModel
from vivavoce.assistant.core import notices as no
from vivavoce.assistant.session_defaults import session_defaults
from vivavoce.assistant.session_settings import SessionSettings
from vivavoce.assistant.settings import Config, TurnSettings
from vivavoce.streaming.patience import AFTER_QUESTION, BOUNDS, Patience

SCRIPT = {
    "light on": [Say("the light is on")],
    "set a timer": [Say("for how long?")],
    "hello": [Say("hello there")],
}
WAITS = BOUNDS["auto"]
SEMANTIC = SessionSettings(output_rate_hz=RATE_HZ, send_lead_ms=None, patience=Patience("semantic"))
STEP_MS = 20


def model() -> ScriptedModel:
    return ScriptedModel(SCRIPT, complete={"light on": 0.95, "set a timer": 0.05})


def committed(room: Live) -> int:
    return sum(isinstance(notice, no.InputCommitted) for notice in room.told)


async def silence_until_over(room: Live, sentence: str) -> int:
    """Says something; how much silence, ms, until the turn is over, the opinion in time."""
    before = committed(room)
    await room.hear(room.model.voice(sentence, 0.8))
    for silent_ms in range(STEP_MS, 4000, STEP_MS):
        await room.hear(np.zeros(RATE_HZ * STEP_MS // 1000, dtype=np.float32))
        if committed(room) > before:
            await room.reply(before + 1)
            return silent_ms
        await room.at_rest()
    raise AssertionError("the turn did not end")


async def test_a_complete_command_ends_early_and_an_incomplete_one_late() -> None:
    waits = {}
    for sentence in SCRIPT:
        async with live(model(), SEMANTIC) as room:
            waits[sentence] = await silence_until_over(room, sentence)
    assert waits["light on"] == pytest.approx(WAITS.early, abs=110)
    assert waits["hello"] == pytest.approx(WAITS.usual, abs=110)  # the model has no opinion
    assert waits["set a timer"] == pytest.approx(WAITS.late, abs=110)
    early, usual, late = waits["light on"], waits["hello"], waits["set a timer"]
    assert usual - early == pytest.approx(WAITS.usual - WAITS.early, abs=STEP_MS)
    assert late - usual == pytest.approx(WAITS.late - WAITS.usual, abs=STEP_MS)


async def test_by_silence_every_turn_waits_the_same() -> None:
    settings = replace(SEMANTIC, patience=Patience("silence"))
    waits = []
    for sentence in ("light on", "set a timer"):
        async with live(model(), settings) as room:
            waits.append(await silence_until_over(room, sentence))
    assert waits[0] == pytest.approx(waits[1], abs=STEP_MS)


async def test_without_speculation_there_is_no_opinion() -> None:
    async with live(model(), SEMANTIC, speculate=False) as room:
        assert await silence_until_over(room, "light on") == pytest.approx(WAITS.usual, abs=110)


async def test_the_answer_to_a_question_may_take_its_time() -> None:
    async with live(model(), SEMANTIC) as room:
        usual = await silence_until_over(room, "hello")
        await silence_until_over(room, "set a timer")  # "for how long?"
        asked = await silence_until_over(room, "hello")
        again = await silence_until_over(room, "hello")
    assert asked - usual == pytest.approx((AFTER_QUESTION - 1) * WAITS.usual, abs=2 * STEP_MS)
    assert again == pytest.approx(usual, abs=STEP_MS)


async def test_a_question_that_was_cut_off_was_not_asked() -> None:
    mind = ScriptedModel({"set a timer": [Say("for how long shall i set it?")]}, ["hello"])
    mind.part_s = 0.05
    async with live(mind, SEMANTIC, barge_in="instant") as room:
        await room.says("set a timer")
        await room.until(no.ResponseCreated)
        await room.hear(mind.voice("hello", 0.5))
        assert (await room.reply()).response.status == "cancelled"
        assert not room.session._hearing.answers


@pytest.mark.parametrize("modality", ["audio", "text"])
async def test_after_a_question_it_speaks_up_later(modality: str) -> None:
    settings = replace(SEMANTIC, idle_timeout_ms=2000)
    idle_s = {}
    for sentence in ("light on", "set a timer"):
        async with live(model(), settings, modality=modality) as room:
            await silence_until_over(room, sentence)
            for n in range(60):
                await room.hear(np.zeros(RATE_HZ // 10, dtype=np.float32))
                if any(isinstance(notice, no.TimeoutTriggered) for notice in room.told):
                    idle_s[sentence] = n / 10
                    break
    assert idle_s["light on"] == pytest.approx(2.0, abs=0.2)
    assert idle_s["set a timer"] == pytest.approx(2.0 * AFTER_QUESTION, abs=0.2)


async def test_an_opinion_of_a_pause_that_is_over_says_nothing() -> None:
    """The model is slow; the user goes on before it answers."""
    mind = ScriptedModel(SCRIPT, first_part_s=0.3, complete={"light on": 0.95})
    async with live(mind, SEMANTIC) as room:
        quiet = np.zeros(RATE_HZ * 3 // 10, dtype=np.float32)
        sentence = mind.voice("light on", 0.8)
        await room.hear(np.concatenate((sentence, quiet, sentence[: RATE_HZ // 2])))
        await room.at_rest()
        assert room.session._hearing.settings.silence_ms == WAITS.usual
        assert committed(room) == 0


def test_sessions_begin_as_the_configuration_says() -> None:
    turn = TurnSettings(detection="silence", eagerness="low", learn_pauses=False, vad="webrtc")
    settings = session_defaults(Config(turn=turn), (), RATE_HZ)
    assert settings.patience == Patience("silence", "low", learn_pauses=False)
    assert settings.vad == "webrtc"
    usual = session_defaults(Config(), (), RATE_HZ)
    assert usual.patience == Patience("semantic", "auto", learn_pauses=True)
    assert usual.vad == "auto"
