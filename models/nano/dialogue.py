"""nano's side of models/dialogue.py: one conversation."""

from __future__ import annotations

from collections.abc import Collection, Generator, Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from ..dialogue import (
    AudioDelta,
    DialogueOptions,
    DoneReason,
    Heard,
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
from ..remembering import Counts, Remembering, to_cut
from .actions import NEEDS_RESULT, REJECT, Action, parse
from .hearing import samples_of
from .memory import (
    Context,
    Memory,
    Pending,
    Prefilled,
    Reply,
    ReplyWord,
    joined,
    newest,
    shortened,
)
from .results import NO_RESULT, answered, called
from .speakable import speakable
from .talker import SAMPLING
from .text import ACT, BOS, EOS, REP, RESULT, USER
from .thinker import AUDIO, TEXT
from .voice import NewWord, WordAudio

if TYPE_CHECKING:
    from .model import NanoModel

MAX_ACTION_TOKENS = 24
MAX_REPLY_TOKENS = 96
KEPT_TURNS = 2  # before the open one; nano was trained on conversations of at most four turns
KEPT_TOKENS = 128
"""Of a message, and of a turn that grew to twice as many positions, the last so many are kept:
what nano understands takes a few dozen, and each costs time for all those after it."""


class NanoDialogue(Remembering[Memory]):
    """See models/dialogue.py; not thread-safe."""

    def __init__(self, model: NanoModel, options: DialogueOptions) -> None:
        self._model, self._options = model, options
        if options.voice is not None and options.voice not in model.voices:
            raise ValueError(f"nano has no voice {options.voice!r}: {', '.join(model.voices)}")
        if options.language not in ("auto", *model.languages):
            raise ValueError(
                f"nano does not speak {options.language!r}: {', '.join(model.languages)}"
            )
        self._memory = Memory(Context(model.thinker.initial()))
        with torch.inference_mode():
            self._feed([BOS])
        for item in newest(options.history):
            self.add(item)

    # --- listening -------------------------------------------------------------------------

    @torch.inference_mode()
    def listen(self, pcm: Pcm) -> None:
        if len(pcm) == 0:
            return
        memory = self._memory
        if memory.hearing is None:
            self._open_turn()
            memory = replace(self._memory, hearing=self._model.ear.initial())
            self._memory = memory
        assert memory.hearing is not None
        chunks, hearing = self._model.ear.hear(samples_of(pcm), memory.hearing, self._model.thinker)
        self._memory = replace(memory, hearing=hearing)
        self._prefill_audio(chunks)
        self._shorten_turn()

    @torch.inference_mode()
    def add(self, item: Item) -> None:
        if isinstance(item, UserAudio):
            self.listen(item.pcm)
            self._close_hearing()
        elif isinstance(item, ToolCall):
            self._add_call(item)
        elif isinstance(item, ToolResult):
            self._add_result(item)
        elif isinstance(item, UserPicture):
            raise Unsupported("nano sees no pictures")
        else:
            self._add_message(item)
        self._shorten_turn()

    def _add_message(self, message: Message) -> None:
        words = self._model.text.encode(speakable(message.text))[-KEPT_TOKENS:]
        if message.role == "user" and words:
            self._open_turn()
            self._feed(words)
        elif message.role == "assistant" and words:
            self._close_hearing()
            self._end_reply()
            self._feed([REP, *words, EOS])
            self._memory = replace(
                self._memory, turn_open=False, heard=None, reply=None, pending=None
            )
        # nano follows no instructions, so system messages change nothing.

    def _add_call(self, call: ToolCall) -> None:
        line, pending = called(call)
        self._close_hearing()
        self._feed([ACT, *self._model.text.encode_action(line)[:KEPT_TOKENS]])
        self._memory = replace(self._memory, pending=pending)

    def _add_result(self, result: ToolResult) -> None:
        pending = self._memory.pending
        if pending is None or pending.call_id != result.call_id:
            raise ValueError(f"no call {result.call_id!r} waits for a result")
        self._memory = replace(self._memory, pending=answered(pending, result.output))

    # --- replying --------------------------------------------------------------------------

    def reply(self, options: ReplyOptions | None = None) -> Iterator[ReplyPart]:
        options = options or ReplyOptions()
        counts = Counts()
        before = self._memory
        pending = self._memory.pending
        if pending is None:
            pending = yield from self._understand(options, counts)
            if pending.waits:
                yield ReplyDone("tool_calls", self._usage(before, counts))
                return
        reason: DoneReason = "completed"
        for part in self._say(options, pending, counts):
            yield part
            limit = options.max_tokens
            if limit is not None and counts.text + counts.speech >= limit:
                reason = "max_tokens"
                break
        if reason == "completed":
            self._close_reply()
        yield ReplyDone(reason, self._usage(before, counts))

    def _understand(
        self, options: ReplyOptions, counts: Counts
    ) -> Generator[ReplyPart, None, Pending]:
        """Close the user's turn and decide on an action."""
        with torch.inference_mode():
            self._open_turn()
            self._close_hearing()
        heard = self._memory.heard
        if heard is not None:
            sure = self._model.is_speech(heard)
            transcript = self._model.text.decode(list(heard.tokens))
            complete = self._model.endings.probability(transcript) if sure else None
            yield Heard(transcript, self._model.languages[0], complete)
        else:
            sure = len(self._memory.context.turns[-1]) > 1  # more than <user> was written
        tools = self._options.tools if options.tools is None else options.tools
        of_client = {tool["name"] for tool in tools}
        with torch.inference_mode():
            action = self._decide(sure, of_client if not options.allow_tools else (), counts)
        number = self._memory.n_calls
        waits = action.name in NEEDS_RESULT | of_client
        pending = Pending(action, None if action == REJECT else f"call_{number}", waits)
        self._memory = replace(self._memory, pending=pending, n_calls=number + 1)
        if pending.call_id is not None:
            yield ToolCall(pending.call_id, action.name, action.arguments, waits)
        return pending

    def _decide(self, sure: bool, forbidden: Collection[str], counts: Counts) -> Action:
        """Decode the action line; `reject` where nothing was understood."""
        text, before = self._model.text, self._memory.context
        logits = self._model.thinker.logits(self._feed([ACT]))
        action = None
        if sure:
            probability, best = logits[text.intents].softmax(-1).max(-1)
            if float(probability) >= self._model.min_intent_probability:
                action = self._decode_slots(text.intents.start + int(best), counts)
        if action is None or action.name in forbidden:
            # Memory must not hold an action that was not taken.
            self._memory = replace(self._memory, context=before)
            self._feed([ACT, *text.encode_action("reject")])
            return REJECT
        return action

    def _decode_slots(self, intent: int, counts: Counts) -> Action | None:
        text = self._model.text
        hidden = self._feed([intent])
        tokens: list[int] = []
        while len(tokens) < MAX_ACTION_TOKENS:
            token = int(self._model.thinker.logits(hidden).argmax())
            if token == REP:
                break
            tokens.append(token)
            hidden = self._feed([token])
        counts.text += 1 + len(tokens)
        return parse(f"{text.intent_name(intent)} {text.decode(tokens)}")

    def _say(self, options: ReplyOptions, pending: Pending, counts: Counts) -> Iterator[ReplyPart]:
        """Speak the reply to a decided action."""
        with torch.inference_mode():
            hidden = self._feed([REP])
        self._memory = replace(
            self._memory,
            pending=None,
            turn_open=False,
            heard=None,
            reply=Reply(self._memory.context),
        )
        recited = pending.waits and pending.action.name not in NEEDS_RESULT
        words = self._recite(pending, counts) if recited else self._think(hidden, pending, counts)
        if not options.audio:
            for index, word in enumerate(words):
                yield TextDelta(word if index == 0 else f" {word}", index)
            return
        sampling = self._options.sampling
        chosen = sampling if sampling.temperature > 0 else SAMPLING
        for part in self._model.voice.speak(words, sampling.seed, chosen):
            if isinstance(part, NewWord):
                yield TextDelta(part.text if part.index == 0 else f" {part.text}", part.index)
            else:
                counts.speech = part.n_codes
                self._count_samples(part)
                yield AudioDelta(part.pcm, part.index)

    def _think(self, hidden: Tensor, pending: Pending, counts: Counts) -> Iterator[str]:
        """Decode the reply's words; the result slot becomes the tool's words."""
        text = self._model.text
        pieces: list[int] = []
        while counts.text < MAX_REPLY_TOKENS:
            with torch.inference_mode():
                token = int(self._model.thinker.logits(hidden).argmax())
            if pieces and (token in (EOS, RESULT) or text.starts_word(token)):
                yield self._thought(text.decode(pieces), self._memory.context)
                pieces = []
            if token == EOS:
                return
            before = self._memory.context
            with torch.inference_mode():
                hidden = self._feed([token])
            counts.text += 1
            if token == RESULT:
                spoken = (pending.result or NO_RESULT).split()
                for i, word in enumerate(spoken):
                    # A slot cut in the middle is forgotten: half a result is none.
                    whole = i + 1 == len(spoken)
                    yield self._thought(word, self._memory.context if whole else before)
            elif token >= text.n_special:
                pieces.append(token)
        if pieces:
            yield self._thought(text.decode(pieces), self._memory.context)

    def _recite(self, pending: Pending, counts: Counts) -> Iterator[str]:
        """Say what a client's tool answered, where nano's own sentence has no slot for it."""
        for word in (pending.result or NO_RESULT).split()[:MAX_REPLY_TOKENS]:
            with torch.inference_mode():
                self._feed(self._model.text.encode(word))
            counts.text += 1
            yield self._thought(word, self._memory.context)

    def _thought(self, word: str, context: Context) -> str:
        reply = self._memory.reply
        assert reply is not None
        words = (*reply.words, ReplyWord(word, context))
        self._memory = replace(self._memory, reply=replace(reply, words=words))
        return word

    def _count_samples(self, audio: WordAudio) -> None:
        """Note where words end: a word ends when audio of a later one begins."""
        reply = self._memory.reply
        assert reply is not None
        self._memory = replace(self._memory, reply=reply.spoken(audio.index, len(audio.pcm)))

    def _close_reply(self) -> None:
        reply = self._memory.reply
        assert reply is not None
        with torch.inference_mode():
            self._feed([EOS])
        self._memory = replace(self._memory, reply=reply.finished())

    # --- forgetting ------------------------------------------------------------------------

    @torch.inference_mode()
    def truncate(self, samples_heard: int) -> str:
        shorter = to_cut(self._memory.reply, samples_heard).cut(samples_heard)
        turn = self._memory.context.turns[-1]
        self._memory = replace(self._memory, context=shorter.context, reply=shorter)
        self._feed([EOS])
        if self._memory.turn_open:
            self._forget_old_turns()
            self._memory = replace(self._memory, context=self._memory.context.next_turn())
            self._refill(turn)
        return " ".join(word.text for word in shorter.words)

    # --- the thinker's memory --------------------------------------------------------------

    def _open_turn(self) -> None:
        """Begin a user turn, after closing whatever was left open."""
        memory = self._memory
        if memory.turn_open and memory.pending is None:
            return
        if memory.pending is not None:
            self._feed([REP, EOS])
            self._memory = replace(self._memory, pending=None, reply=None)
        self._end_reply()
        self._memory = replace(self._memory, turn_open=True, heard=None)
        self._forget_old_turns()
        self._memory = replace(self._memory, context=self._memory.context.next_turn())
        self._feed([USER])

    def _end_reply(self) -> None:
        """Close a reply that was abandoned in the middle."""
        reply = self._memory.reply
        if reply is not None and not reply.closed:
            self._feed([EOS])
            self._memory = replace(self._memory, reply=replace(reply, closed=True))

    def _forget_old_turns(self) -> None:
        """Fill the thinker's memory anew with the last turns, where it holds more."""
        begin, *turns = self._memory.context.turns
        if len(turns) > KEPT_TURNS:
            self._refill_all([begin, *turns[-KEPT_TURNS:]])

    def _shorten_turn(self) -> None:
        """Fill the thinker's memory anew without the beginning of a turn that grew too long."""
        if self._memory.context.n_in_turn > 2 * KEPT_TOKENS:
            *turns, last = self._memory.context.turns
            self._refill_all([*turns, shortened(last, KEPT_TOKENS)])

    def _refill_all(self, turns: Sequence[Prefilled]) -> None:
        begin, *others = turns
        self._memory = replace(self._memory, context=Context(self._model.thinker.initial()))
        self._refill(begin)
        for turn in others:
            self._memory = replace(self._memory, context=self._memory.context.next_turn())
            self._refill(joined(turn))

    def _refill(self, turn: Prefilled) -> None:
        for modality, positions in turn:
            self._prefill(positions, modality)

    def _close_hearing(self) -> None:
        """Encode what is left of what the user is saying."""
        hearing = self._memory.hearing
        if hearing is None:
            return
        chunks, heard = self._model.ear.close(hearing, self._model.thinker)
        self._prefill_audio(chunks)
        self._memory = replace(self._memory, hearing=None, heard=heard)

    def _feed(self, tokens: list[int]) -> Tensor:
        """Append text tokens; gives the last hidden vector [D]."""
        embedded = self._model.thinker.embed(torch.tensor([tokens]))
        n = self._memory.n_text_in + len(tokens)
        self._memory = replace(self._memory, n_text_in=n)
        return self._prefill(embedded, TEXT)

    def _prefill_audio(self, chunks: list[Tensor]) -> None:
        for positions in chunks:
            n = self._memory.n_audio_in + positions.shape[1]
            self._memory = replace(self._memory, n_audio_in=n)
            self._prefill(positions, AUDIO)

    def _prefill(self, positions: Tensor, modality: int) -> Tensor:
        """Feed positions [1, T, D]; gives the last hidden vector [D]."""
        context = self._memory.context
        for piece in positions.split(KEPT_TOKENS, dim=1):  # attention takes memory by its square
            hidden, caches = self._model.thinker.step(piece, modality, context.caches)
            context = context.fed(caches, modality, piece)
        self._memory = replace(self._memory, context=context)
        return hidden
