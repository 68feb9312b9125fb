"""The worker thread: order, fairness, cancelling, and what happens when a model breaks."""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from collections.abc import AsyncIterator, Iterator
from typing import Any

import numpy as np
import pytest

from tests.support.scripted_model import RATE_HZ, Call, Say, ScriptedModel, transcript_of
from vivavoce.assistant.core import effects as fx
from vivavoce.assistant.core import events as ev
from vivavoce.assistant.core.items import (
    CallItem,
    CallOutputItem,
    InputAudio,
    InputText,
    MessageItem,
)
from vivavoce.assistant.core.settings import Settings
from vivavoce.assistant.engine import Engine, Line
from vivavoce.assistant.model_items import split_open_turn
from vivavoce.models.dialogue import (
    AudioDelta,
    Message,
    ToolCall,
    ToolResult,
    Transcript,
    Unsupported,
    UserAudio,
)

SCRIPT = {
    "hello": [Say("hello there")],
    "count": [Say("one two three four five six seven eight")],
    "time": [Call("time"), Say("it is {}")],
}
SPEC = fx.ReplySpec(audio=True)


class Desk:
    """One line and what it delivers."""

    def __init__(self, engine: Engine) -> None:
        self.events: list[Any] = []
        self.news = asyncio.Event()
        self.line: Line = engine.line(self._take, lambda item_id: None)
        self.line.open(Settings())

    def _take(self, event: ev.Event) -> None:
        self.events.append(event)
        self.news.set()

    def write(self, text: str) -> None:
        self.line.do(fx.AddItem(MessageItem("i", "user", (InputText(text),))))

    async def until(self, kind: type, generation: int | None = None) -> Any:
        while True:
            for event in reversed(self.events):
                if isinstance(event, kind) and generation in (
                    None,
                    getattr(event, "generation", None),
                ):
                    return event
            self.news.clear()
            await asyncio.wait_for(self.news.wait(), 30.0)

    @contextlib.asynccontextmanager
    async def held(self) -> AsyncIterator[None]:
        """Inside, the worker has done all that this line asked before, and waits."""
        begun, go = threading.Event(), threading.Event()
        self.line._worker.post(lambda: (begun.set(), go.wait(60.0)))  # type: ignore[arg-type, return-value]
        self.line.engine.wake()
        try:
            assert await asyncio.to_thread(begun.wait, 30.0)
            yield
        finally:
            go.set()

    async def at_rest(self) -> None:
        """Until the worker has done all that this line asked before."""
        async with self.held():
            pass


@pytest.fixture
async def model() -> ScriptedModel:
    return ScriptedModel(SCRIPT)


@pytest.fixture
async def engine(model: ScriptedModel) -> Any:
    made = Engine(model)
    yield made
    await made.close()


async def test_parts_come_in_order_and_on_the_event_loop(engine: Engine) -> None:
    desk = Desk(engine)
    desk.write("hello")
    desk.line.do(fx.StartReply(1, SPEC))
    done = await desk.until(ev.ReplyDone)
    assert done.reason == "completed"
    texts = [event.text for event in desk.events if isinstance(event, ev.ReplyText)]
    assert "".join(texts) == "hello there"
    assert {event.generation for event in desk.events} == {1}


async def test_a_cancel_takes_effect_between_two_parts(engine: Engine, model: Any) -> None:
    model.part_s = 0.01
    desk = Desk(engine)
    desk.write("count")
    desk.line.do(fx.StartReply(1, SPEC))
    await desk.until(ev.ReplyAudio)
    desk.line.do(fx.CancelReply(1))
    desk.line.do(fx.Truncate(1, 0))
    await desk.until(ev.DialogueTruncated)
    n_parts = len(desk.events)
    await asyncio.sleep(0.1)
    assert len(desk.events) == n_parts
    assert transcript_of(model.dialogues[0]) == [("user", "count")]


async def test_a_model_that_thinks_for_long_has_not_stalled(model: Any) -> None:
    class Thoughtful(ScriptedModel):
        def open(self, options: Any = None) -> Any:
            dialogue = super().open(options)
            answer = dialogue.reply

            def reply(options: Any = None) -> Iterator[Any]:
                for _ in range(6):
                    time.sleep(0.25)
                    yield AudioDelta(np.zeros(0, np.float32), 0)
                yield from answer(options)

            dialogue.reply = reply  # type: ignore[method-assign]
            return dialogue

    engine = Engine(Thoughtful(SCRIPT), stall_s=1.0)
    try:
        desk = Desk(engine)
        desk.write("hello")
        desk.line.do(fx.StartReply(1, SPEC))
        await desk.until(ev.ReplyDone)
        assert not any(isinstance(event, ev.ReplyFailed) for event in desk.events)
    finally:
        await engine.close()


async def test_sessions_take_turns_between_parts(engine: Engine, model: Any) -> None:
    first, second = Desk(engine), Desk(engine)
    order: list[int] = []
    for number, desk in enumerate((first, second)):
        desk.line._deliver = (
            lambda event, n=number, d=desk: (order.append(n), d._take(event))  # type: ignore[misc]
        )
        desk.write("count")
    async with first.held():  # or the first might be done before the second begins
        first.line.do(fx.StartReply(1, SPEC))
        second.line.do(fx.StartReply(1, SPEC))
    await asyncio.gather(first.until(ev.ReplyDone), second.until(ev.ReplyDone))
    longest = max(len(run) for run in "".join(map(str, order)).replace("01", "0 1").split())
    assert longest <= 6, "one session had to wait for the other's whole reply"


async def test_a_dropped_reply_leaves_the_dialogue_as_it_was(engine: Engine, model: Any) -> None:
    desk = Desk(engine)
    desk.write("count")
    desk.line.do(fx.Prepare(1, SPEC))
    await desk.until(ev.ReplyDone)
    desk.line.do(fx.Drop(1))
    desk.line.do(fx.StartReply(2, SPEC))
    await desk.until(ev.ReplyDone, 2)
    assert len(transcript_of(model.dialogues[0])) == 2


async def test_cutting_a_reply_that_never_spoke_spares_the_one_before(
    engine: Engine, model: Any
) -> None:
    desk = Desk(engine)
    desk.write("hello")
    desk.line.do(fx.StartReply(1, SPEC))
    await desk.until(ev.ReplyDone)
    desk.write("time")
    desk.line.do(fx.StartReply(2, SPEC))
    await desk.until(ev.ReplyToolCall)
    desk.line.do(fx.CancelReply(2))
    desk.line.do(fx.Truncate(2, 0))
    await desk.until(ev.DialogueTruncated)
    assert ("assistant", "hello there") in transcript_of(model.dialogues[0])


async def test_tool_results_let_the_reply_go_on(engine: Engine) -> None:
    desk = Desk(engine)
    desk.write("time")
    desk.line.do(fx.StartReply(1, SPEC))
    call = await desk.until(ev.ReplyToolCall)
    assert (await desk.until(ev.ReplyDone)).reason == "tool_calls"
    desk.events.clear()
    desk.line.do(fx.ContinueReply(1, ((call.call_id, "noon"),)))
    await desk.until(ev.ReplyDone)
    assert "".join(e.text for e in desk.events if isinstance(e, ev.ReplyText)) == "it is noon"


async def test_a_model_that_breaks_while_listening_fails_replies_until_opened_afresh(
    engine: Engine, model: Any
) -> None:
    desk = Desk(engine)
    desk.write("hello")
    desk.line.do(fx.Rewind(99))  # a snapshot that is not there: the model's side throws
    desk.line.do(fx.StartReply(1, SPEC))
    failed = await desk.until(ev.ReplyFailed)
    assert failed.generation == 1
    desk.line.do(fx.RebuildDialogue(Settings(), ()))
    desk.write("hello")
    desk.line.do(fx.StartReply(2, SPEC))
    assert (await desk.until(ev.ReplyDone)).generation == 2


async def test_an_aside_does_not_touch_the_dialogue(engine: Engine, model: Any) -> None:
    desk = Desk(engine)
    desk.write("hello")
    context = (MessageItem("x", "user", (InputText("count"),)),)
    desk.line.do(fx.StartReply(1, fx.ReplySpec(audio=False, context=context)))
    await desk.until(ev.ReplyDone)
    said = "".join(event.text for event in desk.events if isinstance(event, ev.ReplyText))
    assert said.startswith("one two")
    assert transcript_of(model.dialogues[0]) == [("user", "hello")]


async def test_input_that_waits_is_given_in_pieces_of_limited_length(
    engine: Engine, model: Any
) -> None:
    desk = Desk(engine)
    sizes: list[int] = []
    async with desk.held():
        dialogue = model.dialogues[0]
        listen = dialogue.listen
        dialogue.listen = lambda pcm: (sizes.append(len(pcm)), listen(pcm))
        for _ in range(50):
            desk.line.listen(np.zeros(1280, dtype=np.float32))
        desk.line.do(fx.Truncate(9, 0))
    await desk.until(ev.DialogueTruncated)
    assert sum(sizes) == 50 * 1280
    assert len(sizes) < 20
    assert max(sizes) <= 0.32 * RATE_HZ + 1280


async def test_a_closed_line_delivers_nothing_and_the_others_go_on(engine: Engine) -> None:
    gone, stays = Desk(engine), Desk(engine)
    gone.write("count")
    gone.line.do(fx.StartReply(1, SPEC))
    gone.line.close()
    stays.write("hello")
    stays.line.do(fx.StartReply(1, SPEC))
    await stays.until(ev.ReplyDone)
    assert gone.events == []
    assert len(engine._lines) == 1


async def test_every_call_of_the_model_is_timed() -> None:
    calls: list[str] = []
    engine = Engine(ScriptedModel(SCRIPT), on_call=lambda kind, seconds: calls.append(kind))
    desk = Desk(engine)
    desk.write("hello")
    desk.line.do(fx.Prepare(1, SPEC))
    await desk.until(ev.ReplyDone)
    await engine.close()
    assert {"open", "add", "mark", "part"} <= set(calls)


async def test_what_waits_when_a_line_closes_is_never_begun(engine: Engine, model: Any) -> None:
    gone, stays = Desk(engine), Desk(engine)
    await stays.at_rest()
    async with gone.held():
        for _ in range(200):
            gone.write("hello")
        assert engine.n_waiting() == 200
        gone.line.close()
        assert engine.n_waiting() == 0
    stays.write("hello")
    stays.line.do(fx.StartReply(1, SPEC))
    await stays.until(ev.ReplyDone)
    assert transcript_of(model.dialogues[0]) == []


async def test_a_reply_under_way_is_left_when_its_line_closes(engine: Engine, model: Any) -> None:
    model.part_s = 0.01
    gone, stays = Desk(engine), Desk(engine)
    gone.write("count")
    gone.line.do(fx.StartReply(1, SPEC))
    await gone.until(ev.ReplyAudio)
    parts = gone.line._worker._replies[1].parts
    gone.line.close()
    stays.write("hello")
    stays.line.do(fx.StartReply(1, SPEC))
    await stays.until(ev.ReplyDone)
    assert parts is not None and next(parts, None) is None, "it was closed"


async def test_many_orders_of_one_session_leave_the_others_their_turn(engine: Engine) -> None:
    """Orders that take 10 ms each: nobody waits for them all."""
    done: list[int] = []
    calls: list[tuple[str, int]] = []  # noted by the worker: this coroutine may wake late
    engine.on_call = lambda kind, seconds: calls.append((kind, len(done)))
    crowd, other = Desk(engine), Desk(engine)
    async with crowd.held():
        for number in range(100):
            crowd.line._worker.post(lambda n=number: (time.sleep(0.01), done.append(n)))  # type: ignore[arg-type, misc, return-value]
        other.write("hello")
        other.line.do(fx.StartReply(1, SPEC))
    await other.until(ev.ReplyDone)
    first_sound = [type(event) for event in other.events].index(ev.ReplyAudio)
    n_done = [n for kind, n in calls if kind == "part"]
    assert n_done[first_sound] < 50


async def test_who_waits_for_a_first_sound_goes_before_who_sent_too_much(
    engine: Engine, model: Any
) -> None:
    model.listen_s = 0.02
    calls: list[str] = []  # of the model, noted by the worker: this coroutine may wake late
    engine.on_call = lambda kind, seconds: calls.append(kind)
    behind, other = Desk(engine), Desk(engine)
    async with behind.held():
        for _ in range(120):
            behind.line.listen(np.zeros(RATE_HZ // 10, dtype=np.float32))
        other.write("hello")
        other.line.do(fx.StartReply(1, SPEC))
    await other.until(ev.ReplyAudio)
    parts = [at for at, kind in enumerate(calls) if kind == "part"]
    n_parts = [type(event) for event in other.events].index(ev.ReplyAudio) + 1
    n_before = calls[: parts[n_parts - 1]].count("listen")
    assert n_before <= 3, "three parts up to the first sound, and a piece in every fourth round"
    await other.until(ev.ReplyDone)
    assert not other.line._worker.awaited
    behind.line.do(fx.Truncate(9, 0))
    await behind.until(ev.DialogueTruncated)
    caught_up = calls.count("listen") > n_before
    assert not behind.line._worker.behind and caught_up, "who was behind catches up"


async def test_a_long_sound_of_an_item_is_listened_to_in_pieces(engine: Engine, model: Any) -> None:
    desk = Desk(engine)
    sizes: list[int] = []
    sound = np.zeros(10 * RATE_HZ, dtype=np.float32)
    desk.line._sound = lambda item_id: sound
    await desk.at_rest()
    listen = model.dialogues[0].listen
    model.dialogues[0].listen = lambda pcm: (sizes.append(len(pcm)), listen(pcm))
    spoken = MessageItem("s", "user", (InputAudio(len(sound)),))
    desk.line.do(fx.AddItem(spoken))
    desk.line.do(fx.StartReply(1, SPEC))
    await desk.until(ev.ReplyDone)
    assert sum(sizes) == len(sound) and max(sizes) <= 0.32 * RATE_HZ
    assert not desk.line._worker.behind
    desk.line.do(fx.StartReply(2, fx.ReplySpec(audio=True, context=(spoken,))))
    await desk.until(ev.ReplyDone, 2)
    heard = model.dialogues[1].memory
    assert transcript_of(model.dialogues[1])[0][0] == "user" and heard.heard == b""


async def test_a_model_that_does_not_come_back_is_said(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = Desk(engine)
    await desk.at_rest()
    assert engine.troubles() == []
    monkeypatch.setattr("vivavoce.assistant.engine.BUSY_S", 0.05)
    monkeypatch.setattr("vivavoce.assistant.engine.JOIN_S", 0.1)
    async with desk.held():
        await asyncio.sleep(0.1)
        assert engine.troubles() == ["the model is busy and does not come back"]
        assert not await engine.close()
    monkeypatch.setattr("vivavoce.assistant.engine.JOIN_S", 30.0)
    assert await engine.close()
    assert engine.troubles() == ["the model's thread has ended"]


async def test_the_length_of_what_is_spoken_is_told() -> None:
    lengths: list[float] = []
    engine = Engine(ScriptedModel(SCRIPT, word_s=0.2), on_sound=lengths.append)
    desk = Desk(engine)
    desk.write("hello")
    desk.line.do(fx.StartReply(1, SPEC))
    await desk.until(ev.ReplyDone)
    await engine.close()
    assert sum(lengths) == pytest.approx(0.4)


# --- what a model is told of a history -------------------------------------------------------


def _items(*things: Any) -> Iterator[Any]:
    for index, thing in enumerate(things):
        if isinstance(thing, str):
            yield MessageItem(f"m{index}", "user", (InputText(thing),))
        else:
            yield thing


def test_sounds_at_the_end_are_to_be_listened_to_not_remembered() -> None:
    spoken = [MessageItem(name, "user", (InputAudio(4),)) for name in "abc"]
    sounds = {name: np.full(4, ord(name), dtype=np.float32) for name in "ac"}
    past, unanswered = split_open_turn([spoken[0], *_items("hi"), spoken[2]], sounds.get)
    assert [type(item) for item in past] == [UserAudio, Message]
    assert [pcm[0] for pcm in unanswered] == [ord("c")]
    past, unanswered = split_open_turn([spoken[1]], sounds.get)
    assert (past, unanswered) == ([], []), "sound that is gone, and never understood"


def test_results_that_came_too_late_are_left_out() -> None:
    call = CallItem("c", "call_1", "time", "{}")
    result = CallOutputItem("r", "call_1", "noon")
    timely, _ = split_open_turn(list(_items("hi", call, result)), lambda item_id: None)
    late, _ = split_open_turn(list(_items("hi", call, "well", result)), lambda item_id: None)
    assert [type(item) for item in timely] == [Message, ToolCall, ToolResult]
    assert [type(item) for item in late] == [Message, ToolCall, Message]


async def test_the_reply_before_a_dropped_one_can_still_be_cut(engine: Engine, model: Any) -> None:
    desk = Desk(engine)
    desk.write("count")
    desk.line.do(fx.StartReply(1, SPEC))
    await desk.until(ev.ReplyDone)
    desk.line.do(fx.Remember(7))
    desk.write("hello")
    desk.line.do(fx.Prepare(2, SPEC))
    desk.line.do(fx.Drop(2))
    desk.line.do(fx.Rewind(7))
    desk.line.do(fx.Truncate(1, int(0.5 * RATE_HZ)))
    cut = await desk.until(ev.DialogueTruncated)
    assert cut.text == "one two"


async def test_what_is_being_said_is_written_down_or_nobody_is_left_waiting(model: Any) -> None:
    class Deaf(ScriptedModel):
        def transcribe(self, pcm: Any, language: str = "auto") -> Any:
            raise Unsupported("this model cannot")

    class Broken(ScriptedModel):
        def transcribe(self, pcm: Any, language: str = "auto") -> Any:
            raise RuntimeError("boom")

    class Mumbled(ScriptedModel):
        def transcribe(self, pcm: Any, language: str = "auto") -> Any:
            return Transcript("", "en", sure=False, n_phones=4.5)

    answers = (
        (model, "count", None),
        (Mumbled(SCRIPT), "", 4.5),
        (Deaf(SCRIPT), None, None),
        (Broken(SCRIPT), None, None),
    )
    for mind, text, n_phones in answers:
        engine = Engine(mind)
        desk = Desk(engine)
        desk.line.recognise(3, mind.voice("count", 0.4))
        heard = await desk.until(ev.Recognised)
        assert (heard.number, heard.text, heard.n_phones) == (3, text, n_phones)
        desk.line.close()
        await engine.close()
