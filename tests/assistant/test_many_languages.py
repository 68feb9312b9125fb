"""nano in three languages behind a live session: skills, names, repeats, questions, timers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence

import pytest

from tests.support.live_session import Live, live
from tests.support.scripted_nano import Step, thinking, trilingual, turn
from vivavoce.assistant.core.items import InputText, MessageItem, OutputText
from vivavoce.assistant.core.notices import ResponseView
from vivavoce.assistant.core.settings import ResponseOptions
from vivavoce.assistant.skills.wording import words_in
from vivavoce.models.nano.model import NanoModel
from vivavoce.models.nano.text import EOS, RESULT


@pytest.fixture(scope="module")
def nano() -> NanoModel:
    return trilingual(confirm_probability=0.8)


@pytest.fixture
async def room(nano: NanoModel) -> AsyncIterator[Live]:
    async with live(nano) as opened:  # type: ignore[arg-type]
        yield opened


async def ask(
    room: Live, nano: NanoModel, steps: Sequence[Step], words: str = "ok"
) -> ResponseView:
    """Somebody types; the thinker writes these tokens, whatever was typed."""
    n = sum(type(notice).__name__ == "ResponseDone" for notice in room.told)
    with thinking(nano, steps):
        room.session.create_item(MessageItem("", "user", (InputText(words),)))
        room.session.respond(ResponseOptions(modality="text"))
        done = await room.reply(n + 1)
        await room.at_rest()
    return done.response


def said(response: ResponseView) -> str:
    parts = [part for item in response.output for part in item.content]  # type: ignore[union-attr]
    return "".join(part.text for part in parts if isinstance(part, OutputText))


def told(nano: NanoModel, line: str, language: str) -> list[Step]:
    """The tokens of a turn whose reply is a tool's words only."""
    return [*turn(nano, line, language=language), RESULT, EOS]


NAMES = {"en": "alice", "cmn": "爱丽丝", "yue": "愛麗絲"}


@pytest.mark.parametrize("language", NAMES)
async def test_who_tells_a_name_is_greeted_by_it_later(
    room: Live, nano: NanoModel, language: str
) -> None:
    hello = turn(nano, "hello", language=language)
    assert said(await ask(room, nano, hello)) in words_in(language).small_talk["hello"]
    await ask(room, nano, turn(nano, "name alice", "ok", language))
    assert NAMES[language] in said(await ask(room, nano, hello))


REPEATED = {
    "en": ("okay a bit louder", "i said <result>", "i said okay a bit louder"),
    "cmn": ("好的大声一点", "我说<result>", "我说好的大声一点"),
    "yue": ("好大聲啲", "我話<result>", "我話好大聲啲"),
}


@pytest.mark.parametrize("language", REPEATED)
async def test_what_did_you_say_is_answered_as_often_as_it_is_asked(
    room: Live, nano: NanoModel, language: str
) -> None:
    reply, again, repeated = REPEATED[language]
    assert said(await ask(room, nano, turn(nano, "vol_up", reply, language))) == reply
    for _ in range(2):
        steps = [*turn(nano, "repeat", again, language)]
        assert said(await ask(room, nano, steps)) == repeated


@pytest.mark.parametrize("language", NAMES)
async def test_a_chat_has_other_words_each_time(room: Live, nano: NanoModel, language: str) -> None:
    answers = [said(await ask(room, nano, told(nano, "chat age", language))) for _ in range(3)]
    assert set(answers) <= set(words_in(language).chat["age"])
    assert answers[0] != answers[1] != answers[2]


async def test_each_turn_is_answered_in_its_own_language(room: Live, nano: NanoModel) -> None:
    answers = [
        said(await ask(room, nano, told(nano, "timer_query", language)))
        for language in ("en", "yue", "cmn")
    ]
    assert answers == ["there is no timer running", "而家冇計時", "现在没有计时"]


async def test_a_timer_rings_in_the_language_of_its_turn(room: Live, nano: NanoModel) -> None:
    said_aloud: list[str] = []
    room.session.say = said_aloud.append  # type: ignore[method-assign]
    room.session._skills.set_ring(said_aloud.append)  # type: ignore[union-attr]
    steps = turn(nano, "timer_set one second", "好計時一秒", "yue")
    await ask(room, nano, steps)
    for _ in range(600):
        if not said_aloud:
            await asyncio.sleep(0.05)
    assert said_aloud == ["一秒嘅計時到喇"]


async def test_a_question_does_nothing_and_yes_does_it(room: Live, nano: NanoModel) -> None:
    lights = room.session._skills.context.house.lights  # type: ignore[union-attr]
    unsure = turn(nano, "light_on kitchen", language="cmn", sure=(0.9, 0.6))
    asked = await ask(room, nano, unsure)
    assert said(asked) == "要打开厨房的灯吗"
    assert (asked.actions, asked.confidences, lights) == ((), (), {})
    done = await ask(room, nano, turn(nano, "light_on kitchen", "好的", "cmn"), "是的")
    assert lights == {"kitchen": 100}
    (action,) = done.actions
    assert (action.name, action.confidence) == ("light_on", pytest.approx(1, abs=1e-3))
    assert done.confidences == (("light_on", action.confidence),)
