"""One conversation with a Ming model: models/dialogue.py as the family does it.

    person speaks    <audio>, positions as they become final
    reply            the rest of the positions, </audio>, dialect hint, ASSISTANT, then tokens;
                     each complete piece of text is spoken before the next is thought of
    interrupted      the thinker's memory is cut after the last word heard

What the template puts after a reply is read when the person's next turn begins, so that a
finished reply can still be cut for nothing.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from ..dialogue import (
    AudioDelta,
    DialogueOptions,
    DoneReason,
    Item,
    Message,
    Pcm,
    ReplyDone,
    ReplyOptions,
    ReplyPart,
    TextDelta,
    ToolCall,
    ToolResult,
    Unsupported,
    UserAudio,
    UserPicture,
)
from ..layers.sampling import TextDecoding
from ..remembering import Counts, Remembering, to_cut
from .alignment import syllables
from .hearing import Ear
from .memory import Context, Fed, Memory, Reply, stacked_states, words_of
from .modality import AUDIO, IMAGE
from .mouth import MouthState
from .positions import picture_rows
from .prompt import (
    Mark,
    Part,
    Words,
    opening,
    placeholders,
    reply_closing,
    reply_opening,
    sound_closing,
    sound_opening,
    words,
)
from .sentences import EAGER, Cutting, Piece, cut, finish
from .speaking import SAMPLING
from .tasks import Thinking, dialect_hint, spoken_step
from .tokenizer import Decoding

if TYPE_CHECKING:
    from .model import MingModel

MAX_REPLY_TOKENS = 512  # and no phrase of ten tokens twice: the reference's settings
NO_REPEAT_NGRAM = 10
MAX_THOUGHT_TOKENS = 2048  # that come on top where it reasons before it answers
PIECE = 256  # positions of sound that are read at once
NOTHING = AudioDelta(np.zeros(0, np.float32), 0)  # at work
KEPT_SHARE = 0.5  # of the longest context, when old turns have to be forgotten


class MingDialogue(Remembering[Memory]):
    """See models/dialogue.py; not thread-safe.

    Raises:
        ValueError: an unknown voice or language.
    """

    def __init__(self, model: MingModel, options: DialogueOptions, ear: Ear | None = None) -> None:
        self._model, self._options = model, options
        self._ear = ear or model.ear
        self._opening = opening(options.instructions, model.options.system_role)
        self._hint = dialect_hint(options.language)
        self._voice = model.voice(options.voice)
        thinking = MAX_THOUGHT_TOKENS if model.options.thinking else 0
        self._most_tokens = MAX_REPLY_TOKENS + thinking
        sampling = options.sampling
        self._decoding = TextDecoding(model.ids.stops, NO_REPEAT_NGRAM, sampling)
        chosen = sampling if sampling.temperature > 0 else SAMPLING
        self._speech_sampling = replace(chosen, seed=sampling.seed)
        self._memory = Memory(Context(model.thinker.initial()))
        with torch.inference_mode():
            self._feed(self._opening)
        for item in options.history:
            self.add(item)

    # --- listening -------------------------------------------------------------------------

    @torch.inference_mode()
    def listen(self, pcm: Pcm) -> None:
        if len(pcm) == 0:
            return
        if self._memory.hearing is None:
            self._open_turn()
            self._feed(sound_opening())
            self._memory = replace(self._memory, hearing=self._ear.initial())
        hearing = self._memory.hearing
        assert hearing is not None
        samples = torch.tensor(pcm, dtype=torch.float32)
        positions, hearing = self._ear.hear(samples, hearing)
        self._memory = replace(self._memory, hearing=hearing)
        self._feed_sound(positions)

    @torch.inference_mode()
    def add(self, item: Item) -> None:
        if isinstance(item, UserAudio):
            self.listen(item.pcm)
            self._close_hearing()
        elif isinstance(item, UserPicture):
            self._look(item)
        elif isinstance(item, ToolCall):
            return  # the family has no form for a call; what came of it is told with the result
        elif isinstance(item, ToolResult):
            self._open_turn()
            self._feed(words(f"{item.output}\n"))
        elif item.role == "assistant":
            self._add_reply(item)
        else:
            self._open_turn()
            self._feed(words(f"SYSTEM: {item.text}\n" if item.role == "system" else item.text))

    def _look(self, item: UserPicture) -> None:
        """A picture or video in the human's turn."""
        eye, kind = self._model.eye, "image" if len(item.frames) == 1 else "video"
        if eye is None:
            raise Unsupported(f"{self._model.name} sees no pictures")
        seen = eye.open(item.frames)
        self._open_turn()
        self._close_hearing()
        encode = self._model.tokenizer.encode_parts
        self._feed((Mark(f"<{kind}>"),))
        vectors = eye.see(seen)
        rows, advance = picture_rows(seen.grid, self._model.config.thinker)
        ids = tuple(encode(placeholders("image", vectors.shape[1])))
        self._refeed(Fed(ids, vectors, IMAGE, rows, advance))
        self._feed((Mark(f"</{kind}>"), Words("\n")))

    def _add_reply(self, message: Message) -> None:
        self._open_turn()
        self._close_hearing()
        self._feed((*reply_opening(), *words(message.text)))
        self._memory = replace(self._memory, human_open=False, reply=None)

    # --- replying --------------------------------------------------------------------------

    def reply(self, options: ReplyOptions | None = None) -> Iterator[ReplyPart]:
        options = options or ReplyOptions()
        before, counts = self._memory, Counts()
        hidden = yield from self._closed_turn(options)
        mouth = self._begin_speaking() if options.audio else None
        begun = Reply(self._memory.context, mouth=mouth)
        self._memory = replace(self._memory, human_open=False, reply=begun)
        limit = options.max_tokens
        reason: DoneReason = "completed"
        try:
            for part in self._answer(hidden, counts):
                if limit is not None and counts.text + counts.speech > limit:
                    reason = "max_tokens"
                    break
                yield part
        finally:
            self._let_go(begun)
        if counts.text >= self._most_tokens:
            reason = "max_tokens"
        if reason == "completed":
            self._memory = replace(self._memory, reply=replace(self._reply, complete=True))
        yield ReplyDone(reason, self._usage(before, counts))

    def _let_go(self, begun: Reply) -> None:
        """Free what only a reply that is still being spoken needs: gigabytes at full size."""
        reply = self._memory.reply
        if reply is not None and reply.start is begun.start and reply.mouth is not None:
            self._memory = replace(self._memory, reply=replace(reply, mouth=reply.mouth.over()))

    @property
    def _reply(self) -> Reply:
        assert self._memory.reply is not None
        return self._memory.reply

    def _closed_turn(self, options: ReplyOptions) -> Generator[ReplyPart, None, Tensor]:
        """End the human's turn → the hidden state [D] that begins the reply.

        A long turn is read in pieces, between which the caller may stop.
        """
        before = left = self._memory
        asked = " ".join(text for text in (options.instructions, self._hint) if text)
        try:
            with torch.inference_mode():
                self._open_turn()
                pieces = self._settled()
            for piece in pieces:
                with torch.inference_mode():
                    self._feed_sound(piece)
                left = self._memory
                yield NOTHING
        except GeneratorExit:  # half a turn was read: it is as if nobody had asked
            if self._memory is left:
                self._memory = before
            raise
        except Exception:
            self._memory = before
            raise
        with torch.inference_mode():
            self._end_hearing()
            return self._feed((*words(asked), *reply_opening()))

    def _begin_speaking(self) -> MouthState | None:
        """The talker before its first word; None where the model has none."""
        mouth, voice = self._model.mouth, self._voice
        if mouth is None or voice is None:
            return None
        reads = self._model.options.talker_reads
        thinker = stacked_states(self._memory.context) if reads else None
        return mouth.begin(voice, thinker, self._speech_sampling)

    def _answer(self, hidden: Tensor, counts: Counts) -> Iterator[ReplyPart]:
        """Text as it is thought; its sound as soon as there is a piece to say."""
        cutting = Cutting()
        for visible in self._think(hidden, counts):
            yield TextDelta(visible, len(self._reply.shown) - 1) if visible else NOTHING
            if self._reply.mouth is not None:
                pieces, cutting = cut(visible, cutting, EAGER)
                yield from self._say(pieces, counts)
        if self._reply.mouth is not None:
            yield from self._say(finish(cutting), counts)

    def _think(self, hidden: Tensor, counts: Counts) -> Iterator[str]:
        """Decode tokens; what each adds for the listener, which may be nothing."""
        model, decoding, thinking = self._model, Decoding(), Thinking()
        while counts.text < self._most_tokens:
            with torch.inference_mode():
                logits = model.thinker.logits(hidden)
                token = self._decoding.next_token(logits, self._memory.context.ids)
                if token is None:
                    break
                hidden = self._feed_ids([token])
            counts.text += 1
            delta, decoding = model.tokenizer.step(token, decoding)
            visible, thinking = spoken_step(delta, thinking)
            yield self._wrote(visible)
        rest, thinking = spoken_step(model.tokenizer.rest(decoding), thinking)
        rest += "" if thinking.hidden else thinking.waiting
        if rest:
            reply = self._reply
            self._memory = replace(self._memory, reply=reply.ended(rest))
            yield rest

    def _wrote(self, visible: str) -> str:
        self._memory = replace(self._memory, reply=self._reply.written(visible))
        return visible

    def _say(self, pieces: Sequence[Piece], counts: Counts) -> Iterator[ReplyPart]:
        """Speak pieces of text; parts without sound let the caller stop in time."""
        mouth = self._model.mouth
        assert mouth is not None
        for piece in pieces:
            state = self._reply.mouth
            assert state is not None
            if any(c.isalnum() for c in piece.spoken):
                lengths = [syllables(word) for word in words_of(piece.raw)]
                state = mouth.feed(mouth.speaker.encode(piece.spoken), state, lengths)
                state = mouth.close(state)
            self._memory = replace(self._memory, reply=self._reply.voiced(piece.raw, state))
            n_before = state.n_codes
            while not state.idle:
                deltas, state = mouth.step(state)
                counts.speech += state.n_codes - n_before
                n_before = state.n_codes
                n_samples = state.n_samples
                reply = replace(self._reply, mouth=state, n_samples=n_samples)
                self._memory = replace(self._memory, reply=reply)
                for delta in deltas or [NOTHING]:
                    yield AudioDelta(delta.pcm, reply.shown_at(delta.token_index))

    # --- forgetting ------------------------------------------------------------------------

    @torch.inference_mode()
    def truncate(self, samples_heard: int) -> str:
        memory, reply = self._memory, to_cut(self._memory.reply, samples_heard)
        n_tokens = reply.tokens_heard(self._model.mouth, samples_heard)
        kept = reply.cut(n_tokens, samples_heard)
        context = reply.start.continued(memory.context, n_tokens)
        self._memory = replace(memory, context=context, human_open=False, reply=kept)
        if memory.human_open:
            self._open_turn()
            for fed in memory.context.turns[-1]:
                self._refeed(fed)
        return kept.text

    def _open_turn(self) -> None:
        """Begin the human's turn, unless it is open."""
        if self._memory.human_open:
            return
        self._feed(reply_closing())
        self._memory = replace(
            self._memory, human_open=True, context=self._memory.context.next_turn()
        )
        if len(self._memory.context.ids) > self._model.longest:
            self._forget()

    def _forget(self) -> None:
        """Read the opening and the last turns anew, without those that have become too many."""
        begin, *turns = self._memory.context.turns
        room = int(KEPT_SHARE * self._model.longest) - sum(len(fed.ids) for fed in begin)
        kept: list[tuple[Fed, ...]] = []
        for turn in reversed(turns):
            room -= sum(len(fed.ids) for fed in turn)
            if room < 0:
                break
            kept.insert(0, turn)
        context = Context(self._model.thinker.initial())
        self._memory = replace(self._memory, context=context, reply=None)
        self._feed(self._opening)
        for turn in kept:
            self._memory = replace(self._memory, context=self._memory.context.next_turn())
            for fed in turn:
                self._refeed(fed)

    # --- the thinker's memory --------------------------------------------------------------

    def _close_hearing(self) -> None:
        """Encode and read what is left of what the person says."""
        for piece in self._settled():
            self._feed_sound(piece)
        self._end_hearing()

    def _settled(self) -> Sequence[Tensor]:
        """What is left of it, encoded, in pieces."""
        if self._memory.hearing is None:
            return ()
        positions, _ = self._ear.settle(self._memory.hearing)
        return positions.split(PIECE, dim=1)

    def _end_hearing(self) -> None:
        if self._memory.hearing is not None:
            self._feed(sound_closing())
            self._memory = replace(self._memory, hearing=None)

    def _feed_sound(self, positions: Tensor) -> None:
        n = positions.shape[1]
        if n:
            ids = self._model.tokenizer.encode_parts(placeholders("audio", n))
            self._refeed(Fed(tuple(ids), positions, AUDIO))
            self._memory = replace(self._memory, n_audio_in=self._memory.n_audio_in + n)

    def _feed(self, parts: Iterable[Part]) -> Tensor:
        """Read a piece of the template; gives the last hidden state [D]."""
        return self._feed_ids(self._model.tokenizer.encode_parts(parts))

    def _feed_ids(self, ids: list[int]) -> Tensor:
        self._memory = replace(self._memory, n_text_in=self._memory.n_text_in + len(ids))
        return self._refeed(Fed(tuple(ids)))

    def _refeed(self, fed: Fed) -> Tensor:
        """Read positions once more, or for the first time → the last hidden state [D]."""
        context, thinker = self._memory.context, self._model.thinker
        x = fed.vectors
        if x is None:
            x = thinker.embed(torch.tensor([fed.ids], device=self._model.device))
        rows = fed.rows_from(context.position)[:, None].to(self._model.device)
        hidden, caches = thinker.step(x, fed.modality, rows, context.caches)
        context = context.fed(fed, caches)
        if self._model.options.talker_reads and self._memory.human_open:
            context = context.with_states(x[0] + hidden[0])
        self._memory = replace(self._memory, context=context)
        return hidden[0, -1]
