"""nano's text: tokens and the shape of a turn.

<bos> <user> …heard… <act> action line <rep> reply words <eos> <user> …
                    └ or <asr> transcript <act> …
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from tokenizers import Tokenizer

from .confirming import CONFIRM
from .domain import INTENTS
from .languages import is_hanzi, spaced, split

FILE = Path(__file__).with_name("tokenizer.json")
SPECIALS = ("<pad>", "<bos>", "<user>", "<asr>", "<act>", "<rep>", "<eos>", "<result>")
PAD, BOS, USER, ASR, ACT, REP, EOS, RESULT = range(len(SPECIALS))

SHORT_WORDS = frozenset(
    "a an as at by do go hi i if in is it me my no of ok on or so to up we".split()
)
"""Tokens of one or two letters that are words; the others are beginnings of words."""


class Text:
    """The tokenizer with the ids the models need by name."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        self._tokenizer = tokenizer
        found = [tokenizer.token_to_id(s) for s in SPECIALS]
        if found != list(range(len(SPECIALS))):
            raise ValueError("the tokenizer's special tokens are not nano's")
        added = tokenizer.get_added_tokens_decoder()
        self.n_special = max(added) + 1
        self.intents = slice(len(SPECIALS), len(SPECIALS) + len(INTENTS))
        self.vocabulary = tokenizer.get_vocab_size()

    @classmethod
    @lru_cache(maxsize=1)
    def shipped(cls) -> Text:
        return cls(Tokenizer.from_file(str(FILE)))

    def encode(self, words: str) -> list[int]:
        """Token ids of plain words."""
        return self._tokenizer.encode(words, add_special_tokens=False).ids

    def encode_next(self, word: str, before: str | None) -> list[int]:
        """Token ids of a word of its own that follows another, as in the whole sentence."""
        tokens = self.encode(word)
        if before is not None and not spaced(word, before).startswith(" "):
            return tokens[1:]  # the space, which stands alone before a hanzi
        return tokens

    def decode(self, tokens: list[int]) -> str:
        """Words of token ids; special tokens say nothing."""
        return self._tokenizer.decode(tokens, skip_special_tokens=True).strip()

    def knows(self, words: str) -> bool:
        """Whether each of the words is common enough to be a token of its own. What nano reads
        out of a cough or a murmur mostly is not: it is the beginnings of words."""
        return all(is_hanzi(word) or self._knows(word) for word in split(words))

    def _knows(self, word: str) -> bool:
        return len(self.encode(word)) == 1 and (len(word) > 2 or word in SHORT_WORDS)

    def encode_word(self, word: str) -> list[int]:
        """Token ids of one word, as the voice takes them: a hanzi alone is one token."""
        tokens = self.encode(word)
        return tokens[-1:] if is_hanzi(word) else tokens

    def encode_action(self, line: str) -> list[int]:
        """Token ids of an action line: the intent's own token, then the slot words.

        `confirm`, which begins a line that is only asked for, has its own token too.
        """
        intent, _, slots = line.partition(" ")
        if intent == CONFIRM:
            return [self._mark(CONFIRM), *self.encode_action(slots)]
        return [self.intent_id(intent), *self.encode(slots)]

    def encode_reply(self, words: str) -> list[int]:
        """Token ids of a reply; its `<result>` slot becomes one token."""
        return self.encode(words)

    def starts_word(self, token: int) -> bool:
        """Whether a token begins a new word; a hanzi is a word of its own."""
        piece = self._tokenizer.id_to_token(token)
        return piece.startswith("\u2581") or is_hanzi(piece[:1])

    def intent_name(self, token: int) -> str:
        """The intent of an intent token."""
        return str(self._tokenizer.id_to_token(token))[1:-1]

    def intent_id(self, intent: str) -> int:
        """An intent's token. Raises ValueError where there is none."""
        return self._mark(intent)

    def language_id(self, language: str) -> int:
        """The token before a reply in `en`, `cmn` or `yue`. Raises ValueError for another."""
        return self._mark(language)

    def _mark(self, name: str) -> int:
        token = self._tokenizer.token_to_id(f"<{name}>")
        if token is None:
            raise ValueError(f"the tokenizer has no token for {name!r}")
        return int(token)
