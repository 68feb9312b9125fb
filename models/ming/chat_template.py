"""Whole prompts as strings, exactly as each release's own template writes them.

    <role>HUMAN</role>…<role>ASSISTANT</role>…<role>HUMAN</role>…<role>ASSISTANT</role>
                      └ contents of a message without separators ┘

No token ends a turn; generation stops at <|endoftext|>. The template writes one slot for a sound
or picture, which `expand` fills with as many placeholder tokens as it has positions. A dialogue
does not use these strings but the pieces of prompt.py, whose text is the same.
Behaviour: tests/reference/ming, `chat_template_*.json`.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any, Literal

from .config import Version

Kind = Literal["audio", "image", "video"]
KINDS: tuple[Kind, ...] = ("audio", "image", "video")
PATCH = {"audio": "<audioPatch>", "image": "<imagePatch>", "video": "<imagePatch>"}
MERGE = 2  # patches a side that become one position


def role(name: str) -> str:
    """The mark before a turn; roles are HUMAN and ASSISTANT, in some files SYSTEM."""
    return f"<role>{name}</role>"


def slot(kind: Kind, version: Version) -> str:
    """What stands for a sound, picture or video before it is expanded."""
    return f"<{kind.upper()}>" if version == "v1.5" else f"<{kind}>"


def render(
    messages: Sequence[Mapping[str, Any]],
    version: Version,
    add_generation_prompt: bool = True,
    system_template: str | None = None,
) -> str:
    """The prompt of messages {"role": "HUMAN" or "ASSISTANT", "content": [items]}.

    Args:
        messages: items are {"type": kind or "text", kind or "text": …}; an item may hold a list.
        version: release of the checkpoint.
        add_generation_prompt: whether the assistant is asked to speak.
        system_template: what stands in place of the first human mark.
    """
    text = role("HUMAN") if system_template is None else system_template
    for message in messages:
        content = _content(message["content"], version)
        if message["role"] == "ASSISTANT":
            text += f"{role('ASSISTANT')}{content}{role('HUMAN')}"
        elif message["role"] == "HUMAN":
            text += content
        else:
            raise ValueError(f"no such role: {message['role']}")
    return text + (role("ASSISTANT") if add_generation_prompt else "")


def _content(items: Sequence[Mapping[str, Any]], version: Version) -> str:
    """Items one after the other; a slot written out in a text replaces an item's own."""
    written = "".join(item["text"] for item in items if item["type"] == "text")
    taken = {kind: written.count(f"<{kind}>") for kind in KINDS}
    text = ""
    for item in items:
        kind = item["type"]
        if kind == "text":
            text += item["text"]
            continue
        n = len(item[kind]) if isinstance(item[kind], (list, tuple)) else 1
        used = min(n, taken[kind])
        taken[kind] -= used
        text += "\n".join([slot(kind, version)] * (n - used))
    return text


def expand(prompt: str, version: Version, kind: Kind, lengths: Sequence[int]) -> str:
    """The prompt with its slots of one kind filled, the i-th by lengths[i] placeholders.

    A sound without a slot goes to the end, as in the reference.
    """
    left = list(lengths)

    def fill(match: re.Match[str]) -> str:
        return placeholders(kind, left.pop(0)) if left else match[0]

    prompt = re.sub(re.escape(slot(kind, version)), fill, prompt)
    end = "\n" if kind == "audio" else ""
    return prompt + "".join(placeholders(kind, n) + end for n in left)


def placeholders(kind: Kind, n: int) -> str:
    """One sound, picture or video of n positions; only the sound has no line break."""
    return f"<{kind}>{PATCH[kind] * n}</{kind}>" + ("" if kind == "audio" else "\n")


def grid_length(grid: Sequence[int]) -> int:
    """Positions of a picture or video of (frames, rows, columns) patches."""
    return math.prod(grid) // MERGE**2
