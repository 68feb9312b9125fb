"""Holds the conversation: speaks each line at its moment and notes what came of it."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from typing import Protocol

from ...streaming.frames import Pcm
from ..client import ClientError, Conversation, Turn
from ..client.conversation import RATE_HZ
from ..client.speaker import ImaginedSpeaker
from ..client.speech_end import speech_end_ms
from .script import Line

NOTICED_S = 4.0
REPLY_S = 20.0


@dataclass(eq=False)
class Scene:
    """One line and what came of it. Times in seconds of time.perf_counter.

    Args:
        origin_s: when the recording's first sample was heard.
        speech_end_s: when the speech in it truly ended.
        turn: how the daemon took it; None when it noticed nothing.
        silence_s: from the first sound of the line that cut the reply off to the reply's last
            sound; None when the reply was not cut off.
    """

    line: Line
    origin_s: float
    speech_end_s: float
    turn: Turn | None = None
    silence_s: float | None = None

    @property
    def latency_ms(self) -> int | None:
        """End of speech to first reply audio received, milliseconds."""
        if self.turn is None or self.turn.first_audio_s is None:
            return None
        return round(1000 * (self.turn.first_audio_s - self.speech_end_s))


class Audience(Protocol):
    """Sees the conversation happen."""

    def person_speaks(self, line: Line) -> None: ...
    def scene_over(self, scene: Scene) -> None: ...


class Director:
    """Carries out a script in one conversation."""

    def __init__(
        self, conversation: Conversation, speaker: ImaginedSpeaker, audience: Audience
    ) -> None:
        self.scenes: list[Scene] = []
        self._conversation = conversation
        self._speaker = speaker
        self._audience = audience

    async def perform(self, script: list[Line]) -> list[Scene]:
        """Speak every line; each waits for the reply before it, or cuts it off if so scripted."""
        before: Scene | None = None
        for line in script:
            if before is not None:
                await self._until_moment(before)
            scene = await self._speak(line, before)
            self.scenes.append(scene)
            before = scene
        if before is not None:
            await self._until_moment(before)
        return self.scenes

    async def _speak(self, line: Line, before: Scene | None) -> Scene:
        """Speak a line and wait until the daemon has taken it as a turn."""
        recording = line.recording(RATE_HZ)
        n_turns = len(self._conversation.turns)
        self._audience.person_speaks(line)
        origin_s = await self._conversation.speak(recording)
        end_ms = speech_end_ms(recording, RATE_HZ) or 0
        scene = Scene(line, origin_s, origin_s + end_ms / 1000)
        if await self._conversation.until(
            lambda: len(self._conversation.turns) > n_turns, NOTICED_S
        ):
            scene.turn = self._conversation.turns[-1]
        if before is not None and before.line.cut_off_after_ms is not None:
            before.silence_s = self._reply_end_s(before) - (origin_s + _onset_s(recording))
        return scene

    async def _until_moment(self, scene: Scene) -> None:
        """Wait for the moment to speak the next line."""
        turn, cut_ms = scene.turn, scene.line.cut_off_after_ms
        if turn is None:
            return
        if cut_ms is not None:
            heard = await self._conversation.until(lambda: turn.first_audio_s is not None, REPLY_S)
            if heard and turn.first_audio_s is not None:
                wait_s = turn.first_audio_s + cut_ms / 1000 - time.perf_counter()
                await asyncio.sleep(max(0.0, wait_s))
            self._watch_end(scene)
            return
        if not await self._conversation.until(lambda: turn.settled, REPLY_S):
            raise ClientError(f"No reply to {scene.line.text!r} within {REPLY_S:.0f} seconds.")
        await self._conversation.played_out()
        self._audience.scene_over(scene)

    def _watch_end(self, scene: Scene) -> None:
        """A reply that is cut off is over once it is closed; nobody waits for it."""
        turn = scene.turn
        assert turn is not None

        async def watch() -> None:
            await self._conversation.until(lambda: turn.settled, REPLY_S)
            self._audience.scene_over(scene)

        self._watching = asyncio.create_task(watch())

    def _reply_end_s(self, scene: Scene) -> float:
        """When the last sound of a reply left the imagined loudspeaker."""
        item_id = scene.turn.reply_item_id if scene.turn else None
        ends = [start + len(pcm) for start, item, pcm in self._speaker.track if item == item_id]
        return self._speaker.origin_s + max(ends, default=0) / RATE_HZ


def _onset_s(recording: Pcm) -> float:
    """Where speech begins in a recording, by its energy, seconds."""
    backwards_ms = speech_end_ms(recording[::-1], RATE_HZ) or 0
    return len(recording) / RATE_HZ - backwards_ms / 1000
