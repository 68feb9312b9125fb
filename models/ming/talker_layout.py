"""How text and speech lie beside each other in the talker's input, in each release.

Every position is the sum of two embeddings, one of the audio lane and one of the text lane:

    audio   <prompt> </prompt> <thinker_prefix> pad×T </thinker_prefix> <vp> pad </vp> │ BOS s0 s1 …
    text    the same ids ............................................................ │ t0  t1 t2 …
            └ header: replaced are the T rows (thinker states) and the pad of <vp>    ┘ └ lanes
              (speaker vector)

Lane position j carries audio BOS, s0, s1, … and text t0, t1, …; what the model says at lane
position j is s_j. The text is that of the voice prompt, the words to say, TEXT_EOS, then TEXT_PAD
for good; the speech is that of the voice prompt, then what was said. Text therefore runs ahead
of the speech.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from .checkpoint import CheckpointError
from .config import Version

MIN_SPEECH_TOKENS = 10  # before which the releases with a voice prompt do not stop


@dataclass(frozen=True)
class SpecialIds:
    """Ids of the talker's own tokens, in the vocabulary of its tokenizer."""

    audio_bos: int
    audio_eos: int
    audio_pad: int
    text_eos: int
    text_pad: int
    prompt: int
    prompt_end: int
    thinker: int
    thinker_end: int
    voice: int
    voice_end: int

    @classmethod
    def named(cls, id_of: Callable[[str], int | None]) -> SpecialIds:
        """Look every token up by its name.

        Raises:
            CheckpointError: names the tokens that the tokenizer lacks.
        """
        found = {field: id_of(name) for field, name in TOKEN_NAMES.items()}
        missing = [TOKEN_NAMES[field] for field, number in found.items() if number is None]
        if missing:
            raise CheckpointError(f"the talker's tokenizer lacks {', '.join(missing)}")
        return cls(**{field: number for field, number in found.items() if number is not None})


TOKEN_NAMES = {
    "audio_bos": "<audio_bos>",
    "audio_eos": "<audio_eos>",
    "audio_pad": "<audio_pad>",
    "text_eos": "<text_eos>",
    "text_pad": "<text_pad>",
    "prompt": "<prompt>",
    "prompt_end": "</prompt>",
    "thinker": "<thinker_prefix>",
    "thinker_end": "</thinker_prefix>",
    "voice": "<vp>",
    "voice_end": "</vp>",
}


@dataclass(frozen=True)
class Layout:
    """What differs between the releases.

    Args:
        has_prompt: whether speech and text of the voice prompt stand in front of the lanes.
        header_repeats_position: every header position has the id of BOS, as Preview and v1 were
            run by their reference; ids count from 0 otherwise.
        min_new_tokens: speech tokens before which the model may not stop.
        header_counts_as_new: the header's length counts towards them (v1's reference), which
            makes the rule void as soon as thinker states are given.
    """

    has_prompt: bool = True
    header_repeats_position: bool = False
    min_new_tokens: int = MIN_SPEECH_TOKENS
    header_counts_as_new: bool = False

    def header(self, ids: SpecialIds, n_thinker: int) -> list[int]:
        """Ids of the header [7 + n_thinker], without BOS."""
        return [
            ids.prompt,
            ids.prompt_end,
            ids.thinker,
            *[ids.audio_pad] * n_thinker,
            ids.thinker_end,
            ids.voice,
            ids.audio_pad,
            ids.voice_end,
        ]

    def positions(self, start: int, end: int, n_header: int) -> list[int]:
        """Rotary positions of the input positions start .. end - 1; BOS stands at n_header."""
        if not self.header_repeats_position:
            return list(range(start, end))
        return [max(position, n_header) for position in range(start, end)]

    def may_stop(self, n_new: int, n_header: int) -> bool:
        """Whether the model may stop after n_new speech tokens of its own."""
        if self.header_counts_as_new:
            return n_header + 1 + n_new > self.min_new_tokens
        return n_new >= self.min_new_tokens


FIRST_THINKER_ROW = 3
SPEAKER_ROW_AFTER_THINKER = 5  # header row of the speaker vector, less the number of thinker rows

LAYOUTS: dict[Version, Layout] = {
    "preview": Layout(has_prompt=False, header_repeats_position=True, min_new_tokens=0),
    "v1": Layout(header_repeats_position=True, header_counts_as_new=True),
    "v1.5": Layout(),
}
