"""Single keys from the terminal, as they are pressed."""

from __future__ import annotations

import asyncio
import codecs
import contextlib
import os
import sys
from collections.abc import Callable, Iterator

try:
    import termios
    import tty
except ImportError:  # not a Unix: no keys
    termios = None  # type: ignore[assignment]


@contextlib.contextmanager
def keys_pressed(on_key: Callable[[str], None]) -> Iterator[bool]:
    """Call `on_key` on the event loop for each key while in this block; Ctrl-C stays Ctrl-C.

    Gives whether there are keys at all: not where the input is no terminal.
    """
    if termios is None or not sys.stdin.isatty():
        yield False
        return
    loop, terminal = asyncio.get_running_loop(), sys.stdin.fileno()
    decoder = codecs.getincrementaldecoder("utf-8")("replace")  # a letter may come in pieces
    before = termios.tcgetattr(terminal)

    def read() -> None:
        pressed = os.read(terminal, 64)
        if not pressed:  # the terminal was closed
            loop.remove_reader(terminal)
        for key in decoder.decode(pressed):
            on_key(key)

    tty.setcbreak(terminal)
    loop.add_reader(terminal, read)
    try:
        yield True
    finally:
        loop.remove_reader(terminal)
        termios.tcsetattr(terminal, termios.TCSADRAIN, before)
