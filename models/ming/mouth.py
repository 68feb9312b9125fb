"""Text in, sound out: the talker and the audio decoder as one stream.

    ready = mouth.prepare(prompt)                       # once for a voice
    state = mouth.begin(ready, thinker_states)          # for every reply
    state = mouth.feed(ids, state, lengths)             # text, as it is written
    state = mouth.close(state)                          # a piece of it is complete
    deltas, state = mouth.step(state)                   # one speech token on

Every piece of text (sentences.py) is an utterance of its own to the talker, as in the reference;
the audio decoder goes on from one to the next. Units of text are counted over the whole reply;
`heard` tells how many of them were heard by a sample.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from torch import Tensor

from ..dialogue import AudioDelta, Pcm, Sampling
from .alignment import Alignment, syllables
from .detokenizer import CODES_HZ, Detokenizer, Silence, SpeechState
from .flow import VoicePrompt as DecoderPrompt
from .speaking import SAMPLING, Speaker, Speaking, Voice
from .voice_prompt import VoicePrompt

_SEEDS_A_REPLY = 1009  # a reply of more utterances begins to repeat another seed's draws


@dataclass(frozen=True, eq=False)
class ReadyVoice:
    """A voice with its prompt read by both models."""

    voice: Voice
    sound: SpeechState


@dataclass(frozen=True)
class Text:
    """Ids to say and the lengths of their units; `closes` the utterance or does not."""

    ids: tuple[int, ...] = ()
    lengths: tuple[float, ...] = ()
    closes: bool = False


@dataclass(frozen=True)
class Utterance:
    """What was said of one piece of text; where it begins, counted over the reply."""

    alignment: Alignment
    first_unit: int
    first_code: int
    n_codes: int = 0

    def now(self, speaking: Speaking) -> Utterance:
        """The same, further on."""
        return replace(self, alignment=speaking.alignment, n_codes=speaking.n_codes)


@dataclass(frozen=True, eq=False)
class MouthState:
    """A reply being spoken.

    Args:
        start: the talker before any text; every utterance begins with it.
        waiting: text not yet given to the talker.
        speaking: the utterance being said.
        utterances: all that began, the one being said included.
        sound: of the audio decoder.
        n_samples: samples given out.
        last_unit: which the last of them speaks.
    """

    start: Speaking
    sound: SpeechState
    waiting: tuple[Text, ...] = ()
    speaking: Speaking | None = None
    utterances: tuple[Utterance, ...] = ()
    n_samples: int = 0
    last_unit: int = 0

    @property
    def idle(self) -> bool:
        """Whether everything that was closed is said and given out."""
        return self.speaking is None and not self.waiting

    @property
    def n_codes(self) -> int:
        """Codec codes said."""
        return sum(utterance.n_codes for utterance in self.utterances)

    def over(self) -> MouthState:
        """Where nothing more will be said: what is left, in little memory, tells what was heard."""
        sound = Silence(self.sound.timeline)
        return replace(self, sound=sound, waiting=(), speaking=None)

    @property
    def wants_text(self) -> bool:
        """Whether nothing more can be said without text, or without a piece being closed."""
        if self.waiting:
            return False
        return self.speaking is None or self.speaking.wants_text


class Mouth:
    """Speaks with one talker and one audio decoder. Holds nothing of a reply."""

    def __init__(self, speaker: Speaker, decoder: Detokenizer, whole_pieces: bool = False) -> None:
        """`whole_pieces` for a decoder that makes sound only at the end of a piece (v1)."""
        self.speaker, self.decoder, self.whole_pieces = speaker, decoder, whole_pieces

    @property
    def rate_hz(self) -> int:
        """Sample rate of what is spoken."""
        return self.decoder.rate_hz

    def prepare(self, prompt: VoicePrompt, seed: int = 0, speed: float = 1.0) -> ReadyVoice:
        """Read a voice's prompt; see `Detokenizer.open` for seed and speed."""
        mel = prompt.mel if len(prompt.mel) else None
        decoder = DecoderPrompt(prompt.flow_speaker, tuple(prompt.flow_codes.tolist()), mel)
        return ReadyVoice(self.speaker.voice(prompt), self.decoder.open(decoder, seed, speed))

    def begin(
        self, ready: ReadyVoice, thinker: Tensor | None = None, sampling: Sampling = SAMPLING
    ) -> MouthState:
        """Before the first word of a reply; see `Speaker.begin`."""
        return MouthState(self.speaker.begin(ready.voice, thinker, sampling), ready.sound)

    def feed(
        self, ids: Sequence[int], state: MouthState, lengths: Sequence[float] | None = None
    ) -> MouthState:
        """More text of the present piece; see `Speaker.feed`."""
        if lengths is None:
            lengths = [syllables(self.speaker.piece(token)) for token in ids]
        text = Text(tuple(ids), tuple(lengths))
        return replace(state, waiting=(*state.waiting, text))

    def close(self, state: MouthState) -> MouthState:
        """The present piece is complete; what is fed next is another."""
        return replace(state, waiting=(*state.waiting, Text(closes=True)))

    def step(self, state: MouthState) -> tuple[list[AudioDelta], MouthState]:
        """Say the next speech token; gives the sound that is complete, if any.

        Nothing is lost when text is wanted: the step prefills what there is.
        """
        state = self._given(state)
        if state.speaking is None:
            return [], state
        spoken, speaking = self.speaker.step(state.speaking)
        state = _now(speaking, state)
        deltas: list[AudioDelta] = []
        if spoken:
            pcm, sound = self.decoder.push(spoken.codes, state.sound)
            deltas, state = self._given_out(pcm, replace(state, sound=sound))
        if speaking.finished:
            state = self._given(replace(state, speaking=None))
            if self.whole_pieces or state.idle:
                rest, state = self.flush(state)
                deltas += rest
        return deltas, state

    def flush(self, state: MouthState) -> tuple[list[AudioDelta], MouthState]:
        """The sound of all that was said, where the decoder still waits for more to come.

        Comes by itself after the last piece; for a reply whose text takes long to come.
        """
        pcm, sound = self.decoder.flush(state.sound)
        return self._given_out(pcm, replace(state, sound=sound))

    def heard(self, n_samples: int, state: MouthState) -> int:
        """How many units of text were heard to the end in the first n_samples.

        Raises:
            ValueError: more samples than were given out.
        """
        if not 0 <= n_samples <= state.n_samples:
            raise ValueError(f"{n_samples} samples are beyond the {state.n_samples} spoken")
        if n_samples == 0:
            return 0
        timeline = state.sound.timeline
        over = n_samples >= timeline.n_samples
        n_codes = timeline.n_codes if over else timeline.code_at(n_samples)
        utterance = _utterance_at(max(0, n_codes - 1), state)
        return utterance.first_unit + utterance.alignment.heard(n_codes - utterance.first_code)

    def _given(self, state: MouthState) -> MouthState:
        """The state after the talker took the text that is its turn to take."""
        while state.waiting and not (state.speaking and state.speaking.ended):
            text, waiting = state.waiting[0], state.waiting[1:]
            state = replace(state, waiting=waiting)
            if state.speaking is None:
                if text.closes:
                    continue
                state = self._opened(state)
            assert state.speaking is not None
            if text.closes:
                speaking = self.speaker.end(state.speaking)
            else:
                speaking = self.speaker.feed(text.ids, state.speaking, text.lengths)
            state = _now(speaking, state)
        return state

    def _opened(self, state: MouthState) -> MouthState:
        """A new utterance, at the tempo of those before."""
        n, first_unit, first_code, tempo = len(state.utterances), 0, 0, state.start.alignment.tempo
        if n:
            last = state.utterances[-1]
            first_unit = last.first_unit + len(last.alignment.ends)
            first_code, tempo = last.first_code + last.n_codes, last.alignment.learned()
        alignment = Alignment(tempo)
        seed = state.start.sampling.seed * _SEEDS_A_REPLY + n
        sampling = replace(state.start.sampling, seed=seed)
        return replace(
            state,
            speaking=replace(state.start, alignment=alignment, sampling=sampling),
            utterances=(*state.utterances, Utterance(alignment, first_unit, first_code)),
        )

    def _given_out(self, pcm: Pcm, state: MouthState) -> tuple[list[AudioDelta], MouthState]:
        """pcm [n] cut where another unit begins, to a code's length."""
        deltas: list[AudioDelta] = []
        first, unit, start = state.n_samples, state.last_unit, 0
        for at in range(0, len(pcm), self.rate_hz // CODES_HZ):
            here = _unit_at(state.sound.timeline.code_at(first + at), state)
            if here > unit:
                if at > start:
                    deltas.append(AudioDelta(pcm[start:at], unit))
                unit, start = here, at
        if len(pcm) > start:
            deltas.append(AudioDelta(pcm[start:], unit))
        return deltas, replace(state, n_samples=first + len(pcm), last_unit=unit)


def read_aloud(
    mouth: Mouth, ready: ReadyVoice, pieces: Sequence[str], sampling: Sampling = SAMPLING
) -> Iterator[AudioDelta]:
    """Plain text to speech, no thinker: pieces as `cut_text` gives them."""
    state = mouth.begin(ready, sampling=sampling)
    for piece in pieces:
        state = mouth.close(mouth.feed(mouth.speaker.encode(piece), state))
    while not state.idle:
        deltas, state = mouth.step(state)
        yield from deltas


def _now(speaking: Speaking, state: MouthState) -> MouthState:
    utterances = (*state.utterances[:-1], state.utterances[-1].now(speaking))
    return replace(state, speaking=speaking, utterances=utterances)


def _utterance_at(code: int, state: MouthState) -> Utterance:
    starts = [utterance.first_code for utterance in state.utterances]
    return state.utterances[max(0, bisect_right(starts, code) - 1)]


def _unit_at(code: int, state: MouthState) -> int:
    utterance = _utterance_at(code, state)
    return utterance.first_unit + utterance.alignment.token_at(code - utterance.first_code)
