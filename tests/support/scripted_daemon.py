"""A daemon on a scripted model, and how to speak to it."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import secrets
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from openai import AsyncOpenAI

from tests.support.scripted_model import Call, Crash, Say, ScriptedModel, Step
from tests.support.served import RawClient, Served, served
from vivavoce.assistant.core.settings import Settings
from vivavoce.assistant.engine import Engine
from vivavoce.assistant.http.access import Rules
from vivavoce.assistant.realtime.service import Limits, Service
from vivavoce.assistant.session import Session, SessionSettings
from vivavoce.assistant.skills.registry import SkillSet
from vivavoce.streaming.codecs import decode, encode
from vivavoce.streaming.frames import Pcm

STORY = "once upon a time there was a small house in a deep dark wood and nobody lived in it"
SCRIPT: Mapping[str, Sequence[Step]] = {
    "hello": [Say("hello there")],
    "tell me a story": [Say(STORY)],
    "what time is it": [Call("time"), Say("{}")],
    "turn on the light": [
        Call("light_on", {"room": "kitchen"}, needs_result=False),
        Say("the light is on"),
    ],
    "what is in the fridge": [Call("look_in_fridge", {"shelf": "top"}), Say("there is {}")],
    "break down": [Say("well"), Crash()],
}
FRIDGE = {
    "type": "function",
    "name": "look_in_fridge",
    "description": "What lies on a shelf.",
    "parameters": {
        "type": "object",
        "properties": {"shelf": {"type": "string"}},
        "required": ["shelf"],
    },
}
RATE_HZ = 24000
AT_ONCE = "?pace=0"
"""The query of a client that is sent sound as it is made, and waits for no reply to be played."""


class ScriptedDaemon(Served):
    """A served app, its model and its sessions, open or not."""

    model: ScriptedModel
    sessions: list[Session]

    def openai(self) -> AsyncOpenAI:
        """The official client, as anybody would set it up."""
        return AsyncOpenAI(base_url=f"{self.http}/v1", api_key="any", max_retries=0)

    def says(self, sentence: str, seconds: float = 0.8, silence_s: float = 0.9) -> Pcm:
        """A spoken sentence and the silence after it, [n] at 24 kHz."""
        speech = self.model.voice(sentence, seconds, RATE_HZ)
        return np.concatenate((speech, np.zeros(int(silence_s * RATE_HZ), dtype=np.float32)))


@contextlib.asynccontextmanager
async def scripted_daemon(
    limits: Limits | None = None,
    rules: Rules | None = None,
    settings: SessionSettings | None = None,
    **model: Any,
) -> AsyncIterator[ScriptedDaemon]:
    """The app of a real daemon, with a ScriptedModel(SCRIPT, **model) for a mind."""
    mind = ScriptedModel(SCRIPT, **model)
    engine = Engine(mind)
    core = Settings(
        input_rate_hz=mind.input_rate_hz,
        output_rate_hz=mind.output_rate_hz,
        pure_skills=SkillSet().pure,
    )
    base = settings or SessionSettings()
    base = replace(base, core=replace(core, barge_in=base.core.barge_in))
    sessions: list[Session] = []

    def open_session(emit: Any, session_settings: SessionSettings) -> Session:
        seed = secrets.token_hex(4)
        sessions.append(Session(engine, emit, session_settings, skills=SkillSet(), seed=seed))
        return sessions[-1]

    service = Service(open_session, mind.name, mind.voices, base, modalities=mind.modalities)
    try:
        async with served(service, rules, limits) as app:
            daemon = ScriptedDaemon(app.port, app.metrics)
            daemon.model, daemon.sessions = mind, sessions
            yield daemon
    finally:
        await engine.close()


async def speak(client: RawClient, pcm: Pcm, pace: float = 0.0, codec: Any = "pcm16") -> None:
    """Send sound in pieces of 20 ms; pace 1.0 is real time, 0 as fast as possible."""
    data = encode(codec, pcm)
    size = RATE_HZ // 50 * (2 if codec == "pcm16" else 1)
    for at in range(0, len(data), size):
        piece = base64.b64encode(data[at : at + size]).decode()
        await client.send("input_audio_buffer.append", audio=piece)
        if pace:
            await asyncio.sleep(0.02 / pace)


def sound_of(events: list[dict[str, Any]]) -> Pcm:
    """The reply's sound in some events, [n] at 24 kHz."""
    deltas = [e["delta"] for e in events if e["type"] == "response.output_audio.delta"]
    return decode("pcm16", b"".join(base64.b64decode(delta) for delta in deltas))


def kinds(events: list[dict[str, Any]]) -> list[str]:
    """The types of events, deltas in a row told once."""
    names: list[str] = []
    for event in events:
        if not (event["type"].endswith(".delta") and event["type"] in names[-2:]):
            names.append(event["type"])
    return names


def text_item(text: str, role: str = "user", **fields: Any) -> dict[str, Any]:
    """A message as text."""
    kind = "output_text" if role == "assistant" else "input_text"
    content = [{"type": kind, "text": text}]
    return {"type": "message", "role": role, "content": content, **fields}
