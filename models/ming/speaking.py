"""One utterance being spoken: text tokens in as they come, codec codes out, in lock-step.

    state = speaker.begin(voice, thinker_states)
    state = speaker.feed(ids, state)           # whenever text comes
    spoken, state = speaker.step(state)        # None: wants text (see wants_text) or finished
    state = speaker.end(state)                 # no more text: what is left can be said

A state is a value: keeping it is a snapshot, going back to it is free. What is said depends on
the text, the voice and the seed, not on when the text came; `go_on` is the exception that says so.

The text lane starts with the words of the voice prompt, beside the prompt's own speech. So the
first speech token needs as many text tokens as the prompt has speech tokens beyond its words: for
a prompt of 3 s about 80. Short utterances are complete before that, and `end` lets them start;
so a reply is cut into utterances (sentences.py), the first one short. In one long utterance the
text beyond the prompt follows step by step in every release (the reference of v1.5 cannot).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Literal, NamedTuple

import torch
from torch import Tensor

from ..dialogue import Sampling
from ..layers.sampling import choose
from .alignment import Alignment, Tempo, syllables
from .checkpoint import CheckpointError
from .speech_bpe import SpeechBpe, SpeechBpeState
from .talker import Caches, Talker
from .talker_layout import Layout, SpecialIds
from .voice_prompt import VoicePrompt

SAMPLING = Sampling(temperature=1.0, top_k=20)
MAX_TOKENS = 1000  # speech tokens of one utterance; half a minute or so


class Spoken(NamedTuple):
    """Codec codes (20 ms each) of one speech token.

    `tokens` says for each code which unit of text it is taken to speak, counted from 0 within
    the utterance: an id that was fed, or whatever `Speaker.feed` was given lengths of. See
    alignment.py for how good that is.
    """

    codes: tuple[int, ...]
    tokens: tuple[int, ...]


@dataclass(frozen=True, eq=False)
class Voice:
    """A voice prompt as the talker takes it.

    Args:
        speaker: voice vector [192].
        text: ids of the prompt's words.
        speech: the prompt's speech tokens.
        tempo: how fast the voice speaks.
    """

    speaker: Tensor
    text: tuple[int, ...] = ()
    speech: tuple[int, ...] = ()
    tempo: Tempo = Tempo()


@dataclass(frozen=True, eq=False)
class Speaking:
    """Everything of one utterance; see talker_layout.py for the lanes.

    Args:
        caches: of all positions fed.
        n_header: positions before BOS.
        n_fed: lane positions fed.
        audio: vocabulary ids of the audio lane: BOS, the prompt's speech, what was said.
        n_told: how many of them are not the talker's own.
        text: ids of the text lane as far as they are known.
        n_text: how many of them are to be said, those of the voice prompt not counted.
        ended: whether no more text comes.
        alignment: units of the text to say against codes said.
        codes_after: codes said after each speech token of the talker's own.
        held: of the speech BPE.
        sampling: how choices are made.
        stopped: why nothing more is said: the talker's own end, or the limit.
    """

    caches: Caches
    n_header: int
    n_fed: int
    audio: tuple[int, ...]
    n_told: int
    text: tuple[int, ...]
    n_text: int
    ended: bool
    alignment: Alignment
    codes_after: tuple[int, ...]
    held: SpeechBpeState
    sampling: Sampling
    stopped: Literal["end", "limit"] | None = None

    @property
    def finished(self) -> bool:
        """Whether everything was said."""
        return self.stopped is not None

    @property
    def wants_text(self) -> bool:
        """Whether the next code needs more text, or the end of it."""
        return not (self.finished or self.ended) and len(self.text) < len(self.audio)

    @property
    def n_missing(self) -> int:
        """Text tokens that are missing for the next code."""
        return len(self.audio) - len(self.text) if self.wants_text else 0

    @property
    def n_said(self) -> int:
        """Speech tokens said."""
        return len(self.codes_after)

    @property
    def n_codes(self) -> int:
        """Codec codes said, 20 ms each."""
        return self.codes_after[-1] if self.codes_after else 0


class Speaker:
    """The talker with all that turns words into codes. Holds nothing of an utterance."""

    def __init__(
        self,
        talker: Talker,
        bpe: SpeechBpe,
        special: SpecialIds,
        layout: Layout,
        encode: Callable[[str], Sequence[int]],
        piece: Callable[[int], str],
        max_tokens: int = MAX_TOKENS,
    ) -> None:
        """`encode` gives the talker's text ids of a text, `piece` the text of one id.

        Raises:
            CheckpointError: the talker has fewer speech tokens than the speech BPE.
        """
        if talker.n_speech < bpe.n_tokens:
            raise CheckpointError(
                f"the talker's table has rows for {talker.n_speech} speech tokens, its speech "
                f"BPE has {bpe.n_tokens}: it is the table of a text model"
            )
        self.talker, self.bpe, self.special, self.layout = talker, bpe, special, layout
        self.encode, self.piece, self.max_tokens = encode, piece, max_tokens

    def voice(self, prompt: VoicePrompt) -> Voice:
        """A voice prompt made ready; do it once.

        Raises:
            ValueError: it holds codec codes the speech BPE does not know.
        """
        if not (self.layout.has_prompt and prompt.text and len(prompt.codes)):
            return Voice(prompt.speaker)
        speech = tuple(self.bpe.encode(prompt.codes.tolist()))
        tempo = Tempo().measured(len(prompt.codes), syllables(prompt.text))
        return Voice(prompt.speaker, tuple(self.encode(prompt.text)), speech, tempo)

    @torch.inference_mode()
    def begin(
        self,
        voice: Voice,
        thinker: Tensor | None = None,
        sampling: Sampling = SAMPLING,
        tempo: Tempo | None = None,
    ) -> Speaking:
        """The state before the first word; the header is prefilled.

        Args:
            voice: who speaks.
            thinker: states [H, Q] of the thinker at its prompt, see `Talker.embed_header`.
            sampling: of speech tokens; its seed decides.
            tempo: measured on earlier utterances (`Alignment.learned`); the voice's own if None.
        """
        talker, told = self.talker, voice.speech
        header = self.layout.header(self.special, 0 if thinker is None else thinker.shape[0])
        n = len(header)
        x = talker.embed_header(header, voice.speaker, thinker)
        _, caches = talker.step(x, self.layout.positions(0, n, n), talker.initial())
        return Speaking(
            caches,
            n_header=n,
            n_fed=0,
            audio=(self.special.audio_bos, *(talker.speech_id(token) for token in told)),
            n_told=1 + len(told),
            text=voice.text,
            n_text=0,
            ended=False,
            alignment=Alignment(tempo or voice.tempo),
            codes_after=(),
            held=(),
            sampling=sampling,
        )

    def feed(
        self, ids: Sequence[int], state: Speaking, lengths: Sequence[float] | None = None
    ) -> Speaking:
        """More text ids to say.

        Args:
            ids: of the talker's tokenizer.
            state: of an utterance that has not ended.
            lengths: in syllables, of the units in which the caller wants to know what is heard
                (words, or tokens of another tokenizer); of each id where not given.
        """
        if state.ended:
            raise ValueError("the utterance has ended; no text can follow")
        if lengths is None:
            lengths = [syllables(self.piece(token)) for token in ids]
        return replace(
            state,
            text=(*state.text, *ids),
            n_text=state.n_text + len(ids),
            alignment=state.alignment.add(lengths),
        )

    def end(self, state: Speaking) -> Speaking:
        """No more text comes."""
        stopped = state.stopped if state.n_text else "end"
        return replace(state, ended=True, stopped=stopped)

    def go_on(self, state: Speaking) -> Speaking:
        """Say the next code without the text it wants: <text_pad> stands for it.

        The model was not trained with gaps in its text, so this is for a thinker that is too slow
        to be waited for.
        """
        return replace(state, text=(*state.text, *[self.special.text_pad] * state.n_missing))

    @torch.inference_mode()
    def step(self, state: Speaking) -> tuple[Spoken | None, Speaking]:
        """The next codes; None when text is wanted or everything is said.

        Also prefills whatever text allows, so calling it while text is wanted is not wasted.
        """
        while not state.finished:
            hidden, state = self._prefill(state)
            if hidden is None:
                break
            codes, state = self._say(hidden, state)
            if codes:
                first = state.n_codes - len(codes)
                tokens = tuple(state.alignment.token_at(first + i) for i in range(len(codes)))
                return Spoken(codes, tokens), state
        return None, state

    def cut(self, state: Speaking, n_codes: int) -> Speaking:
        """The state when at most the first n_codes had been said; it says the rest as before.

        Raises:
            ValueError: more codes than were said.
        """
        if not 0 <= n_codes <= state.n_codes:
            raise ValueError(f"{n_codes} codes are not among the {state.n_codes} that were said")
        if n_codes == state.n_codes:
            return state
        kept = sum(after <= n_codes for after in state.codes_after)
        audio = state.audio[: state.n_told + kept]
        n_fed = min(state.n_fed, len(audio) - 1)  # the last is fed again, for what follows it
        held: SpeechBpeState = ()
        for token in audio[state.n_told :]:
            _, held = self.bpe.step(token - self.talker.speech_id(0), held)
        return replace(
            state,
            caches=tuple(cache.cut(state.n_header + n_fed) for cache in state.caches),
            n_fed=n_fed,
            audio=audio,
            codes_after=state.codes_after[:kept],
            held=held,
            alignment=replace(state.alignment, n_codes=None),
            stopped=None,
        )

    def _prefill(self, state: Speaking) -> tuple[Tensor | None, Speaking]:
        """Feed both lanes as far as they go → hidden [D] after the last of the audio lane."""
        end = len(state.audio) if state.ended else min(len(state.audio), len(state.text))
        if end <= state.n_fed:
            return None, state
        text = [self._text_at(j, state) for j in range(state.n_fed, end)]
        x = self.talker.embed(state.audio[state.n_fed : end], text)
        n = state.n_header
        positions = self.layout.positions(n + state.n_fed, n + end, n)
        hidden, caches = self.talker.step(x, positions, state.caches)
        state = replace(state, caches=caches, n_fed=end)
        return (hidden[0, -1] if end == len(state.audio) else None), state

    def _text_at(self, j: int, state: Speaking) -> int:
        if j < len(state.text):
            return state.text[j]
        return self.special.text_eos if j == len(state.text) else self.special.text_pad

    def _say(self, hidden: Tensor, state: Speaking) -> tuple[tuple[int, ...], Speaking]:
        """Choose the next speech token → its codes."""
        stop, n_said = self.talker.n_speech, state.n_said
        logits = self.talker.speech_logits(hidden)
        logits[self.bpe.n_tokens : stop] = -torch.inf  # rows that only round the table off
        if not self._may_stop(state):
            logits[stop] = -torch.inf
        choice = choose(logits, state.sampling, n_said)
        if choice == stop:
            return (), self._stopped(state, "end")
        codes, held = self.bpe.step(choice, state.held)
        state = replace(
            state,
            audio=(*state.audio, self.talker.speech_id(choice)),
            codes_after=(*state.codes_after, state.n_codes + len(codes)),
            held=held,
        )
        return codes, self._stopped(state, "limit") if n_said + 1 >= self.max_tokens else state

    def _may_stop(self, state: Speaking) -> bool:
        """By the release's rule, and in every release not before the text has ended."""
        told_all = state.ended and len(state.text) < len(state.audio)
        return told_all and self.layout.may_stop(state.n_said, state.n_header)

    def _stopped(self, state: Speaking, why: Literal["end", "limit"]) -> Speaking:
        if why == "end":  # at the limit nobody knows how much of the text was said
            state = replace(state, alignment=state.alignment.finish(state.n_codes))
        return replace(state, stopped=why)
