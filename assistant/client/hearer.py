"""A conversation over the wire, as the microphone's switch knows it."""

from __future__ import annotations

import contextlib
import time

from ...streaming.frames import Pcm
from ...streaming.resample import Resampler
from ..microphone_control import MICROPHONE_HZ
from .connection import ClientError
from .conversation import RATE_HZ, Conversation

ANSWER_WITHIN_S = 5.0  # a turn that has no answer by then gets none: a murmur, a stop phrase


class WireHearer:
    """Carries out what the microphone wants of a conversation with a server. A connection that
    broke is the conversation's to tell.

    Args:
        conversation: begun.
    """

    def __init__(self, conversation: Conversation) -> None:
        self._conversation = conversation
        self._resampler = Resampler(MICROPHONE_HZ, RATE_HZ)
        self._detection = (
            conversation.session.get("audio", {}).get("input", {}).get("turn_detection")
        )
        self._by_hand = False
        self._playing = False

    @property
    def engaged(self) -> bool:
        talk = self._conversation
        since_s = time.perf_counter() - ANSWER_WITHIN_S
        awaited = any(
            turn.response_id is None and turn.done_s is None and (turn.stopped_s or 0) > since_s
            for turn in talk.turns[-1:]
        )
        return talk.speaking or talk.replying or awaited or talk.speaker.left_s > 0

    async def hear(self, pcm: Pcm, playing: bool = False) -> None:
        changed = playing if playing != self._playing else None
        self._playing = playing
        with contextlib.suppress(ClientError):
            await self._conversation.send_audio(self._resampler.feed(pcm), changed)

    async def forget(self, by_hand: bool) -> None:
        detection = None if by_hand else self._detection
        session = {"type": "realtime", "audio": {"input": {"turn_detection": detection}}}
        with contextlib.suppress(ClientError):
            await self._conversation.clear()
            if by_hand != self._by_hand:
                await self._conversation.send({"type": "session.update", "session": session})
        self._by_hand = by_hand

    async def answer(self) -> None:
        await self.interrupt(by_hand=True)
        with contextlib.suppress(ClientError):
            await self._conversation.send({"type": "input_audio_buffer.commit"})
            await self._conversation.send({"type": "response.create"})

    async def interrupt(self, by_hand: bool) -> None:
        with contextlib.suppress(ClientError):
            await self._conversation.interrupt()
