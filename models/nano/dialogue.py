"""nano's side of models/dialogue.py: one conversation."""

from __future__ import annotations

import logging
from collections.abc import Collection, Generator, Iterator
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
from ..remembering import Counts, to_cut
from .actions import NEEDS_RESULT, REJECT
from .confirming import ASKED_FOR, CONFIRM, question
from .deciding import Decision, decide
from .hearing import samples_of
from .languages import language_of, sentence, spaced, split
from .memory import Context, Pending, Reply, ReplyWord, newest
from .recollection import AUTO, KEPT_TOKENS, Recollection
from .results import TOLD, answered, called, no_result
from .speakable import speakable
from .talker import SAMPLING
from .text import ACT, EOS, RESULT
from .voice import NewWord, WordAudio

if TYPE_CHECKING:
    from .model import NanoModel

log = logging.getLogger(__name__)

MAX_REPLY_TOKENS = 96


class NanoDialogue(Recollection):
    """See models/dialogue.py; not thread-safe."""

    def __init__(self, model: NanoModel, options: DialogueOptions) -> None:
        if options.voice is not None and options.voice not in model.voices:
            raise ValueError(f"nano has no voice {options.voice!r}: {', '.join(model.voices)}")
        if options.language not in (AUTO, *model.languages):
            raise ValueError(
                f"nano does not speak {options.language!r}: {', '.join(model.languages)}"
            )
        super().__init__(model, options)
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
        plain = speakable(message.text, self._memory.language)
        words = self._model.text.encode(plain)[-KEPT_TOKENS:]
        if message.role == "user" and words:
            self._open_turn()
            self._feed(words)
        elif message.role == "assistant" and words:
            self._close_hearing()
            self._end_reply()
            language = self._model.known(language_of(message.text, self._memory.language))
            self._feed([*self._begin_reply(language), *words, EOS])
            self._memory = replace(
                self._memory,
                turn_open=False,
                heard=None,
                reply=None,
                pending=None,
                language=language,
            )
        # nano follows no instructions, so system messages change nothing.

    def _add_call(self, call: ToolCall) -> None:
        line, pending = called(call)
        self._close_hearing()
        self._feed([ACT, *self._model.text.encode_action(line)[:KEPT_TOKENS]])
        pending = replace(pending, language=self._next_language())
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
            certainty = heard.mean_confidence if self._model.is_speech(heard) else None
            transcript = self._model.text.decode(list(heard.tokens))
            sure = certainty is not None
            complete = self._model.endings.probability(transcript) if sure else None
            language = self._model.known(language_of(transcript, self._memory.language))
            yield Heard(transcript, language, complete)
        else:  # more than <user> was written, or nothing
            certainty = 1.0 if len(self._memory.context.turns[-1]) > 1 else None
        tools = self._options.tools if options.tools is None else options.tools
        of_client = {tool["name"] for tool in tools}
        with torch.inference_mode():
            pending = self._decide(certainty, of_client, options.allow_tools, counts)
        self._memory = replace(
            self._memory,
            pending=pending,
            n_calls=self._memory.n_calls + 1,
            asked=pending.action if pending.asked else None,
        )
        if pending.call_id is not None:
            action, waits = pending.action, pending.waits
            yield ToolCall(
                pending.call_id,
                action.name,
                action.arguments,
                waits,
                pending.language,
                pending.confidence,
            )
        return pending

    def _decide(
        self, certainty: float | None, of_client: Collection[str], allowed: bool, counts: Counts
    ) -> Pending:
        """Decode the action line, and find the language of the reply to it.

        Args:
            certainty: how sure what was heard is; None where nothing was understood.
            of_client: actions that are the client's.
            allowed: whether those may be taken.
            counts: of the tokens written.
        """
        model, before = self._model, self._memory.context
        decision = None
        if certainty is not None:
            least = model.min_intent_probability
            decision = decide(model.thinker, model.text, self._feed, least, certainty)
        taken = decision is not None and (allowed or decision.action.name not in of_client)
        if decision is None or not taken or decision.action == REJECT:
            # Memory must not hold an action that was not taken.
            self._rewrite(before, REJECT.name)
            nothing = certainty is None  # then the turn has no language of its own
            language = self._memory.language if nothing else self._next_language()
            return Pending(REJECT, None, language=language)
        action, confidence = decision.action, decision.confidence
        counts.text += decision.n_tokens
        language = self._next_language()  # before a rewrite: trained on what it wrote itself
        if self._doubts(decision):
            self._rewrite(before, f"{CONFIRM} {decision.line}")
            log.debug("asks about %s (confidence %.2f)", decision.line, confidence)
            words = question(action, language)
            return Pending(action, None, result=words, language=language, asked=True)
        log.debug("takes %s (confidence %.2f)", decision.line, confidence)
        waits = action.name in NEEDS_RESULT | TOLD or action.name in of_client
        call_id = f"call_{self._memory.n_calls}"
        return Pending(action, call_id, waits, language=language, confidence=confidence)

    def _doubts(self, decision: Decision) -> bool:
        """Whether to ask before doing it; never twice about the same."""
        return (
            decision.action.name in ASKED_FOR
            and decision.confidence < self._model.config.confirm_probability
            and decision.action != self._memory.asked
        )

    def _rewrite(self, before: Context, line: str) -> None:
        """Put an action line in the place of what was written after `before`."""
        self._memory = replace(self._memory, context=before)
        self._feed([ACT, *self._model.text.encode_action(line)])

    def _say(self, options: ReplyOptions, pending: Pending, counts: Counts) -> Iterator[ReplyPart]:
        """Speak the reply to a decided action."""
        with torch.inference_mode():
            hidden = self._feed(self._begin_reply(pending.language))
        self._memory = replace(
            self._memory,
            pending=None,
            turn_open=False,
            heard=None,
            reply=Reply(self._memory.context),
            language=pending.language,
        )
        told = pending.waits and pending.action.name not in NEEDS_RESULT
        recited = told or pending.asked
        words = self._recite(pending, counts) if recited else self._think(hidden, pending, counts)
        if not options.audio:
            before = None
            for index, word in enumerate(words):
                yield TextDelta(spaced(word, before), index)
                before = word
            return
        yield from self._speak(words, pending.language, options.speaking_rate, counts)

    def _speak(
        self, words: Iterator[str], language: str, rate: float, counts: Counts
    ) -> Iterator[ReplyPart]:
        """Words as they come, with their sound."""
        sampling = self._options.sampling
        chosen = sampling if sampling.temperature > 0 else SAMPLING
        voice = self._model.speaker(self._options.voice, language)
        before = None
        for part in self._model.voice.speak(words, sampling.seed, chosen, voice=voice, rate=rate):
            if isinstance(part, NewWord):
                yield TextDelta(spaced(part.text, before), part.index)
                before = part.text
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
            if token in (EOS, RESULT) or text.starts_word(token):
                if word := text.decode(pieces):  # a mere space before a hanzi is none
                    yield self._thought(word, self._memory.context)
                pieces = []
            if token == EOS:
                return
            before = self._memory.context
            with torch.inference_mode():
                hidden = self._feed([token])
            counts.text += 1
            if token == RESULT:
                spoken = split(pending.result or no_result(self._memory.language))
                for i, word in enumerate(spoken):
                    # A slot cut in the middle is forgotten: half a result is none.
                    whole = i + 1 == len(spoken)
                    yield self._thought(word, self._memory.context if whole else before)
            elif token >= text.n_special:
                pieces.append(token)
        if word := text.decode(pieces):
            yield self._thought(word, self._memory.context)

    def _recite(self, pending: Pending, counts: Counts) -> Iterator[str]:
        """Say given words: a question, or the answer of a client's tool that nano's own sentence
        has no slot for."""
        words = split(pending.result or no_result(self._memory.language))
        before = None
        for word in words[:MAX_REPLY_TOKENS]:
            with torch.inference_mode():
                self._feed(self._model.text.encode_next(word, before))
            before = word
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
        return sentence(word.text for word in shorter.words)
