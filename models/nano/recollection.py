"""What of a conversation is fed to the thinker, and what is forgotten again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from ..dialogue import DialogueOptions
from ..remembering import Remembering
from .memory import Context, Memory, Prefilled, joined, shortened
from .text import BOS, EOS, REP, USER
from .thinker import AUDIO, TEXT

if TYPE_CHECKING:
    from .model import NanoModel

AUTO = "auto"
KEPT_TURNS = 2  # before the open one; nano was trained on conversations of at most four turns
KEPT_TOKENS = 128
"""Of a message, and of a turn that grew to twice as many positions, the last so many are kept:
what nano understands takes a few dozen, and each costs time for all those after it."""


class Recollection(Remembering[Memory]):
    """The thinker's side of a conversation; `_memory` is replaced, never changed."""

    def __init__(self, model: NanoModel, options: DialogueOptions) -> None:
        self._model, self._options = model, options
        language = model.languages[0] if options.language == AUTO else options.language
        self._memory = Memory(Context(model.thinker.initial()), language)
        with torch.inference_mode():
            self._feed([BOS])

    # --- turns -----------------------------------------------------------------------------

    def _open_turn(self) -> None:
        """Begin a user turn, after closing whatever was left open."""
        memory = self._memory
        if memory.turn_open and memory.pending is None:
            return
        if memory.pending is not None:
            self._feed([*self._begin_reply(memory.pending.language), EOS])
            self._memory = replace(self._memory, pending=None, reply=None)
        self._end_reply()
        self._memory = replace(self._memory, turn_open=True, heard=None)
        self._forget_old_turns()
        self._memory = replace(self._memory, context=self._memory.context.next_turn())
        self._feed([USER])

    def _close_hearing(self) -> None:
        """Encode what is left of what the user is saying."""
        hearing = self._memory.hearing
        if hearing is None:
            return
        chunks, heard = self._model.ear.close(hearing, self._model.thinker)
        self._prefill_audio(chunks)
        self._memory = replace(self._memory, hearing=None, heard=heard)

    def _end_reply(self) -> None:
        """Close a reply that was abandoned in the middle."""
        reply = self._memory.reply
        if reply is not None and not reply.closed:
            self._feed([EOS])
            self._memory = replace(self._memory, reply=replace(reply, closed=True))

    # --- languages -------------------------------------------------------------------------

    def _begin_reply(self, language: str) -> list[int]:
        """The tokens before the words of a reply; its language is marked where there are several.

        The marks are trained together with the second language: one that knows a single language
        never saw them.
        """
        if len(self._model.languages) == 1:
            return [REP]
        return [REP, self._model.text.language_id(language)]

    def _next_language(self) -> str:
        """The language in which the model would now reply; memory stays as it is."""
        languages = self._model.languages
        if self._options.language != AUTO:
            return self._options.language
        if len(languages) == 1:
            return languages[0]
        before = self._memory
        logits = self._model.thinker.logits(self._feed([REP]))
        self._memory = before
        marks = [self._model.text.language_id(language) for language in languages]
        return languages[int(logits[marks].argmax())]

    # --- forgetting ------------------------------------------------------------------------

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

    # --- feeding ---------------------------------------------------------------------------

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
