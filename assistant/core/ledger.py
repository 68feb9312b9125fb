"""What of one reply was generated, sent and heard, and which words that covers.

    text     [0:"it"] [1:" is"]       [2:" noon"]
    audio    0000000000111111111111111222222222222222222
                                  ^ heard           ^ sent     ^ generated
    heard text: "it is"           (word 2 was not heard to its end)

heard <= sent <= generated, whatever is reported.
"""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass
class Ledger:
    """Counts in samples of the reply's output; tokens are counted over all rounds.

    A reply that waited for tools was made in several rounds; the model counts tokens from 0,
    and truncates, in its last round only.
    """

    generated: int = 0
    sent: int = 0
    heard: int = 0
    complete: bool = False
    round_start: int = 0
    _pieces: list[tuple[int, str]] = field(default_factory=list)
    _ends: dict[int, int] = field(default_factory=dict)
    _next_token: int = 0
    _round_token: int = 0

    @property
    def text(self) -> str:
        """All text generated."""
        return "".join(piece for _, piece in self._pieces)

    def add_text(self, text: str, token_index: int) -> None:
        self._pieces.append((self._token(token_index), text))

    def add_audio(self, n_samples: int, token_index: int) -> None:
        self.generated += n_samples
        self._ends[self._token(token_index)] = self.generated

    def next_round(self) -> None:
        """The model starts to count anew."""
        self.round_start = self.generated
        self._round_token = self._next_token

    def advance(self, sent: int, heard: int) -> None:
        """Take a playout report; nothing ever runs backwards."""
        self.sent = max(self.sent, min(sent, self.generated))
        self.heard = max(self.heard, min(heard, self.sent))

    def heard_text(self, samples: int) -> str:
        """The words whose audio lies wholly within the first `samples`."""
        kept: list[str] = []
        for index, (_, text) in enumerate(self._pieces):
            end = self._end_of(index)
            if end is None or end > samples:
                break
            kept.append(text)
        return "".join(kept)

    def _token(self, token_index: int) -> int:
        token = self._round_token + token_index
        self._next_token = max(self._next_token, token + 1)
        return token

    def _end_of(self, index: int) -> int | None:
        """Where the audio of a piece ends; None where that is not known yet.

        A piece ends when a later token begins to sound, or with the whole reply.
        """
        if index + 1 == len(self._pieces):
            return self.generated if self.complete else None
        after = self._pieces[index + 1][0]
        if not self.complete and not any(token >= after for token in self._ends):
            return None
        return max((end for token, end in self._ends.items() if token < after), default=0)
