"""A live session on a scripted model: sound in, notices and sound out."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from tests.support.live_session import live
from tests.support.scripted_model import RATE_HZ, Call, Crash, Say, ScriptedModel
from vivavoce.assistant.core import notices as no
from vivavoce.assistant.core.items import InputText, MessageItem
from vivavoce.assistant.recorder import BadRecording, Recorder, replay
from vivavoce.assistant.session_settings import SessionSettings
from vivavoce.assistant.turn_times import TurnTimes

LONG = "one two three four five six seven eight nine ten eleven twelve"
SCRIPT = {
    "hello": [Say("hello there")],
    "count": [Say(LONG)],
    "time": [Call("time"), Say("it is {}")],
    "light": [Call("light_on", {"room": "kitchen"}, needs_result=False), Say("the light is on")],
    "break": [Say("well"), Crash()],
}


QUICK_S = 0.05
"""A word's length where nobody listens for long."""


def model(**timing: float) -> ScriptedModel:
    return ScriptedModel(SCRIPT, **timing)  # type: ignore[arg-type]


def names(told: list[no.Notice]) -> list[str]:
    return [type(notice).__name__ for notice in told]


async def test_a_spoken_turn_is_answered_with_the_right_sound() -> None:
    mind = model()
    async with live(mind) as room:
        await room.says("hello")
        done = await room.reply()
        assert done.response.status == "completed"
        expected = np.concatenate([mind.tone("hello"), mind.tone("there")])
        sent = np.frombuffer(room.sound, dtype="<i2") / 32768
        assert sent == pytest.approx(expected, abs=1e-4)
        assert room.remembered == [("user", "hello"), ("assistant", "hello there")]


@pytest.mark.parametrize("piece", [7, 160, 4001, 100_000])
async def test_the_model_hears_the_same_samples_however_they_were_cut(piece: int) -> None:
    mind = model(word_s=QUICK_S)
    heard = []
    mind.understand = lambda pcm: heard.append(pcm.tobytes()) or "hello"  # type: ignore[method-assign, func-returns-value]
    quiet = np.zeros(RATE_HZ, dtype=np.float32)
    pcm = np.concatenate((quiet, mind.voice("hello", 0.8), quiet))
    for size in (320, piece):
        async with live(mind) as room:
            await room.hear(pcm, size)
            await room.reply()
    assert len(heard) == 2
    assert heard[0] == heard[1]


async def test_speculation_changes_nothing_but_the_time() -> None:
    told = []
    for speculate in (True, False):
        async with live(model(word_s=QUICK_S), speculate=speculate) as room:
            await room.says("time", pace=2.0)
            await room.reply()
            told.append((names(room.told), room.sound, room.remembered[0]))
    assert [n for n in told[0][0] if n != "AudioDelta"] == [
        n for n in told[1][0] if n != "AudioDelta"
    ]
    assert len(told[0][1]) == len(told[1][1])


async def test_a_prepared_reply_sounds_at_once_at_the_endpoint() -> None:
    turns: list[TurnTimes] = []
    async with live(model(first_part_s=0.1), on_turn=turns.append) as room:
        for n in range(1, 6):  # a machine that stands still for a moment spoils one turn
            await room.says("hello", pace=1.0)
            await room.reply(n)
            assert turns[-1].silence_ms == pytest.approx(500, abs=40)
            if turns[-1].prepared_ms is not None and turns[-1].first_audio_ms < 60:
                return
    raise AssertionError(turns)


async def test_a_false_end_leaves_no_trace_in_memory() -> None:
    mind = model(first_part_s=0.05)
    async with live(mind) as room:
        voice = mind.voice("hello", 0.6)
        pause = np.zeros(int(0.35 * RATE_HZ), dtype=np.float32)
        end = np.zeros(int(0.7 * RATE_HZ), dtype=np.float32)
        await room.hear(np.concatenate((voice, pause, voice, end)), pace=1.0)
        await room.reply()
        assert room.remembered == [("user", "hello"), ("assistant", "hello there")]
        assert names(room.told).count("ResponseCreated") == 1


async def test_barge_in_stops_sending_and_memory_is_what_was_heard() -> None:
    mind = model()
    async with live(mind) as room:
        await room.says("count", pace=1.0)
        await room.until(no.AudioDelta, 5)
        await asyncio.sleep(0.35)
        began = asyncio.create_task(room.says("hello", pace=1.0))
        done = await room.reply()
        n_sent = names(room.told).count("AudioDelta")
        await asyncio.sleep(0.3)
        assert names(room.told).count("AudioDelta") == n_sent
        assert (done.response.status, done.response.reason) == ("cancelled", "turn_detected")
        await began
        await room.reply(2)
        await room.at_rest()
        first = room.remembered[1]
        kept = first[1].split()
        assert first[0] == "assistant" and 2 <= len(kept) < 12
        assert kept == LONG.split()[: len(kept)]
        spoken = room.session._conversation.history.get(done.response.output[0].id)
        assert isinstance(spoken, MessageItem)
        assert spoken.content[0].transcript == first[1]  # type: ignore[union-attr]


async def test_the_client_says_what_it_played_and_memory_follows() -> None:
    async with live(model(), SessionSettings(output_rate_hz=RATE_HZ, send_lead_ms=None)) as room:
        await room.says("count")
        done = await room.reply()
        item = done.response.output[0]
        room.session.truncate_item(item.id, 0, 700)
        await room.at_rest()
        assert room.remembered[-1] == ("assistant", "one two three")
        pcm16, rate = room.session.item_audio(item.id) or (b"", 0)
        assert (len(pcm16) // 2, rate) == (700 * RATE_HZ // 1000, RATE_HZ)


async def test_a_client_that_falls_silent_in_mid_voice_hears_the_rest(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("vivavoce.assistant.session.LONGEST_PAUSE_S", 0.2)
    async with live(model(word_s=0.1), barge_in="polite") as room:
        await room.says("count")
        await room.until(no.AudioDelta)
        await room.hear(room.model.voice("hello", 0.06))
        assert (await room.reply()).response.status == "completed"


async def test_skills_answer_and_act() -> None:
    async with live(model(word_s=QUICK_S)) as room:
        await room.says("time")
        first = await room.reply()
        await room.says("light")
        second = await room.reply(2)
        assert [action.name for action in first.response.actions] == ["time"]
        assert [action.arguments for action in second.response.actions] == ['{"room": "kitchen"}']
        assert "three fifteen in the afternoon" in room.remembered[3][1]


async def test_a_broken_reply_fails_the_turn_and_not_the_session() -> None:
    async with live(model()) as room:
        await room.says("break")
        failed = await room.reply()
        assert failed.response.status == "failed"
        assert failed.response.error == "the model failed (RuntimeError)"
        await room.says("hello")
        assert (await room.reply(2)).response.status == "completed"


async def test_a_model_that_hangs_fails_the_turn_in_time() -> None:
    async with live(model(first_part_s=1.0), stall_s=0.1) as room:
        room.session.create_item(MessageItem("", "user", (InputText("hello"),)))
        room.session.respond()
        assert (await room.reply()).response.error == "the model did not answer in time"


async def test_the_event_loop_never_waits_for_the_model(monkeypatch: pytest.MonkeyPatch) -> None:
    n_ticks, meanwhile = 0, []

    def compute(seconds: float) -> None:
        before = n_ticks
        time.sleep(seconds)
        meanwhile.append((seconds, n_ticks - before))

    async def tick() -> None:
        nonlocal n_ticks
        while True:
            await asyncio.sleep(0.005)
            n_ticks += 1

    monkeypatch.setattr("tests.support.scripted_model.time", SimpleNamespace(sleep=compute))
    async with live(model(listen_s=0.05, first_part_s=0.8, part_s=0.06)) as room:
        ticking = asyncio.create_task(tick())
        await room.says("hello", pace=1.0)
        await room.reply()
        ticking.cancel()
    for length_s in (0.05, 0.8, 0.06):
        ticks = [n for seconds, n in meanwhile if seconds == length_s]
        assert sorted(ticks)[len(ticks) // 2] > 0, f"it stood still while the model took {length_s}"


async def test_sound_is_sent_at_most_the_lead_ahead() -> None:
    settings = SessionSettings(output_rate_hz=RATE_HZ, send_lead_ms=200)
    mind = ScriptedModel({"count": [Say("one two three four")]})
    async with live(mind, settings) as room:
        ahead_s: list[float] = []
        plain, begin_s = room.emit, None

        def emit(notice: no.Notice) -> None:
            nonlocal begin_s
            plain(notice)
            if isinstance(notice, no.AudioDelta):
                now_s = time.perf_counter()
                begin_s = now_s if begin_s is None else begin_s
                ahead_s.append(len(room.sound) / 2 / RATE_HZ - (now_s - begin_s))

        room.session._emit = emit
        room.session.create_item(MessageItem("", "user", (InputText("count"),)))
        room.session.respond()
        await room.reply()
    assert 0.2 <= max(ahead_s) <= 0.35, "late after a stand-still, but never further ahead"


async def test_the_assistant_speaks_up_after_too_much_silence() -> None:
    settings = SessionSettings(output_rate_hz=RATE_HZ, send_lead_ms=None, idle_timeout_ms=5000)
    async with live(model(), settings) as room:
        await room.says("hello")
        await room.reply()
        quiet = np.zeros(RATE_HZ, dtype=np.float32)
        for _ in range(4):
            await room.hear(quiet)
        assert "TimeoutTriggered" not in names(room.told)
        await room.hear(np.concatenate((quiet, quiet)))
        await room.reply(2)
        assert "TimeoutTriggered" in names(room.told)


async def test_what_the_daemon_says_itself_is_remembered() -> None:
    async with live(model()) as room:
        room.session.say("tea is ready")
        assert (await room.reply()).response.status == "completed"
        await room.at_rest()
        assert room.remembered == [("assistant", "tea is ready")]


async def test_settings_of_the_dialogue_change_and_nothing_is_forgotten() -> None:
    mind = model()
    async with live(mind) as room:
        await room.says("hello")
        await room.reply()
        settings = room.session._settings
        core = settings.core
        room.session.configure(replace(settings, core=replace(core, instructions="be brief")))
        await room.says("count")
        await room.until(no.ResponseCreated, 2)
        await room.at_rest()
        assert mind.dialogues[-1].options.instructions == "be brief"
        assert room.remembered[:2] == [("user", "hello"), ("assistant", "hello there")]


# --- recording and replay --------------------------------------------------------------------


async def record(folder: Path) -> None:
    async with live(model(), recorder=Recorder(folder), transcribe=True) as room:
        await room.says("time", pace=2.0)
        await room.until(no.AudioDelta, 4)
        await room.says("hello", pace=2.0)
        await room.reply(2)
        room.session.delete_item("nobody", "evt")


async def test_a_recorded_session_replays_alike(tmp_path: Path) -> None:
    await record(tmp_path)
    found = replay(tmp_path)
    assert found.identical, found.difference
    assert found.n_events > 40
    assert (tmp_path / "in.wav").stat().st_size > RATE_HZ * 2
    assert (tmp_path / "out.wav").stat().st_size > RATE_HZ // 4


async def test_a_replay_shows_where_it_went_another_way(tmp_path: Path) -> None:
    await record(tmp_path)
    events = tmp_path / "events.jsonl"
    lines = events.read_text(encoding="utf-8").splitlines()
    index = next(i for i, line in enumerate(lines) if "InputCommitted" in line)
    lines[index] = lines[index].replace('"is": "InputCommitted"', '"is": "InputCleared"')
    events.write_text("\n".join(lines) + "\n", encoding="utf-8")
    found = replay(tmp_path)
    assert found.difference is not None and found.difference.index == index
    shown = str(found.difference)
    assert '- {"is": "InputCleared"' in shown and '+ {"is": "InputCommitted"' in shown


def test_what_is_no_recording_is_said_so(tmp_path: Path) -> None:
    with pytest.raises(BadRecording, match="no recorded session"):
        replay(tmp_path)
    with pytest.raises(BadRecording, match="no recorded session"):
        replay(tmp_path / "nowhere")


async def test_a_full_disk_ends_the_recording_and_not_the_conversation(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    recorder = Recorder(tmp_path)
    async with live(model(), recorder=recorder) as room:

        def full(text: str) -> int:
            raise OSError("No space left on device")

        monkeypatch.setattr(recorder._events, "write", full)
        await room.says("hello")
        assert (await room.reply()).response.status == "completed"
    assert [r.message for r in caplog.records if "recording" in r.message] == [
        f"recording to {tmp_path} has ended: No space left on device"
    ]
