"""A line typed at a terminal that tells every key: from Enter to Enter."""

from __future__ import annotations

from collections.abc import Callable

ENTER, ERASE, ESCAPE = "\r\n", "\x7f\b", "\x1b"


class TypedLine:
    """Collects a line; the keys in it mean nothing else.

    Args:
        show: shows what was typed so far, None where nothing is typed any more.
        take: is given the whole line, unless it is empty.
    """

    def __init__(self, show: Callable[[str | None], None], take: Callable[[str], None]) -> None:
        self._show = show
        self._take = take
        self._typed: str | None = None

    def press(self, key: str) -> bool:
        """Take a key; False where it is none of the line's."""
        if self._typed is None:
            if key not in ENTER:
                return False
            self._typed = ""
        elif key in ENTER:
            self._end(self._typed.strip())
        elif key == ESCAPE:
            self._end("")
        elif key in ERASE:
            self._typed = self._typed[:-1]
        elif key.isprintable():
            self._typed += key
        self._show(self._typed)
        return True

    def _end(self, line: str) -> None:
        self._typed = None
        if line:
            self._take(line)
