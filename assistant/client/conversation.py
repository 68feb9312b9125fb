"""A spoken conversation with a Realtime server: turns in, turns out.

async with Conversation(await Connection.open(url)) as talk:
    exchange = await talk.say(pcm)
    print(exchange.heard, exchange.said)
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import logging
import time
from collections.abc import Callable
from typing import Any

from typing_extensions import Self

from ...streaming.codecs import decode, encode
from ...streaming.frames import Pcm
from .connection import ClientError, Connection, Event
from .microphone import FastMicrophone, LiveMicrophone
from .speaker import ImaginedSpeaker, SilentSpeaker, Speaker
from .speech_end import speech_end_ms
from .turn import Action, Exchange, Turn

log = logging.getLogger(__name__)

RATE_HZ = 24000
NOTHING_HEARD_S = 2.5  # after the last sample of a recording, for speech to be noticed
LONG_SILENCE_MS = 1000  # four of these end any turn that ends by what was said
TRANSCRIPT_S = 2.0  # after the reply, for a transcript that is still missing
LONGEST_REPLY_S = 90.0
ANSWER_BEGINS_S = 2.0  # after the turn; a stop phrase gets none
CANCELLED_WITHIN_S = 2.0
PAUSE_S = 0.3  # between the end of a reply and the next recording, as people leave it


class Conversation:
    """One session on an open connection. `unasked` are replies to nothing that was said: a timer.

    Args:
        connection: open; closed with the conversation.
        real_time: speak and listen at the pace of sound, or as fast as the server takes it.
        speaker: where replies go; an imagined one unless given.
        on_event: sees every server event after it was taken in.
        microphone: False where the caller sends the audio itself with `send_audio`.
    """

    def __init__(
        self,
        connection: Connection,
        real_time: bool = True,
        speaker: Speaker | None = None,
        on_event: Callable[[Event], None] | None = None,
        microphone: bool = True,
    ) -> None:
        self.turns: list[Turn] = []
        self.unasked: list[Turn] = []
        self.errors: list[str] = []
        self.session: dict[str, Any] = {}
        self.speaking = False
        self.speaker: Speaker = speaker or (
            ImaginedSpeaker(RATE_HZ) if real_time else SilentSpeaker()
        )
        self._connection = connection
        self._on_event = on_event
        self._n_updates = 0
        self._changed = asyncio.Event()
        self._broken: ClientError | None = None
        self._ended = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self._live = LiveMicrophone(self.send_audio, RATE_HZ) if real_time and microphone else None
        self._fast = FastMicrophone(self.send_audio, RATE_HZ)

    async def __aenter__(self) -> Self:
        self._tasks.append(asyncio.create_task(self._take_events()))
        try:
            await self.update_session({"audio": {"input": {"transcription": {"model": "default"}}}})
        except BaseException:
            await self.close()
            raise
        if self._live is not None:
            self._tasks.append(asyncio.create_task(self._keep_open(self._live)))
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """End the conversation and the connection."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._connection.close()

    # --- asking ------------------------------------------------------------------------------

    async def update_session(self, changes: Event, timeout_s: float = 30.0) -> None:
        """Change the session and wait until the server has taken it, and all that was sent before.

        Raises:
            ClientError: no answer in time.
        """
        seen = self._n_updates
        await self.send({"type": "session.update", "session": {"type": "realtime", **changes}})
        if not await self.until(lambda: self._n_updates > seen, timeout_s):
            raise ClientError("The daemon did not answer in time.")

    async def send(self, event: Event) -> None:
        """Send any event of the protocol."""
        await self._connection.send(event)

    async def send_audio(self, pcm: Pcm, playing: bool | None = None) -> None:
        """Append sound [n] at RATE_HZ to the session's input.

        Args:
            pcm: the sound.
            playing: from here on our loudspeaker may be heard in it, or not; None: as before.
                A field of our own protocol.
        """
        audio = base64.b64encode(encode("pcm16", pcm)).decode("ascii")
        event: Event = {"type": "input_audio_buffer.append", "audio": audio}
        if playing is not None:
            event["playing"] = playing
        await self.send(event)

    async def clear(self) -> None:
        """Have the server forget what was said and is no turn yet."""
        await self.send({"type": "input_audio_buffer.clear"})
        self.speaking = False
        if self.turns and self.turns[-1].stopped_s is None:
            self.turns.pop()

    async def interrupt(self) -> None:
        """Silence the assistant; it remembers what was heard of its reply."""
        if self.replying:
            await self.send({"type": "response.cancel"})
        await self._fall_silent()
        await self.until(lambda: not self.replying, CANCELLED_WITHIN_S)

    @property
    def replying(self) -> bool:
        """Whether the server is making a reply."""
        answered = [turn for turn in (*self.turns[-2:], *self.unasked[-2:]) if turn.response_id]
        return any(turn.done_s is None for turn in answered)

    async def say(self, pcm: Pcm) -> Exchange:
        """Speak a recording [n] at RATE_HZ, then listen until the reply to it is over."""
        first = len(self.turns)
        origin_s = await self.speak(pcm)
        if self._live is None:
            await self._let_it_end(first)
        if await self.until(lambda: len(self.turns) > first or self.speaking, self._patience_s()):
            await self._answered(first)
            await self.until(lambda: self._all_settled(first), TRANSCRIPT_S)
        await self.played_out()
        return Exchange(self.turns[first:], origin_s, speech_end_ms(pcm, RATE_HZ), RATE_HZ)

    async def write(self, text: str) -> None:
        """Say it in writing; the assistant falls silent for it."""
        await self._fall_silent()
        turn = Turn(f"typed_{len(self.turns)}", time.perf_counter(), heard=text)
        turn.stopped_s = turn.started_s
        self.turns.append(turn)
        content = [{"type": "input_text", "text": text}]
        item = {"id": turn.item_id, "type": "message", "role": "user", "content": content}
        await self.send({"type": "conversation.item.create", "item": item})
        await self.send({"type": "response.create", "response": {"interrupt": True}})

    async def speak(self, pcm: Pcm) -> float:
        """Speak a recording and come back at its end, whatever the server does meanwhile.

        Returns:
            The time (time.perf_counter) of its first sample.
        """
        return await (self._live or self._fast).speak(pcm)

    async def played_out(self) -> None:
        """Wait until the loudspeaker is silent, and the moment people leave before they speak."""
        if self._live is None:
            return
        while (left_s := self.speaker.left_s) > 0:  # noqa: ASYNC110, a stop may shorten it
            await asyncio.sleep(left_s)
        await asyncio.sleep(PAUSE_S)

    @property
    def live_microphone(self) -> LiveMicrophone | None:
        """The microphone in real time, with the track of what was said."""
        return self._live

    async def until(self, ready: Callable[[], bool], timeout_s: float) -> bool:
        """Wait for something to become true with an event; False when it did not in time.

        Raises:
            ClientError: the connection broke meanwhile.
        """
        end_s = time.perf_counter() + timeout_s
        while not ready():
            if self._broken is not None:
                raise self._broken
            self._changed.clear()
            with contextlib.suppress(asyncio.TimeoutError):
                await asyncio.wait_for(self._changed.wait(), max(0.0, end_s - time.perf_counter()))
            if time.perf_counter() >= end_s:
                return ready()
        return True

    async def ended(self) -> None:
        """Wait for the end of the connection.

        Raises:
            ClientError: always, with the reason.
        """
        await self._ended.wait()
        assert self._broken is not None
        raise self._broken

    # --- waiting -----------------------------------------------------------------------------

    async def _answered(self, first: int) -> None:
        """Wait for the end of every reply; a turn that gets none soon gets none at all."""
        latest_s = time.perf_counter() + LONGEST_REPLY_S
        while not await self.until(lambda: self._all_done(first), ANSWER_BEGINS_S):
            if not (self.speaking or self.replying) or time.perf_counter() > latest_s:
                for turn in self.turns[first:]:
                    if turn.done_s is None:
                        turn.unanswered(time.perf_counter())

    def _all_done(self, first: int) -> bool:
        turns = self.turns[first:]
        return bool(turns) and not self.speaking and all(t.done_s is not None for t in turns)

    def _all_settled(self, first: int) -> bool:
        return all(turn.settled for turn in self.turns[first:])

    def _patience_s(self) -> float:
        """Faster than real time the server has seen everything when `_let_it_end` returns."""
        return NOTHING_HEARD_S if self._live is not None else 0.0

    async def _let_it_end(self, first: int) -> None:
        """Send the silence that ends a turn, more of it while speech goes on; then all is seen."""
        detection = self.session.get("audio", {}).get("input", {}).get("turn_detection") or {}
        silence_ms = detection.get("silence_duration_ms", LONG_SILENCE_MS) + 300
        for _ in range(4):
            await self._fast.silence(silence_ms)
            await self.update_session({})
            if not self.speaking:
                return

    async def _keep_open(self, microphone: LiveMicrophone) -> None:
        try:
            await microphone.run()
        except ClientError as error:
            self._break(error)

    # --- server events -----------------------------------------------------------------------

    async def _take_events(self) -> None:
        try:
            async for event in self._connection.events():
                await self._take(event)
            self._break(ClientError("The daemon ended the conversation."))
        except ClientError as error:
            self._break(error)
        except (KeyError, TypeError, ValueError) as error:
            log.exception("an event that is not of the protocol")
            self._break(ClientError(f"The daemon sent something not understood ({error!r})."))

    async def _take(self, event: Event) -> None:
        kind = event.get("type", "")
        if kind == "input_audio_buffer.speech_started":
            await self._fall_silent()
        handler = _HANDLERS.get(kind)
        if handler is not None:
            handler(self, event)
        if self._on_event is not None:
            self._on_event(event)
        self._changed.set()

    def _break(self, error: ClientError) -> None:
        self._broken = error
        self._ended.set()
        self._changed.set()

    async def _fall_silent(self) -> None:
        """The person speaks: stop the loudspeaker and say what was heard of the reply."""
        stopped = self.speaker.stop()
        if stopped is None:
            return
        item_id, heard_ms = stopped
        for turn in (*self.turns, *self.unasked):
            if turn.reply_item_id == item_id:
                turn.cut_ms = heard_ms
        await self.send(
            {
                "type": "conversation.item.truncate",
                "item_id": item_id,
                "content_index": 0,
                "audio_end_ms": heard_ms,
            }
        )

    def _on_session(self, event: Event) -> None:
        self.session = event.get("session", {})
        self._n_updates += event["type"] == "session.updated"

    def _on_speech_started(self, event: Event) -> None:
        self.speaking = True
        self.turns.append(Turn(event["item_id"], time.perf_counter()))

    def _on_speech_stopped(self, event: Event) -> None:
        self.speaking = False
        turn = self._turn_of_item(event["item_id"])
        if turn is not None:
            turn.stopped_s = time.perf_counter()

    def _on_transcript(self, event: Event) -> None:
        turn = self._turn_of_item(event["item_id"])
        if turn is not None:
            turn.heard = str(event.get("transcript", "")).strip()

    def _on_response_created(self, event: Event) -> None:
        """It answers the newest turn that is over; older ones will get no answer any more."""
        waiting = [t for t in self.turns if t.stopped_s is not None and t.response_id is None]
        for turn in waiting[:-1]:
            turn.unanswered(time.perf_counter())
        if not waiting:
            waiting = [Turn("", time.perf_counter(), heard="")]
            self.unasked += waiting
        waiting[-1].response_id = event["response"]["id"]

    def _on_audio(self, event: Event) -> None:
        turn = self._turn_of_response(event["response_id"])
        if turn is None:
            return
        pcm = decode("pcm16", base64.b64decode(event["delta"]))
        turn.reply_item_id = event["item_id"]
        turn.audio.append(pcm)
        turn.last_audio_s = time.perf_counter()
        if turn.first_audio_s is None:
            turn.first_audio_s = turn.last_audio_s
        self.speaker.play(event["item_id"], pcm)

    def _on_audio_done(self, event: Event) -> None:
        self.speaker.finish(event["item_id"])

    def _on_words(self, event: Event) -> None:
        turn = self._turn_of_response(event["response_id"])
        if turn is not None:
            turn.said += event["delta"]

    def _on_response_done(self, event: Event) -> None:
        response = event["response"]
        turn = self._turn_of_response(response["id"])
        if turn is None:
            return
        details = response.get("status_details") or {}
        metadata = response.get("metadata") or {}
        turn.done_s = time.perf_counter()
        turn.status = response.get("status", "")
        turn.reason = details.get("reason", "")
        turn.error = (details.get("error") or {}).get("message", "")
        turn.said = turn.said.strip()
        turn.language = metadata.get("vivavoce.language", "")
        turn.actions = _actions(metadata.get("vivavoce.actions", "[]"))
        if turn.error:
            self._note_error(turn.error)

    def _on_error(self, event: Event) -> None:
        error = event.get("error") or {}
        self._note_error(str(error.get("message", "unknown error")))

    def _note_error(self, message: str) -> None:
        log.warning("the daemon says: %s", message)
        self.errors.append(message)

    def _turn_of_item(self, item_id: str) -> Turn | None:
        return next((turn for turn in self.turns if turn.item_id == item_id), None)

    def _turn_of_response(self, response_id: str) -> Turn | None:
        turns = (*self.turns, *self.unasked)
        return next((turn for turn in turns if turn.response_id == response_id), None)


def _actions(text: str) -> tuple[Action, ...]:
    return tuple(Action(one["name"], one.get("arguments") or {}) for one in json.loads(text))


_TRANSCRIPTION = "conversation.item.input_audio_transcription"
_HANDLERS: dict[str, Callable[[Conversation, Event], None]] = {
    "session.created": Conversation._on_session,
    "session.updated": Conversation._on_session,
    "input_audio_buffer.speech_started": Conversation._on_speech_started,
    "input_audio_buffer.speech_stopped": Conversation._on_speech_stopped,
    f"{_TRANSCRIPTION}.completed": Conversation._on_transcript,
    f"{_TRANSCRIPTION}.failed": Conversation._on_transcript,
    "response.created": Conversation._on_response_created,
    "response.output_audio.delta": Conversation._on_audio,
    "response.output_audio.done": Conversation._on_audio_done,
    "response.output_audio_transcript.delta": Conversation._on_words,
    "response.output_text.delta": Conversation._on_words,
    "response.done": Conversation._on_response_done,
    "error": Conversation._on_error,
}
