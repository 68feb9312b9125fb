"""Prompt pieces, tasks and what is read out of answers."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vivavoce.models.ming import prompt
from vivavoce.models.ming.chat_template import render
from vivavoce.models.ming.tasks import (
    LANGUAGES,
    Thinking,
    Transcribing,
    dialect_hint,
    parse_transcript,
    spoken_step,
    thinking_instructions,
    transcribe_step,
    transcription_prompt,
)


def test_instructions_stand_before_the_first_human_words():
    parts = (*prompt.opening("Be brief."), *prompt.words("hi"), *prompt.reply_opening())
    said = [{"role": "HUMAN", "content": [{"type": "text", "text": "SYSTEM: Be brief.\nhi"}]}]
    assert prompt.as_text(parts) == render(said, "v1.5")


def test_instructions_may_have_a_role_of_their_own():
    text = prompt.as_text(prompt.opening("Be brief.", system_role=True))
    assert text == "<role>SYSTEM</role>Be brief.<role>HUMAN</role>"


def test_a_past_turn_opens_and_closes():
    assert prompt.as_text(prompt.reply("yes")) == "<role>ASSISTANT</role>yes<role>HUMAN</role>"


def test_a_role_the_template_does_not_know_is_an_error():
    with pytest.raises(ValueError, match="no such role: USER"):
        render([{"role": "USER", "content": []}], "v1")


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_language_becomes_text(language):
    assert bool(dialect_hint(language)) == (language != "auto")
    assert transcription_prompt(language).startswith("Please recognize the language")
    assert language == "auto" or language in transcription_prompt(language).lower()


def test_an_unknown_language_is_named():
    for ask in (dialect_hint, transcription_prompt):
        with pytest.raises(ValueError, match="no language 'klingon': auto, mandarin"):
            ask("klingon")


@pytest.mark.parametrize(
    ("answer", "text", "language"),
    [
        ("Chinese\t你好", "你好", "mandarin"),
        ("English\tgood morning", "good morning", "english"),
        ("Sichuan dialect\t要得", "要得", "sichuanese"),
        ("粤语\t早晨", "早晨", "cantonese"),
        ("French\tbonjour", "bonjour", "french"),
        ("no language here", "no language here", None),
        ("a first field that is too long to be a language\tx",
         "a first field that is too long to be a language\tx", None),
        ("", "", None),
    ],
)  # fmt: skip
def test_the_language_is_read_off_the_transcript(answer, text, language):
    assert parse_transcript(answer) == (text, language)
    said, state = "", Transcribing()
    for character in answer:
        more, state = transcribe_step(character, state)
        said += more
    assert (said + (state.waiting or ""), state.language) == (text, language)


def test_thinking_is_asked_for_after_the_instructions():
    assert thinking_instructions("Be brief.").startswith("Be brief. Before you answer")
    assert "<thinking>" in thinking_instructions()


def without_reasoning(chunks):
    said, state = "", Thinking()
    for chunk in chunks:
        more, state = spoken_step(chunk, state)
        said += more
    return said + ("" if state.hidden else state.waiting)


def test_reasoning_is_not_spoken():
    reply = "Well. <thinking>2 < 3, so</thinking><answer>three</answer> is <more>"
    assert without_reasoning([reply]) == "Well. three is <more>"
    assert without_reasoning(reply) == "Well. three is <more>"


@given(st.lists(st.sampled_from(["<thinking>", "</thinking>", "<answer>", "<", "t", "h>"])))
def test_reasoning_is_found_in_any_chunking(parts):
    assert without_reasoning(parts) == without_reasoning(["".join(parts)])
