"""One message of a response while it is open: its notices from added to done, inside out."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from .effects import Effect, PlayAudio
from .history import History
from .items import Content, MessageItem, OutputAudio, OutputText, Status
from .ledger import Ledger
from .notices import (
    AudioDone,
    ContentPartAdded,
    ContentPartDone,
    ItemAdded,
    ItemDone,
    OutputItemAdded,
    OutputItemDone,
    PartPlace,
    TextDelta,
    TextDone,
    TranscriptDelta,
    TranscriptDone,
)
from .settings import Modality


@dataclass
class OpenMessage:
    """An assistant message that is being written or spoken.

    Args:
        out: where notices and sound go.
        history: where the item lives; None out of band.
    """

    out: list[Effect]
    place: PartPlace
    generation: int
    modality: Modality
    ledger: Ledger
    history: History | None
    text: str = ""
    part_ended: bool = False
    item: MessageItem = field(init=False)

    def __post_init__(self) -> None:
        self.item = MessageItem(self.place.item_id, "assistant", (), "in_progress")

    @property
    def so_far(self) -> MessageItem:
        """The item with what it holds by now."""
        return replace(self.item, content=(self._content(),))

    def open(self) -> None:
        place = self.place
        self.out.append(OutputItemAdded(place.response_id, place.output_index, self.item))
        if self.history is not None:
            self.history.add(self.item)
            self.out.append(ItemAdded(self.item, self.history.previous(self.item.id)))
        self.out.append(ContentPartAdded(place, self.modality))

    def write(self, text: str, token_index: int) -> None:
        self.text += text
        self.ledger.add_text(text, token_index)
        delta = TranscriptDelta if self.modality == "audio" else TextDelta
        self.out.append(delta(self.place, text))

    def speak(self, pcm: bytes, token_index: int) -> None:
        place = self.place
        self.ledger.add_audio(len(pcm) // 2, token_index)
        self.out.append(
            PlayAudio(
                self.generation,
                place.response_id,
                place.item_id,
                place.output_index,
                place.content_index,
                pcm,
            )
        )

    def end_part(self) -> None:
        """All that is said or written is told; the item stays open until it was played."""
        if self.part_ended:
            return
        self.part_ended = True
        place = self.place
        if self.modality == "audio":
            self.out += [AudioDone(place), TranscriptDone(place, self.text)]
        else:
            self.out.append(TextDone(place, self.text))
        self.out.append(ContentPartDone(place, self.modality, self.text))

    def close(self, status: Status, heard_only: bool = False) -> MessageItem:
        """Close part and item; gives the item as it is remembered.

        Args:
            status: of the item.
            heard_only: what is spoken ends here: the item keeps what was heard of it. The part
                still tells all its text, for that is what its deltas add up to.
        """
        place = self.place
        self.end_part()
        content = self._heard() if heard_only else self._content()
        self.item = replace(self.item, status=status, content=(content,))
        if self.history is not None and self.item.id in self.history:
            self.history.replace(self.item)
            self.out.append(ItemDone(self.item, self.history.previous(self.item.id)))
        self.out.append(OutputItemDone(place.response_id, place.output_index, self.item))
        return self.item

    def _heard(self) -> Content:
        if self.modality == "audio":
            return OutputAudio(self.ledger.heard_text(self.ledger.heard), self.ledger.heard)
        return self._content()

    def _content(self) -> Content:
        if self.modality == "audio":
            return OutputAudio(self.text, self.ledger.sent)
        return OutputText(self.text)
