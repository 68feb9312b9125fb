"""nano in English, Mandarin and Cantonese: the reply's language, its words, and confirmation."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from tests.support.scripted_nano import LANGUAGES, thinking, trilingual, turn
from vivavoce.models.dialogue import (
    AudioDelta,
    DialogueOptions,
    Heard,
    Message,
    ReplyDone,
    ReplyOptions,
    TextDelta,
    ToolCall,
    ToolResult,
)
from vivavoce.models.nano.config import NanoConfig
from vivavoce.models.nano.dialogue import NanoDialogue
from vivavoce.models.nano.hearing import HearingState
from vivavoce.models.nano.model import NanoModel
from vivavoce.models.nano.text import ACT, EOS, REP

TEXT_ONLY = ReplyOptions(audio=False)


@pytest.fixture(scope="module")
def nano() -> NanoModel:
    return trilingual()


@pytest.fixture(scope="module")
def doubtful() -> NanoModel:
    """Asks where it is less than 80 % sure."""
    return trilingual(confirm_probability=0.8)


def text_of(parts: list) -> str:
    return "".join(part.text for part in parts if isinstance(part, TextDelta))


def call_of(parts: list) -> ToolCall:
    (call,) = [part for part in parts if isinstance(part, ToolCall)]
    return call


def say(dialogue: NanoDialogue, steps: list, words: str = "ok", options=TEXT_ONLY) -> list:
    """Somebody types, and the thinker writes these tokens."""
    dialogue.add(Message("user", words))
    with thinking(dialogue._model, steps):
        return list(dialogue.reply(options))


def remembered(dialogue: NanoDialogue) -> torch.Tensor:
    """All that the open conversation's thinker was fed, [T, D]."""
    turns = dialogue.mark().context.turns
    return torch.cat([positions[0] for turn in turns for _, positions in turn])


def fed(model: NanoModel, tokens: list[int]) -> torch.Tensor:
    return model.thinker.embed(torch.tensor(tokens))


# --- the language of the reply ---------------------------------------------------------------

REPLIES = {
    "en": "okay the kitchen light is on",
    "cmn": "好的厨房的灯开了",
    "yue": "好廚房嘅燈開咗",
}


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_tool_is_told_the_language_that_the_model_finds(nano: NanoModel, language: str) -> None:
    dialogue = nano.open()
    parts = say(dialogue, turn(nano, "light_on kitchen", REPLIES[language], language))
    call = call_of(parts)
    assert (call.name, call.arguments, call.language) == ("light_on", {"room": "kitchen"}, language)
    assert text_of(parts) == REPLIES[language]
    # The look at what comes after <rep> left nothing behind: <rep> and mark stand there once.
    reply = [REP, nano.text.language_id(language), *nano.text.encode(REPLIES[language]), EOS]
    line = [ACT, *nano.text.encode_action("light_on kitchen")]
    assert torch.equal(remembered(dialogue)[-len(line + reply) :], fed(nano, line + reply))


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_session_can_demand_a_language(nano: NanoModel, language: str) -> None:
    dialogue = nano.open(DialogueOptions(language=language))
    parts = say(dialogue, turn(nano, "light_on kitchen", REPLIES[language]))
    assert call_of(parts).language == language
    mark = nano.text.language_id(language)
    assert any(torch.equal(row, fed(nano, [mark])[0]) for row in remembered(dialogue))


def test_with_one_language_there_are_no_marks() -> None:
    nano = NanoModel.load()
    nano.languages = ("en",)
    dialogue = nano.open()
    parts = say(dialogue, turn(nano, "light_on kitchen", REPLIES["en"]))
    assert call_of(parts).language == "en"
    dialogue.add(Message("assistant", "anything else"))
    marks = [fed(nano, [nano.text.language_id(language)])[0] for language in LANGUAGES]
    assert not any(torch.equal(row, mark) for row in remembered(dialogue) for mark in marks)


def test_a_reply_given_up_before_its_words_leaves_no_open_mark(nano: NanoModel) -> None:
    dialogue = nano.open()
    dialogue.add(Message("user", "light"))
    with thinking(nano, turn(nano, "light_on kitchen", language="yue")):
        reply = dialogue.reply(TEXT_ONLY)
        assert isinstance(next(reply), ToolCall)
        reply.close()
    n_before = len(remembered(dialogue))
    dialogue.add(Message("user", "ok"))
    closed = fed(nano, [REP, nano.text.language_id("yue"), EOS])
    assert torch.equal(remembered(dialogue)[n_before : n_before + 3], closed)


def test_what_it_does_not_understand_it_declines_in_the_language_it_heard(nano: NanoModel) -> None:
    parts = say(nano.open(), turn(nano, "reject", "对不起我没听懂", "cmn"))
    assert text_of(parts) == "对不起我没听懂" and not any(isinstance(p, ToolCall) for p in parts)


@pytest.mark.parametrize("language", LANGUAGES)
def test_nothing_heard_is_declined_in_the_language_of_the_reply_before(
    nano: NanoModel, language: str
) -> None:
    dialogue = nano.open()
    say(dialogue, turn(nano, "light_on kitchen", REPLIES[language], language))
    with thinking(nano, [EOS]):
        list(dialogue.reply(TEXT_ONLY))
    assert torch.equal(
        remembered(dialogue)[-3:], fed(nano, [REP, nano.text.language_id(language), EOS])
    )


def test_the_words_of_a_tool_stand_in_a_chinese_reply_hanzi_by_hanzi(nano: NanoModel) -> None:
    dialogue = nano.open()
    parts = say(dialogue, turn(nano, "time", language="cmn"))
    assert parts[-1].reason == "tool_calls" and call_of(parts).language == "cmn"
    dialogue.add(ToolResult(call_of(parts).call_id, "下午3:05"))
    reply = [*nano.text.encode_reply("现在是<result>"), EOS]
    with thinking(nano, reply):
        parts = list(dialogue.reply(TEXT_ONLY))
    assert text_of(parts) == "现在是下午三点零五分"
    deltas = [part for part in parts if isinstance(part, TextDelta)]
    assert [part.token_index for part in deltas] == list(range(10))
    assert [part.text for part in deltas] == list("现在是下午三点零五分")


def test_english_words_in_a_chinese_reply_have_spaces(nano: NanoModel) -> None:
    dialogue = nano.open()
    parts = say(dialogue, turn(nano, "tr_en thanks", language="yue"))
    dialogue.add(ToolResult(call_of(parts).call_id, "thank you"))
    with thinking(nano, [*nano.text.encode_reply("英文係<result>"), EOS]):
        assert text_of(list(dialogue.reply(TEXT_ONLY))) == "英文係 thank you"


@pytest.mark.parametrize(
    ("language", "sorry"),
    [("en", "sorry that did not work"), ("cmn", "对不起没有做成"), ("yue", "唔好意思做唔到")],
)
def test_a_tool_that_fails_is_excused_in_the_language_of_the_turn(
    nano: NanoModel, language: str, sorry: str
) -> None:
    tools = [{"name": "light_on", "parameters": {}}]
    dialogue = nano.open(DialogueOptions(tools=tools))
    parts = say(dialogue, turn(nano, "light_on kitchen", language=language))
    dialogue.add(ToolResult(call_of(parts).call_id, '{"error": "no lamp"}'))
    assert text_of(list(dialogue.reply(TEXT_ONLY))) == sorry


def test_a_history_is_taken_up_in_its_languages(nano: NanoModel) -> None:
    history = (Message("user", "你好"), Message("assistant", "你好我能幫你咩嘢"))
    dialogue = nano.open(DialogueOptions(history=history))
    mark = nano.text.language_id("yue")
    assert any(torch.equal(row, fed(nano, [mark])[0]) for row in remembered(dialogue))


@pytest.mark.parametrize("demanded", [False, True])
def test_a_call_of_the_history_is_answered_in_its_language(nano: NanoModel, demanded: bool) -> None:
    history = (Message("user", "而家幾點"), ToolCall("call_9", "time", {}, True))
    options = DialogueOptions(language="yue" if demanded else "auto", history=history)
    with thinking(nano, [] if demanded else [nano.text.language_id("yue")]):
        dialogue = nano.open(options)
    dialogue.add(ToolResult("call_9", "21"))
    with thinking(nano, [*nano.text.encode_reply("而家<result>"), EOS]):
        assert text_of(list(dialogue.reply(TEXT_ONLY))) == "而家二十一"


def test_figures_alone_are_read_in_the_language_demanded(nano: NanoModel) -> None:
    dialogue = nano.open(DialogueOptions(language="cmn"))
    dialogue.add(Message("user", "25"))
    words = fed(nano, nano.text.encode("二十五"))
    assert torch.equal(remembered(dialogue)[-len(words) :], words)


def test_a_language_it_does_not_have_is_named(nano: NanoModel) -> None:
    with pytest.raises(ValueError, match="does not speak 'latin': en, cmn, yue"):
        nano.open(DialogueOptions(language="latin"))


def test_old_files_know_english_only_and_ask_nothing() -> None:
    data = {"mel": {}, "encoder": {}, "thinker": {}}
    data |= {"min_intent_probability": 0.3, "min_transcript_confidence": 0.5}
    config = NanoConfig.from_dict(data)
    assert (config.languages, config.confirm_probability) == (("en",), 0.0)
    assert config.min_transcript_confidence == {"en": 0.5}
    config = NanoConfig.from_dict(data | {"languages": ["en", "yue"], "confirm_probability": 0.7})
    assert (config.languages, config.confirm_probability) == (("en", "yue"), 0.7)
    assert config.min_transcript_confidence == {"en": 0.5, "yue": 0.5}


def test_how_clear_a_turn_must_be_is_the_matter_of_its_language(nano: NanoModel) -> None:
    least = nano.config.min_transcript_confidence
    assert least["en"] < least["cmn"]
    between = (least["en"] + least["cmn"]) / 2
    assert nano.heard_clearly("turn on the light", between)
    assert not nano.heard_clearly("开灯", between)
    assert not nano.heard_clearly("", 1.0)


# --- sound -----------------------------------------------------------------------------------


def test_a_chinese_reply_is_spoken_and_cut_hanzi_by_hanzi(nano: NanoModel) -> None:
    dialogue = nano.open()
    steps = turn(nano, "vol_up", "好的大声一点", "cmn")
    parts = say(dialogue, steps, options=ReplyOptions())
    assert text_of(parts) == "好的大声一点"
    ends, total = {}, 0
    for part in parts:
        if isinstance(part, AudioDelta):
            total += len(part.pcm)
            ends[part.token_index] = total
    mark = dialogue.mark()
    assert dialogue.truncate(total) == "好的大声一点"
    for index in (0, 2):
        dialogue.rewind(mark)
        assert dialogue.truncate(ends[index]) == "好的大声一点"[: index + 1]


def test_the_voice_is_the_languages_own_unless_the_wanted_one_speaks_it(
    nano: NanoModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    voices = {"slt": "en", "low": "cmn", "high": "cmn", "ling": "yue"}
    monkeypatch.setattr(nano, "voices", tuple(voices))
    monkeypatch.setattr(nano, "voice_languages", voices)
    first = {"en": "slt", "cmn": "low", "yue": "ling"}
    monkeypatch.setattr(nano.voice, "voice_for", first.__getitem__)
    chosen = []

    def speak(words, *rest, voice, **more):
        list(words)
        chosen.append(voice)
        return iter(())

    monkeypatch.setattr(nano.voice, "speak", speak)
    for wanted in (None, "slt", "high"):
        dialogue = nano.open(DialogueOptions(voice=wanted))
        for language in LANGUAGES:
            say(dialogue, turn(nano, "stop", REPLIES[language], language), options=ReplyOptions())
    assert chosen == ["slt", "low", "ling", "slt", "low", "ling", "slt", "high", "ling"]
    chosen.clear()
    for wanted in (None, "slt", "high", "ling"):
        for text in ("your timer is done", "计时到了", "計時到喇", "三加二"):
            list(nano.speak(text, wanted))
    told = ["slt", "low", "ling"]
    assert chosen == [*told, "low", *told, "low", "slt", "high", "ling", "high", *told, "ling"]


# --- hearing ---------------------------------------------------------------------------------


def heard(
    dialogue: NanoDialogue, words: str, confidence: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody speaks, and the ear reads these words."""
    model = dialogue._model
    tokens = model.text.encode(words)
    dialogue.listen(np.zeros(1600, np.float32))

    def close(state: HearingState, thinker: object) -> tuple[list, HearingState]:
        read = HearingState(
            state.samples, state.encoder, tuple(tokens), confidence=confidence * len(tokens)
        )
        return [], read

    monkeypatch.setattr(model.ear, "close", close)


@pytest.mark.parametrize(
    ("words", "language"),
    [
        ("turn on the light", "en"),
        ("打开厨房的灯", "cmn"),
        ("開咗廚房盞燈", "yue"),
        ("打開 kitchen 嘅燈", "yue"),
    ],
)
def test_what_was_heard_has_its_language(
    nano: NanoModel, monkeypatch: pytest.MonkeyPatch, words: str, language: str
) -> None:
    dialogue = nano.open()
    heard(dialogue, words, 0.9, monkeypatch)
    with thinking(nano, turn(nano, "light_on kitchen", REPLIES["en"], "en")):
        parts = list(dialogue.reply(TEXT_ONLY))
    assert isinstance(parts[0], Heard)
    assert (parts[0].transcript, parts[0].language) == (words, language)


def test_words_that_tell_no_language_are_in_that_of_the_conversation(
    nano: NanoModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    dialogue = nano.open()
    for language in ("yue", "cmn"):
        say(dialogue, turn(nano, "stop", REPLIES[language], language))
        heard(dialogue, "三加二", 0.9, monkeypatch)
        with thinking(nano, turn(nano, "reject", REPLIES[language], language)):
            assert list(dialogue.reply(TEXT_ONLY))[0].language == language
        monkeypatch.undo()


# --- confidence ------------------------------------------------------------------------------


def test_the_confidence_is_the_intents_times_the_least_sure_word(nano: NanoModel) -> None:
    steps = turn(nano, "light_dim kitchen forty percent", "ok", "en", sure=(0.9, 0.8, 0.7, 0.95))
    assert call_of(say(nano.open(), steps)).confidence == pytest.approx(0.9 * 0.7, abs=1e-3)
    steps = turn(nano, "vol_up", "ok", "en", sure=(0.9, 0.6))  # 0.6: that the line ends there
    assert call_of(say(nano.open(), steps)).confidence == pytest.approx(0.9 * 0.6, abs=1e-3)


def test_what_was_heard_badly_is_less_sure(
    nano: NanoModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    dialogue = nano.open()
    heard(dialogue, "louder", 0.75, monkeypatch)
    with thinking(nano, turn(nano, "vol_up", "ok", "en", sure=(0.8,))):
        parts = list(dialogue.reply(TEXT_ONLY))
    assert call_of(parts).confidence == pytest.approx(0.75 * 0.8, abs=1e-3)


def test_a_space_in_which_no_word_was_read_leads_to_no_action(
    nano: NanoModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    space, *_ = nano.text.encode("你")
    dialogue = nano.open()
    dialogue.listen(np.zeros(1600, np.float32))

    def close(state: HearingState, thinker: object) -> tuple[list, HearingState]:
        return [], HearingState(state.samples, state.encoder, (space,), confidence=0.99)

    monkeypatch.setattr(nano.ear, "close", close)
    sorry = [nano.text.language_id("cmn"), *nano.text.encode_reply("对不起我没听懂"), EOS]
    with thinking(nano, sorry):
        parts = list(dialogue.reply(TEXT_ONLY))
    assert parts[0].transcript == "" and not any(isinstance(part, ToolCall) for part in parts)


def test_an_unlikely_intent_is_declined(nano: NanoModel) -> None:
    low = nano.min_intent_probability - 0.05
    intent = nano.text.intent_id("vol_up")
    # Its rival is likelier then, so many share what is left.
    dialogue = nano.open()
    dialogue.add(Message("user", "louder"))
    sorry = [nano.text.language_id("en"), *nano.text.encode_reply("sorry"), EOS]
    with thinking(nano, [(intent, low), *sorry]):
        plain = nano.thinker.logits

        def spread(hidden: torch.Tensor) -> torch.Tensor:
            found = plain(hidden)
            rivals = found[nano.text.intents] > -1e8
            if rivals.sum() == 2:
                found[nano.text.intents] = np.log((1 - low) / 33)
                found[intent] = np.log(low)
            return found

        nano.thinker.logits = spread
        parts = list(dialogue.reply(TEXT_ONLY))
        nano.thinker.logits = plain
    assert text_of(parts) == "sorry" and not any(isinstance(part, ToolCall) for part in parts)


# --- confirmation ----------------------------------------------------------------------------

QUESTIONS = {
    "en": "shall i turn on the bedroom light",
    "cmn": "要打开卧室的灯吗",
    "yue": "要唔要開睡房嘅燈",
}
UNSURE = (0.9, 0.6)


@pytest.mark.parametrize("language", LANGUAGES)
def test_in_doubt_it_asks_instead_of_acting(doubtful: NanoModel, language: str) -> None:
    dialogue = doubtful.open()
    parts = say(dialogue, turn(doubtful, "light_on bedroom", language=language, sure=UNSURE))
    assert not any(isinstance(part, ToolCall) for part in parts)
    assert text_of(parts) == QUESTIONS[language]
    assert isinstance(parts[-1], ReplyDone) and parts[-1].reason == "completed"
    text = doubtful.text
    written = [
        *(ACT, *text.encode_action("confirm light_on bedroom")),
        *(REP, text.language_id(language), *text.encode(QUESTIONS[language]), EOS),
    ]
    assert torch.equal(remembered(dialogue)[-len(written) :], fed(doubtful, written))


def test_yes_does_it_without_asking_again_and_no_does_nothing(doubtful: NanoModel) -> None:
    unsure = turn(doubtful, "light_on bedroom", language="en", sure=UNSURE)
    for answer, line, done in (("yes", "light_on bedroom", True), ("no", "stop", False)):
        dialogue = doubtful.open()
        say(dialogue, unsure)
        parts = say(dialogue, turn(doubtful, line, "okay", "en", sure=UNSURE), answer)
        assert call_of(parts).name == ("light_on" if done else "stop")
        assert text_of(parts) == "okay"


def test_another_doubtful_action_after_the_question_is_asked_about(doubtful: NanoModel) -> None:
    dialogue = doubtful.open()
    say(dialogue, turn(doubtful, "light_on bedroom", language="en", sure=UNSURE))
    parts = say(dialogue, turn(doubtful, "light_on kitchen", language="en", sure=UNSURE))
    assert text_of(parts) == "shall i turn on the kitchen light"
    parts = say(dialogue, turn(doubtful, "light_on bedroom", language="en", sure=UNSURE))
    assert text_of(parts) == QUESTIONS["en"]  # what was asked before last is forgotten


@pytest.mark.parametrize("line", ["vol_up", "light_on bedroom"])
def test_a_sure_action_is_done(doubtful: NanoModel, line: str) -> None:
    parts = say(doubtful.open(), turn(doubtful, line, "ok", "en", sure=(0.95, 0.9)))
    assert call_of(parts).name == line.split()[0]


@pytest.mark.parametrize("line", ["time", "chat age", "name alice", "stop", "hello"])
def test_what_changes_nothing_is_not_asked_about(doubtful: NanoModel, line: str) -> None:
    dialogue = doubtful.open()
    dialogue.add(Message("user", "ok"))
    with thinking(doubtful, turn(doubtful, line, language="en", sure=(0.6, 0.6))):
        assert isinstance(next(dialogue.reply(TEXT_ONLY)), ToolCall)


def test_a_question_can_be_heard_in_part(doubtful: NanoModel) -> None:
    dialogue = doubtful.open()
    steps = turn(doubtful, "light_on bedroom", language="en", sure=UNSURE)
    parts = say(dialogue, steps, options=ReplyOptions())
    total = sum(len(part.pcm) for part in parts if isinstance(part, AudioDelta))
    kept = dialogue.truncate(total // 2)
    assert kept and QUESTIONS["en"].startswith(kept) and kept != QUESTIONS["en"]
    parts = say(dialogue, turn(doubtful, "light_on bedroom", "okay", "en", sure=UNSURE), "yes")
    assert call_of(parts).arguments == {"room": "bedroom"}


def test_a_doubted_call_to_a_clients_tool_is_asked_about_too(doubtful: NanoModel) -> None:
    tools = [{"name": "light_on", "parameters": {}}]
    dialogue = doubtful.open(DialogueOptions(tools=tools))
    parts = say(dialogue, turn(doubtful, "light_on bedroom", language="en", sure=UNSURE))
    assert text_of(parts) == QUESTIONS["en"]
    parts = say(dialogue, turn(doubtful, "light_on bedroom", language="en", sure=UNSURE), "yes")
    assert call_of(parts).needs_result and parts[-1].reason == "tool_calls"
