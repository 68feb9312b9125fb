"""Settings of one conversation, as the core sees them (the wire's own shape lives in the shell)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from .phrases import BACKCHANNELS, STOP_PHRASES

Modality = Literal["audio", "text"]
BargeIn = Literal["instant", "polite", "wait", "off"]
IdFactory = Callable[[str], str]
"""Makes a fresh id from its kind: "item", "resp" or "call"."""


@dataclass(frozen=True)
class Tool:
    """A function the client offers; `parameters` is its JSON schema as JSON text."""

    name: str
    description: str = ""
    parameters: str = "{}"


@dataclass(frozen=True)
class Settings:
    """How a conversation behaves.

    Args:
        turn_detection: True where speech events open and close turns, False for manual commits.
        create_response: a turn closed by speech events is answered without being asked.
        interrupt_response: False: speech does not stop a reply, it becomes a turn that is
            answered when the client asks. (What the wire calls by this name.)
        barge_in: what speech does to a reply. "instant": playout pauses at the first voice and
            the reply stops as soon as that counts as speech; "polite": it pauses, and the reply
            stops once it is known that something was said, else goes on at the exact sample;
            "wait": the reply goes on, and what was said is answered after it; "off": the reply
            goes on, and speech that begins meanwhile is not listened to.
        confirm_phones: so many different phones are speech where words are missing or unsure.
        confirm_ms: speech so long counts where the model tells no phones and no sure words.
        backchannels: what is murmured while listening and means no interruption.
        stop_phrases: what silences the assistant, in every preset but "off".
        speculate: prepare the reply at the first short pause, before the endpoint is sure.
        transcribe: tell the client what was understood (TranscriptionCompleted).
        modality: what replies are made of.
        pure_skills: names of built-in skills that may run before the turn is committed.
        speaking_rate: of replies; 1.25 is a quarter faster.
        tool_choice: "auto", "none", "required" or the name of one function.
        input_rate_hz, output_rate_hz: sample rates of every input and output time below.
    """

    turn_detection: bool = True
    create_response: bool = True
    interrupt_response: bool = True
    barge_in: BargeIn = "instant"
    confirm_phones: float = 4.0
    confirm_ms: int = 540
    backchannels: tuple[str, ...] = BACKCHANNELS
    stop_phrases: tuple[str, ...] = STOP_PHRASES
    speculate: bool = True
    transcribe: bool = False
    modality: Modality = "audio"
    instructions: str = ""
    voice: str | None = None
    speaking_rate: float = 1.0
    language: str = "auto"
    tools: tuple[Tool, ...] = ()
    tool_choice: str = "auto"
    max_output_tokens: int | None = None
    pure_skills: frozenset[str] = frozenset()
    input_rate_hz: int = 16000
    output_rate_hz: int = 16000

    @property
    def client_tools(self) -> frozenset[str]:
        """Names of the functions that the client runs itself."""
        return frozenset(tool.name for tool in self.tools)


@dataclass(frozen=True)
class ResponseOptions:
    """What one response asks for; None takes the conversation's setting.

    Args:
        in_conversation: False answers out of band: nothing is added to the conversation, and
            it may run beside the conversation's own response.
        input_ids: items to answer instead of the whole conversation, by id; the new ones come
            with ResponseRequested.input_items.
        metadata: the client's own pairs, echoed.
    """

    modality: Modality | None = None
    instructions: str | None = None
    tools: tuple[Tool, ...] | None = None
    tool_choice: str | None = None
    max_output_tokens: int | None = None
    in_conversation: bool = True
    input_ids: tuple[str, ...] | None = None
    metadata: tuple[tuple[str, str], ...] = ()
