"""Effects: what the core wants done, as commands, in the order they must be carried out.

Four hands carry them out: the engine (the model), the outlet (the loudspeaker or the socket's
paced audio), the skills, and `emit` (notices.py: everything a client is told).

Marks are numbers the core chooses; the engine keeps a snapshot of the dialogue under each.
"""

from __future__ import annotations

from dataclasses import dataclass

from .items import Item
from .notices import Notice
from .settings import Settings, Tool

# --- to the model ---------------------------------------------------------------------------


@dataclass(frozen=True)
class Remember:
    """Snapshot the dialogue as it is now."""

    mark: int


@dataclass(frozen=True)
class Rewind:
    """Return to the snapshot, which stays valid."""

    mark: int


@dataclass(frozen=True)
class Release:
    """The snapshot is needed no more."""

    mark: int


@dataclass(frozen=True)
class Listen:
    """Feed the dialogue with the input from sample `start` on: what is there, then what comes."""

    start: int


@dataclass(frozen=True)
class StopListening:
    """Feed up to sample `end` and no further."""

    end: int


@dataclass(frozen=True)
class ReplySpec:
    """How one reply is made.

    Args:
        context: None answers the dialogue, else these items alone.
        say: nothing is answered; these words are read aloud.
        speaking_rate: 1.25 is a quarter faster.
    """

    audio: bool
    max_tokens: int | None = None
    instructions: str | None = None
    allow_tools: bool = True
    tools: tuple[Tool, ...] | None = None
    context: tuple[Item, ...] | None = None
    say: str | None = None
    speaking_rate: float = 1.0


@dataclass(frozen=True)
class Prepare:
    """Snapshot the dialogue, then reply speculatively: it may be dropped."""

    generation: int
    spec: ReplySpec


@dataclass(frozen=True)
class Commit:
    """The prepared reply counts; its snapshot may go."""

    generation: int


@dataclass(frozen=True)
class Drop:
    """The prepared reply never was: stop it and return to its snapshot."""

    generation: int


@dataclass(frozen=True)
class StartReply:
    generation: int
    spec: ReplySpec


@dataclass(frozen=True)
class ContinueReply:
    """Add the tools' results (call_id, output) and let the same reply go on."""

    generation: int
    results: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class CancelReply:
    """Make no more parts of this reply."""

    generation: int


@dataclass(frozen=True)
class Truncate:
    """Cut the model's memory of its last reply to `samples`."""

    generation: int
    samples: int


@dataclass(frozen=True)
class AddItem:
    """Append an item that did not come from the model."""

    item: Item


@dataclass(frozen=True)
class RebuildDialogue:
    """Open the dialogue afresh with these settings and this past; all snapshots are void."""

    settings: Settings
    items: tuple[Item, ...]


@dataclass(frozen=True)
class Transcribe:
    """Write down an item's audio; no reply will do it."""

    item_id: str


@dataclass(frozen=True)
class Recognise:
    """Write down input samples start..end once they are there, and answer with Recognised.

    Only the newest number is waited for: an older one that is not under way need not be done.
    """

    number: int
    start: int
    end: int


# --- to the skills --------------------------------------------------------------------------


@dataclass(frozen=True)
class RunTool:
    """Run a built-in skill.

    awaited: the reply goes on when it has returned. language: of the reply, empty if not known.
    """

    generation: int
    call_id: str
    name: str
    arguments: str
    awaited: bool
    language: str = ""


# --- to the ears ----------------------------------------------------------------------------


@dataclass(frozen=True)
class KeepAudio:
    """Input samples start..end belong to `item_id`: keep them for retrieval and rebuilding."""

    item_id: str
    start: int
    end: int


# --- to the outlet --------------------------------------------------------------------------


@dataclass(frozen=True)
class PlayAudio:
    """Play after what was given before. A remote outlet paces it and tells it as AudioDelta."""

    generation: int
    response_id: str
    item_id: str
    output_index: int
    content_index: int
    pcm: bytes


@dataclass(frozen=True)
class FinishPlayout:
    """No more audio will come; report PlayoutDrained once all of it has left."""

    generation: int


@dataclass(frozen=True)
class PausePlayout:
    generation: int


@dataclass(frozen=True)
class ResumePlayout:
    """Go on at the exact sample."""

    generation: int


@dataclass(frozen=True)
class StopPlayout:
    """Forget what was not played; nothing of this generation is heard or sent any more."""

    generation: int


EngineEffect = (
    Remember
    | Rewind
    | Release
    | Listen
    | StopListening
    | Prepare
    | Commit
    | Drop
    | StartReply
    | ContinueReply
    | CancelReply
    | Truncate
    | AddItem
    | RebuildDialogue
    | Transcribe
)
OutletEffect = PlayAudio | FinishPlayout | PausePlayout | ResumePlayout | StopPlayout
Effect = EngineEffect | OutletEffect | Recognise | RunTool | KeepAudio | Notice
