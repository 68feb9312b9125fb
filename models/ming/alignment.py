"""Which word is being heard: an estimate, since the talker does not say.

Text runs ahead of speech in the talker: one text token is fed with every speech token, far more
than are spoken in that time, so the position of a text token says nothing of when it sounds. What
is known is how long things take to say. Every text token gets a length in syllables (`syllables`),
a tempo in codes a syllable, and the words follow each other at that tempo:

    syllables   |  ni  |  hao  | , |   shi   |   jie    |
    codes       0      10      20  25        35         45      (tempo 10)

While an utterance is being made, the tempo is that of the voice's prompt and of the utterances
before. When it is finished, its number of codes is known and divided over its text, from first
to last; what was estimated before is then estimated anew. The truncation of a reply should use
this: an utterance is generated faster than it is heard, so most are finished when cut.

The estimate is exact at both ends of a finished utterance. Inside it errs by the difference of
real and average tempo. Measured on nano's voice, whose words have known ends (ten English sentences
of 1.3 to 4.5 s): half of all word ends within 0.1 s, nine of ten within 0.35 s; while the utterance
is being made within 0.2 s and 1.0 s. Ming's own voices may differ.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass, replace
from itertools import accumulate

PAUSES = {"，": 0.5, "、": 0.5, ",": 0.5, "；": 1.0, ";": 1.0, "：": 0.5, ":": 0.5} | {
    mark: 1.5 for mark in "。！？.!?…\n"
}
LETTERS_A_SYLLABLE = 3.0
UNREADABLE = 0.5  # a token that is a part of one character: two or three make a syllable
MIN_TEMPO, MAX_TEMPO = 4.0, 30.0


def syllables(piece: str) -> float:
    """Length of a piece of text when spoken, pauses included, in syllables."""
    return sum(_length(character) for character in piece)


def _length(character: str) -> float:
    if character in PAUSES:
        return PAUSES[character]
    if character == "\ufffd":
        return UNREADABLE
    if character.isdigit():
        return 1.0
    if not character.isalpha():
        return 0.0
    wide = "\u3040" <= character <= "\ud7ff" or "\uf900" <= character <= "\ufaff"
    return 1.0 if wide or character >= "\U00020000" else 1 / LETTERS_A_SYLLABLE


@dataclass(frozen=True)
class Tempo:
    """What was measured of a voice: so many codes for so many syllables.

    It starts from five syllables a second (10 codes of 20 ms each), which a few spoken syllables
    outweigh.
    """

    n_codes: float = 40.0
    n_syllables: float = 4.0

    @property
    def codes_a_syllable(self) -> float:
        """Kept within what a voice can do, whatever was measured."""
        return min(MAX_TEMPO, max(MIN_TEMPO, self.n_codes / self.n_syllables))

    def measured(self, n_codes: int, n_syllables: float) -> Tempo:
        """With one more utterance."""
        return Tempo(self.n_codes + n_codes, self.n_syllables + n_syllables)


@dataclass(frozen=True)
class Alignment:
    """Text tokens of one utterance against its codes.

    Args:
        tempo: of the voice so far.
        ends: where each token ends, in syllables from the start of the utterance.
        n_codes: codes of the whole utterance, once it is finished.
    """

    tempo: Tempo
    ends: tuple[float, ...] = ()
    n_codes: int | None = None

    def add(self, lengths: Iterable[float]) -> Alignment:
        """More text tokens, their lengths in syllables."""
        start = self.ends[-1] if self.ends else 0.0
        more = tuple(accumulate(lengths, initial=start))[1:]
        return replace(self, ends=self.ends + more)

    def finish(self, n_codes: int) -> Alignment:
        """The utterance is complete with n_codes."""
        return replace(self, n_codes=n_codes)

    def learned(self) -> Tempo:
        """The tempo for the next utterance."""
        if self.n_codes is None or not self.ends:
            return self.tempo
        return self.tempo.measured(self.n_codes, self.ends[-1])

    def token_at(self, code: int) -> int:
        """Number of the text token that code number `code` speaks; 0 where there is no text."""
        return max(0, min(bisect_right(self.ends, code / self._scale), len(self.ends) - 1))

    def heard(self, n_codes: int) -> int:
        """How many text tokens were heard to the end after n_codes.

        The last is only heard when the utterance is finished and heard to its end.
        """
        if self.n_codes is not None and n_codes >= self.n_codes:
            return len(self.ends)
        n = bisect_right(self.ends, n_codes / self._scale) if n_codes > 0 else 0
        return min(n, max(0, len(self.ends) - 1))

    @property
    def _scale(self) -> float:
        """Codes a syllable."""
        if self.n_codes is None or not self.ends or self.ends[-1] <= 0:
            return self.tempo.codes_a_syllable
        return max(self.n_codes, 1) / self.ends[-1]
