"""Speech BPE: codec codes ↔ the fewer, longer speech tokens the talker speaks in.

Every codec code (0..4095 at 50 Hz) is written as one character, and a text BPE over these
characters merges codes that often follow each other: one speech token stands for one or more
codes.

    codes 10 30 15 2 24  →  characters 倷倕借俱們  →  tokens  [倷倕借] [俱們]

Source: checkpoint folder `talker/s3_bpe/` (`tokenizer.json`, `char_mapping.txt`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from tokenizers import Tokenizer

from .checkpoint import CheckpointError

SpeechBpeState = tuple[int, ...]
"""Tokens taken in that do not yet make whole characters; empty at the start of every reply."""

_UNFINISHED = "\ufffd"  # what a byte-level BPE shows of a character cut in two
_MAX_HELD = 4  # tokens; no UTF-8 character is longer than four bytes


class SpeechBpe:
    """Both directions, and token by token. Holds no state of a reply."""

    def __init__(self, tokenizer: Tokenizer, character_of: Mapping[int, str]) -> None:
        self._tokenizer = tokenizer
        self._character_of = dict(character_of)
        self._code_of = {character: code for code, character in character_of.items()}
        self._known: dict[SpeechBpeState, tuple[int, ...] | None] = {}

    @classmethod
    def load(cls, tokenizer_json: Path | str, char_mapping: Path | str) -> SpeechBpe:
        """Read the two files.

        Raises:
            CheckpointError: one is missing or not what it should be.
        """
        for path in (tokenizer_json, char_mapping):
            if not Path(path).is_file():
                raise CheckpointError(f"there is no speech BPE file {path}")
        try:
            tokenizer = Tokenizer.from_file(str(tokenizer_json))
        except Exception as error:  # tokenizers raises bare Exception for any bad file
            raise CheckpointError(
                f"{tokenizer_json} is not a readable tokenizer: {error}"
            ) from None
        return cls(tokenizer, _read_mapping(Path(char_mapping)))

    @property
    def n_tokens(self) -> int:
        """Speech tokens in the vocabulary."""
        return self._tokenizer.get_vocab_size()

    def encode(self, codes: Sequence[int]) -> list[int]:
        """Codec codes → speech tokens, as many or fewer.

        Raises:
            ValueError: a code that the mapping does not know.
        """
        strange = [code for code in codes if code not in self._character_of]
        if strange:
            raise ValueError(f"the speech BPE knows no codec code {strange[0]}")
        written = "".join(self._character_of[code] for code in codes)
        return list(self._tokenizer.encode(written, add_special_tokens=False).ids)

    def decode(self, tokens: Sequence[int]) -> list[int]:
        """Speech tokens → codec codes; the same as `step` over all of them."""
        codes: list[int] = []
        state: SpeechBpeState = ()
        for token in tokens:
            more, state = self.step(token, state)
            codes += more
        return codes

    def step(
        self, token: int, state: SpeechBpeState = ()
    ) -> tuple[tuple[int, ...], SpeechBpeState]:
        """One more token → the codes it completes, and what to hand to the next call.

        A token that stands for no code (a special one, or beyond the vocabulary) gives none.
        """
        held = (*state, token)
        codes = self._codes(held)
        if codes is None and len(held) < _MAX_HELD:
            return (), held
        return codes or (), ()

    def _codes(self, tokens: SpeechBpeState) -> tuple[int, ...] | None:
        """The codes of a few tokens; None where they end inside a character."""
        if tokens not in self._known:
            written = self._tokenizer.decode(list(tokens), skip_special_tokens=True)
            characters = [c for c in written if c in self._code_of]
            codes = tuple(self._code_of[c] for c in characters)
            self._known[tokens] = None if written.endswith(_UNFINISHED) else codes
        return self._known[tokens]


def _read_mapping(path: Path) -> dict[int, str]:
    """`char_mapping.txt`: one line a code, "code<TAB>character"."""
    mapping: dict[int, str] = {}
    for number, line in enumerate(path.read_text(encoding="utf-8").split("\n"), start=1):
        if not line.strip():
            continue
        code, tab, character = line.rstrip("\r").partition("\t")
        if not (tab and code.strip().isdecimal() and len(character) == 1):
            raise CheckpointError(f"{path}, line {number}: not a code, a tab and one character")
        mapping[int(code)] = character
    if len(set(mapping.values())) != len(mapping) or not mapping:
        raise CheckpointError(f"{path} does not give every code a character of its own")
    return mapping
