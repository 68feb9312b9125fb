"""What the model is asked to do, as text: transcribe, answer, think first, in which dialect.

The family has no task or language tokens: a task is a sentence beside the sound. A spoken
question needs none, and reading aloud is the talker's own work, without a prompt.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

TRANSCRIBE = (
    "Please recognize the language of this speech and transcribe it. Format: oral."
)  # the prompt of the published recognition figures; the answer is "Chinese<TAB>transcript"

THINK = (
    "Before you answer, reason step by step between <thinking> and </thinking>; then give the "
    "answer alone between <answer> and </answer>."
)

AUTO = "auto"
HINTS = {
    "mandarin": "请用普通话回答。",
    "cantonese": "请用粤语回答。",
    "sichuanese": "请用四川话回答。",
    "shanghainese": "请用上海话回答。",
    "minnan": "请用闽南话回答。",
    "english": "Please answer in English.",
}
LANGUAGES = (AUTO, *HINTS)

SPOKEN = {
    "mandarin": "Mandarin",
    "cantonese": "Cantonese",
    "sichuanese": "Sichuanese",
    "shanghainese": "Shanghainese",
    "minnan": "Minnan",
    "english": "English",
}

_NAMES = {
    "chinese": "mandarin",
    "mandarin": "mandarin",
    "中文": "mandarin",
    "普通话": "mandarin",
    "cantonese": "cantonese",
    "yue": "cantonese",
    "粤语": "cantonese",
    "广东话": "cantonese",
    "sichuanese": "sichuanese",
    "sichuan": "sichuanese",
    "四川话": "sichuanese",
    "shanghainese": "shanghainese",
    "shanghai": "shanghainese",
    "wu": "shanghainese",
    "上海话": "shanghainese",
    "minnan": "minnan",
    "hokkien": "minnan",
    "闽南语": "minnan",
    "闽南话": "minnan",
    "english": "english",
    "英语": "english",
}
LONGEST_NAME = 32  # characters; a longer first field is no language


def dialect_hint(language: str) -> str:
    """The sentence that asks for an answer in a language or dialect; empty for `auto`.

    Raises:
        ValueError: not one of LANGUAGES.
    """
    _check(language)
    return HINTS.get(language, "")


def transcription_prompt(language: str = AUTO) -> str:
    """What stands before the sound to be written down, with what is known of its language.

    Raises:
        ValueError: not one of LANGUAGES.
    """
    _check(language)
    known = f" The speech is in {SPOKEN[language]}." if language != AUTO else ""
    return TRANSCRIBE + known


def thinking_instructions(instructions: str = "") -> str:
    """The system text that asks for reasoning before the answer."""
    return f"{instructions} {THINK}" if instructions else THINK


def _check(language: str) -> None:
    if language not in LANGUAGES:
        raise ValueError(f"no language {language!r}: {', '.join(LANGUAGES)}")


def language_of(name: str) -> str:
    """One of LANGUAGES for a language's name as the model writes it, else the name itself."""
    plain = re.sub(r"\s*(dialect|language|方言)$", "", name.strip().casefold())
    return _NAMES.get(plain, plain)


@dataclass(frozen=True)
class Transcribing:
    """A transcript that is being written: what waits for the tab after the language."""

    waiting: str | None = ""
    language: str | None = None


def transcribe_step(delta: str, state: Transcribing) -> tuple[str, Transcribing]:
    """The next characters of the model's answer → those of the transcript; learns the language.

    An answer without a language in front is transcript from its first character on.
    """
    if state.waiting is None:
        return delta, state
    waiting = state.waiting + delta
    name, tab, text = waiting.partition("\t")
    if tab and len(name) <= LONGEST_NAME:
        return text, Transcribing(None, language_of(name) or None)
    if len(waiting) > LONGEST_NAME:
        return waiting, Transcribing(None)
    return "", replace(state, waiting=waiting)


def parse_transcript(answer: str) -> tuple[str, str | None]:
    """A whole answer as (transcript, language); the language is None where none was named."""
    text, state = transcribe_step(answer, Transcribing())
    return (text + (state.waiting or "")).strip(), state.language


@dataclass(frozen=True)
class Thinking:
    """Where an answer with reasoning stands: `hidden` inside the tags, `waiting` maybe a tag."""

    waiting: str = ""
    hidden: bool = False


TAGS = {"<thinking>": True, "</thinking>": False, "<answer>": False, "</answer>": False}


def spoken_step(delta: str, state: Thinking) -> tuple[str, Thinking]:
    """The next characters of a reply → those for the listener: no reasoning, no tags.

    The result depends on the text only, never on how it came in deltas; `state.waiting` is left
    to say when the reply is over.
    """
    text, hidden, said = state.waiting + delta, state.hidden, ""
    while text:
        at = text.find("<")
        plain, text = (text, "") if at < 0 else (text[:at], text[at:])
        said += "" if hidden else plain
        tag = next((tag for tag in TAGS if text.startswith(tag)), None)
        if tag is not None:
            hidden, text = TAGS[tag], text[len(tag) :]
        elif text and any(tag.startswith(text) for tag in TAGS):
            break
        elif text:
            said, text = said + ("" if hidden else text[0]), text[1:]
    return said, Thinking(text, hidden)
