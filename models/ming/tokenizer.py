"""Token ids of a checkpoint folder's own tokenizer files; special tokens are looked up by name."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from tokenizers import AddedToken, Tokenizer

from .checkpoint import CheckpointError
from .prompt import Mark, Part
from .talker_layout import TOKEN_NAMES

_UNFINISHED = "\ufffd"  # what is shown of a character of which only some bytes are there
_MAX_HELD = 8  # tokens; more never make one character


@dataclass(frozen=True)
class Decoding:
    """The tail of what was decoded: `shown` tokens give context, `held` show nothing yet."""

    shown: tuple[int, ...] = ()
    held: tuple[int, ...] = ()


class TextTokenizer:
    """Text ↔ ids of one tokenizer."""

    def __init__(self, tokenizer: Tokenizer, origin: str) -> None:
        marks = [m for m in MARKS if tokenizer.token_to_id(m) is not None]
        tokenizer.add_special_tokens([AddedToken(m, special=True) for m in marks])
        tokenizer.encode_special_tokens = True  # names of marks in a text are plain text
        self._tokenizer, self.origin = tokenizer, origin

    @classmethod
    def from_folder(cls, folder: Path | str) -> TextTokenizer:
        """Read `tokenizer.json`, or what else the folder has that transformers can read.

        Raises:
            CheckpointError: there is none, or it cannot be used.
        """
        folder = Path(folder)
        path = folder / "tokenizer.json"
        if not path.is_file():
            return cls(_through_transformers(folder), str(folder))
        try:
            tokenizer = Tokenizer.from_file(str(path))
        except Exception as error:  # tokenizers raises bare Exception for any bad file
            raise CheckpointError(f"{path} is not a readable tokenizer: {error}") from None
        _add_configured(tokenizer, folder / "tokenizer_config.json")
        return cls(tokenizer, str(path))

    @property
    def n_tokens(self) -> int:
        """One more than the largest id."""
        return max(self._tokenizer.get_vocab(with_added_tokens=True).values()) + 1

    def id_of(self, name: str) -> int | None:
        """The id of one token by its exact name."""
        number = self._tokenizer.token_to_id(name)
        return None if number is None else int(number)

    def encode(self, text: str) -> list[int]:
        """Ids of plain words."""
        return list(self._tokenizer.encode(text, add_special_tokens=False).ids)

    def encode_parts(self, parts: Iterable[Part]) -> list[int]:
        """Ids of a piece of the prompt.

        Raises:
            CheckpointError: the tokenizer lacks a mark.
        """
        ids: list[int] = []
        for part in parts:
            if not isinstance(part, Mark):
                ids += self.encode(part.text)
                continue
            number = self.id_of(part.name)
            if number is None:
                raise CheckpointError(f"{self.origin} lacks the token {part.name}")
            ids += [number] * part.n
        return ids

    def decode(self, ids: Sequence[int]) -> str:
        """Words of ids; special tokens say nothing."""
        return str(self._tokenizer.decode(list(ids), skip_special_tokens=True))

    def step(self, token: int, state: Decoding) -> tuple[str, Decoding]:
        """One more token → the text it completes, and what to hand to the next call.

        All texts together, with that of `rest` at the end, are `decode` of all tokens.
        """
        held = (*state.held, token)
        text = self._after(state.shown, held)
        if not text or (text.endswith(_UNFINISHED) and len(held) < _MAX_HELD):
            return "", Decoding(state.shown, held)
        return text, Decoding(held)

    def rest(self, state: Decoding) -> str:
        """What was held back for a character that was never finished."""
        return self._after(state.shown, state.held)

    def _after(self, shown: tuple[int, ...], held: tuple[int, ...]) -> str:
        return self.decode([*shown, *held])[len(self.decode(shown)) :]


@dataclass(frozen=True)
class ThinkerIds:
    """Ids of the marks in a thinker's prompt."""

    eos: int
    role: int
    role_end: int
    audio: int
    audio_end: int
    audio_patch: int
    image: int
    image_end: int
    image_patch: int
    video: int
    video_end: int

    @classmethod
    def of(cls, tokenizer: TextTokenizer) -> ThinkerIds:
        """Look every mark up by its name.

        Raises:
            CheckpointError: names the tokens that the tokenizer lacks.
        """
        found = {field.name: tokenizer.id_of(NAMES[field.name]) for field in fields(cls)}
        missing = [NAMES[field] for field, number in found.items() if number is None]
        if missing:
            raise CheckpointError(f"{tokenizer.origin} lacks the tokens {', '.join(missing)}")
        return cls(**{field: number for field, number in found.items() if number is not None})

    @property
    def stops(self) -> frozenset[int]:
        """Tokens after which the reply is over: the end of text, or another's turn."""
        return frozenset({self.eos, self.role})


NAMES = {
    "eos": "<|endoftext|>",
    "role": "<role>",
    "role_end": "</role>",
    "audio": "<audio>",
    "audio_end": "</audio>",
    "audio_patch": "<audioPatch>",
    "image": "<image>",
    "image_end": "</image>",
    "image_patch": "<imagePatch>",
    "video": "<video>",
    "video_end": "</video>",
}
MARKS = (*NAMES.values(), *TOKEN_NAMES.values())
"""Marks of thinker and talker; what a person wrote never becomes one, whatever the files say."""


def _add_configured(tokenizer: Tokenizer, path: Path) -> None:
    """Give the tokenizer the added tokens that only `tokenizer_config.json` names."""
    if not path.is_file():
        return
    try:
        config: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise CheckpointError(f"{path} cannot be read: {error}") from None
    added = config.get("added_tokens_decoder") or {}
    for number, token in sorted(added.items(), key=lambda pair: int(pair[0])):
        name = token["content"]
        if tokenizer.token_to_id(name) is None:
            tokenizer.add_tokens([AddedToken(name, special=token.get("special", True))])
        if tokenizer.token_to_id(name) != int(number):
            raise CheckpointError(
                f"{path} gives {name} the id {number}, the tokenizer "
                f"{tokenizer.token_to_id(name)}: the files do not belong together"
            )


def _through_transformers(folder: Path) -> Tokenizer:
    """Other layouts than tokenizer.json, such as vocab.json with merges.txt."""
    if not any((folder / name).is_file() for name in ("vocab.json", "tokenizer.model")):
        raise CheckpointError(f"there is no tokenizer in {folder}")
    from transformers import AutoTokenizer

    try:
        loaded = AutoTokenizer.from_pretrained(str(folder), local_files_only=True)
        tokenizer = loaded.backend_tokenizer
    except Exception as error:  # its errors have no common class
        raise CheckpointError(f"the tokenizer in {folder} cannot be read: {error}") from None
    assert isinstance(tokenizer, Tokenizer)
    return tokenizer
