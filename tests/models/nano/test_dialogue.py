"""nano as shipped, through the interface every speech model offers."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
import torch

from vivavoce.models.catalog import UnknownModel, load
from vivavoce.models.dialogue import (
    AudioDelta,
    Dialogue,
    DialogueOptions,
    Heard,
    Message,
    ReplyDone,
    ReplyOptions,
    SpeechModel,
    TextDelta,
    ToolCall,
    ToolResult,
    UserAudio,
)
from vivavoce.models.nano.dialogue import KEPT_TOKENS

SUM = {"a": 7, "op": "*", "b": 8}


@pytest.fixture(scope="module")
def nano() -> SpeechModel:
    return load("nano")


@pytest.fixture(scope="module")
def question(nano: SpeechModel) -> np.ndarray:
    """nano's own voice asks; whatever is understood, it is speech."""
    pcm = np.concatenate([part.pcm for part in nano.speak("turn on the kitchen light")])
    return np.concatenate([pcm, np.zeros(6400, np.float32)])


def text_of(parts: list) -> str:
    return "".join(p.text for p in parts if isinstance(p, TextDelta))


def audio_of(parts: list) -> np.ndarray:
    return np.concatenate([p.pcm for p in parts if isinstance(p, AudioDelta)])


def remembered(dialogue: Dialogue) -> torch.Tensor:
    """The first layer's keys: they differ where what was fed or its place differs."""
    context = dialogue.mark().context  # type: ignore[attr-defined]  # nano's own mark
    return context.caches[0].keys_values()[0]


def ask(dialogue: Dialogue, text: str, audio: bool = True) -> list:
    dialogue.add(Message("user", text))
    return list(dialogue.reply(ReplyOptions(audio=audio)))


def test_an_action_without_result_is_spoken_at_once(nano: SpeechModel) -> None:
    parts = ask(nano.open(), "Turn on the kitchen light.")
    assert parts[0] == ToolCall("call_0", "light_on", {"room": "kitchen"}, needs_result=False)
    assert "kitchen" in text_of(parts)
    assert len(audio_of(parts)) > nano.output_rate_hz // 2
    assert isinstance(parts[-1], ReplyDone) and parts[-1].reason == "completed"


def test_a_question_waits_for_its_tool_and_speaks_its_words(nano: SpeechModel) -> None:
    dialogue = nano.open()
    parts = ask(dialogue, "what is seven times eight")
    assert parts[-1].reason == "tool_calls"
    call = parts[0]
    assert call == ToolCall("call_0", "calc", SUM, needs_result=True)
    dialogue.add(ToolResult(call.call_id, "fifty six"))
    parts = list(dialogue.reply())
    assert "fifty six" in text_of(parts)
    assert parts[-1].reason == "completed"


def tool(name: str) -> dict:
    return {"type": "function", "name": name, "description": "", "parameters": {}}


TOLD = [
    ("sorry the lamp is broken", "sorry the lamp is broken"),
    ('"the lamp burns"', "the lamp burns"),
    ('{"error": "no such lamp"}', "sorry that did not work"),
    ('{"success": false}', "sorry that did not work"),
    ("false", "sorry that did not work"),
    ('{"ok": true}', "okay"),
    ("", "okay"),
]


@pytest.mark.parametrize(("output", "told"), TOLD)
def test_a_call_to_an_offered_tool_ends_the_round_and_its_words_are_spoken(
    nano: SpeechModel, output: str, told: str
) -> None:
    dialogue = nano.open(DialogueOptions(tools=[tool("light_on")]))
    call, done = ask(dialogue, "Turn on the kitchen light.", audio=False)
    assert call == ToolCall("call_0", "light_on", {"room": "kitchen"}, needs_result=True)
    assert done.reason == "tool_calls"
    dialogue.add(ToolResult(call.call_id, output))
    parts = list(dialogue.reply(ReplyOptions(audio=False)))
    assert text_of(parts).startswith(told)
    assert ("kitchen" in text_of(parts)) == (told == "okay")
    assert parts[-1].reason == "completed"
    assert ask(dialogue, "what is seven times eight", audio=False)[0].name == "calc"


def test_a_tool_may_be_offered_for_one_reply(nano: SpeechModel) -> None:
    dialogue = nano.open()
    dialogue.add(Message("user", "turn on the kitchen light"))
    parts = list(dialogue.reply(ReplyOptions(audio=False, tools=[tool("light_on")])))
    assert [type(part) for part in parts] == [ToolCall, ReplyDone]
    dialogue = nano.open(DialogueOptions(tools=[tool("light_on")]))
    dialogue.add(Message("user", "turn on the kitchen light"))
    call = next(dialogue.reply(ReplyOptions(audio=False, tools=[])))
    assert isinstance(call, ToolCall) and not call.needs_result


def test_what_is_told_of_a_tool_can_be_cut(nano: SpeechModel) -> None:
    dialogue = nano.open(DialogueOptions(tools=[tool("light_on")]))
    call, _ = ask(dialogue, "turn on the kitchen light")
    dialogue.add(ToolResult(call.call_id, "sorry the lamp is broken"))
    sound = audio_of(list(dialogue.reply()))
    kept = dialogue.truncate(len(sound) // 2)
    assert "sorry the lamp is broken".startswith(kept) and 1 <= len(kept.split()) < 5


def test_a_call_nobody_answered_is_spoken_of_all_the_same(nano: SpeechModel) -> None:
    for name, sentence in (("light_on", "turn on the kitchen light"), ("calc", "two plus two")):
        dialogue = nano.open(DialogueOptions(tools=[tool(name)]))
        assert ask(dialogue, sentence, audio=False)[-1].reason == "tool_calls"
        parts = list(dialogue.reply(ReplyOptions(audio=False)))
        assert parts[-1].reason == "completed" and "sorry that did not work" in text_of(parts)


def test_without_tools_only_those_offered_stay_away(nano: SpeechModel) -> None:
    dialogue = nano.open(DialogueOptions(tools=[tool("light_on")]))
    none = ReplyOptions(audio=False, allow_tools=False)
    dialogue.add(Message("user", "turn on the kitchen light"))
    assert text_of(list(dialogue.reply(none))) == "sorry i did not get that"
    dialogue = nano.open(DialogueOptions(tools=[tool("light_on")]))
    dialogue.add(Message("user", "what is seven times eight"))
    assert next(dialogue.reply(none)) == ToolCall("call_0", "calc", SUM, needs_result=True)


def test_a_result_for_no_call_is_refused(nano: SpeechModel) -> None:
    with pytest.raises(ValueError, match="no call"):
        nano.open().add(ToolResult("call_9", "five"))


def test_what_it_does_not_understand_it_declines(nano: SpeechModel) -> None:
    parts = ask(nano.open(), "who wrote the third symphony of that composer", audio=False)
    assert not any(isinstance(p, ToolCall) for p in parts)
    assert text_of(parts) == "sorry i did not get that"


def test_noise_and_silence_are_no_command(nano: SpeechModel) -> None:
    rng = np.random.default_rng(0)
    for level in (0.0, 0.01, 0.1):
        dialogue = nano.open()
        dialogue.listen((level * rng.standard_normal(32_000)).astype(np.float32))
        assert not any(isinstance(p, ToolCall) for p in dialogue.reply(ReplyOptions(audio=False)))


def test_a_spoken_item_is_answered_like_speech(nano: SpeechModel, question: np.ndarray) -> None:
    listening, given = nano.open(), nano.open()
    listening.listen(question)
    given.add(UserAudio(question))
    text_only = ReplyOptions(audio=False)
    wanted, got = list(listening.reply(text_only)), list(given.reply(text_only))
    assert isinstance(got[0], Heard)
    assert got == wanted


def test_a_spoken_item_of_noise_is_no_command(nano: SpeechModel) -> None:
    dialogue = nano.open()
    dialogue.add(UserAudio(np.random.default_rng(0).standard_normal(32_000).astype(np.float32)))
    assert not any(isinstance(p, ToolCall) for p in dialogue.reply(ReplyOptions(audio=False)))


@pytest.mark.parametrize("text", ["?!", None])
def test_nothing_said_is_no_command(nano: SpeechModel, text: str | None) -> None:
    dialogue = nano.open()
    if text is not None:
        dialogue.add(Message("user", text))
    parts = list(dialogue.reply(ReplyOptions(audio=False)))
    assert not any(isinstance(p, Heard | ToolCall) for p in parts)
    assert text_of(parts) == "sorry i did not get that"


def test_a_reply_left_in_the_middle_ends_before_the_next_answer(nano: SpeechModel) -> None:
    def n_added(max_tokens: int | None) -> int:
        dialogue = nano.open()
        dialogue.add(Message("user", "turn on the kitchen light"))
        list(dialogue.reply(ReplyOptions(audio=False, max_tokens=max_tokens)))
        n_before = remembered(dialogue).shape[2]
        dialogue.add(Message("assistant", "okay"))
        return remembered(dialogue).shape[2] - n_before

    assert n_added(max_tokens=5) == n_added(max_tokens=None) + 1  # the missing <eos>


def test_a_follow_up_needs_the_turn_before(nano: SpeechModel) -> None:
    dialogue = nano.open()
    ask(dialogue, "turn on the kitchen light", audio=False)
    parts = ask(dialogue, "and in the bedroom", audio=False)
    assert parts[0].name == "light_on" and parts[0].arguments == {"room": "bedroom"}


def test_audio_in_any_pieces_gives_the_same_reply(nano: SpeechModel, question: np.ndarray) -> None:
    def reply(size: int) -> list:
        dialogue = nano.open()
        for start in range(0, len(question), size):
            dialogue.listen(question[start : start + size])
        return list(dialogue.reply())

    whole, pieces = reply(len(question)), reply(317)
    assert isinstance(whole[0], Heard) and whole[0] == pieces[0]
    assert text_of(whole) == text_of(pieces)
    assert np.array_equal(audio_of(whole), audio_of(pieces))


def test_samples_may_be_read_only_and_of_another_type(
    nano: SpeechModel, question: np.ndarray
) -> None:
    frozen = question.astype(np.float64)
    frozen.flags.writeable = False
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert nano.transcribe(frozen) == nano.transcribe(question)


def test_rewinding_is_never_having_left(nano: SpeechModel, question: np.ndarray) -> None:
    def finish(dialogue: Dialogue) -> list:
        dialogue.listen(question[20_000:])
        return list(dialogue.reply())

    straight = nano.open()
    straight.listen(question[:20_000])
    wanted = finish(straight)
    dialogue = nano.open()
    dialogue.listen(question[:20_000])
    mark = dialogue.mark()
    for _ in range(2):  # a mark stays valid
        list(dialogue.reply())
        dialogue.rewind(mark)
    got = finish(dialogue)
    assert text_of(got) == text_of(wanted)
    assert np.array_equal(audio_of(got), audio_of(wanted))


def test_truncation_keeps_only_words_heard_to_the_end(nano: SpeechModel) -> None:
    dialogue = nano.open()
    parts = ask(dialogue, "set a timer for twenty five minutes")
    words = text_of(parts).split()
    ends, total = {}, 0
    for part in parts:
        if isinstance(part, AudioDelta):
            total += len(part.pcm)
            ends[part.token_index] = total
    mark = dialogue.mark()
    cuts = ((0, 0), (ends[0] - 1, 0), (ends[1], 2), (ends[2] + 1, 3), (total, len(words)))
    for heard, n_kept in cuts:
        dialogue.rewind(mark)
        assert dialogue.truncate(heard) == " ".join(words[:n_kept])
    with pytest.raises(ValueError, match="beyond"):
        dialogue.truncate(total + 1)


@pytest.mark.parametrize("n_earlier", [0, 3])  # 3: more than it keeps
def test_truncation_works_after_the_next_turn_has_begun(
    nano: SpeechModel, question: np.ndarray, n_earlier: int
) -> None:
    def listen_and_reply(late: bool) -> torch.Tensor:
        dialogue = nano.open()
        for _ in range(n_earlier):
            ask(dialogue, "turn on the kitchen light", audio=False)
        ask(dialogue, "set a timer for twenty five minutes")
        if not late:
            dialogue.truncate(8_000)
        dialogue.listen(question)
        if late:
            dialogue.truncate(12_000)
            dialogue.truncate(8_000)  # the second word of the client counts
        list(dialogue.reply(ReplyOptions(audio=False)))
        return remembered(dialogue)

    late, early = listen_and_reply(late=True), listen_and_reply(late=False)
    assert torch.allclose(late, early, atol=1e-4)


def test_an_abandoned_reply_can_be_cut_and_the_talk_goes_on(nano: SpeechModel) -> None:
    dialogue = nano.open()
    dialogue.add(Message("user", "set a timer for twenty five minutes"))
    reply, n = dialogue.reply(), 0
    for part in reply:
        n += len(part.pcm) if isinstance(part, AudioDelta) else 0
        if n > 12_000:
            break
    reply.close()
    kept = dialogue.truncate(n // 2)
    assert len(kept.split()) < 6
    parts = ask(dialogue, "turn off the garage light", audio=False)
    assert parts[0].name == "light_off"


def test_a_history_is_taken_up(nano: SpeechModel, question: np.ndarray) -> None:
    history = (
        Message("user", "turn on the kitchen light"),
        ToolCall("c1", "light_on", {"room": "kitchen"}, False),
        ToolResult("c1", "done"),
        Message("assistant", "okay the kitchen light is on"),
        UserAudio(question),
        Message("assistant", "okay the kitchen light is on"),
    )
    parts = ask(nano.open(DialogueOptions(history=history)), "what time is it", audio=False)
    assert parts[0].name == "time"


def test_max_tokens_ends_a_reply_early(nano: SpeechModel) -> None:
    dialogue = nano.open()
    dialogue.add(Message("user", "set a timer for twenty five minutes"))
    parts = list(dialogue.reply(ReplyOptions(max_tokens=12)))
    assert parts[-1].reason == "max_tokens"


def test_unknown_voices_languages_and_models_are_named(nano: SpeechModel) -> None:
    with pytest.raises(ValueError, match="no voice 'alto'"):
        nano.open(DialogueOptions(voice="alto"))
    with pytest.raises(ValueError, match="does not speak 'latin'"):
        nano.open(DialogueOptions(language="latin"))
    with pytest.raises(UnknownModel, match="no model 'nono'"):
        load("nono")


def test_reading_aloud_takes_any_text(nano: SpeechModel) -> None:
    parts = list(nano.speak("It's 25 %, OK?"))
    assert len(np.concatenate([p.pcm for p in parts])) > nano.output_rate_hz // 2
    with pytest.raises(ValueError, match="no words"):
        list(nano.speak("?!"))


def test_a_long_conversation_is_remembered_by_its_last_turns(nano: SpeechModel) -> None:
    """What is fed anew after forgetting equals a conversation that began with those turns."""
    sayings = ["one", "two", "three", "four", "five"]
    long, short = nano.open(), nano.open()
    for dialogue, said in ((long, sayings), (short, sayings[-3:])):
        for text in said[:-1]:
            dialogue.add(Message("user", text))
            dialogue.add(Message("assistant", f"you said {text}"))
        dialogue.add(Message("user", said[-1]))
    assert len(long.mark().context.turns) == 1 + 3
    pairs = zip(long.mark().context.turns, short.mark().context.turns, strict=True)
    for ours, theirs in pairs:
        together = [torch.cat([x for _, x in turn], dim=1) for turn in (ours, theirs)]
        assert torch.equal(*together)
    replies = [list(d.reply(ReplyOptions(audio=False))) for d in (long, short)]
    assert [type(part) for part in replies[0]] == [type(part) for part in replies[1]]


LONG = "what time is it " * 4500


def test_a_text_of_any_length_leaves_a_memory_of_bounded_length(nano: SpeechModel) -> None:
    """72 kB of text took minutes and gigabytes; the end of it is what is answered."""
    dialogue = nano.open()
    dialogue.add(Message("user", LONG))
    assert remembered(dialogue).shape[2] <= 2 + KEPT_TOKENS
    for _ in range(4):
        dialogue.add(Message("user", LONG[:4000]))
        dialogue.add(Message("assistant", LONG[:4000]))
        assert remembered(dialogue).shape[2] <= 8 * KEPT_TOKENS
    for _ in range(2):  # what was before them is forgotten
        ask(dialogue, "turn on the kitchen light", audio=False)
    assert ask(dialogue, "turn on the kitchen light", audio=False)[0].name == "light_on"


def test_many_messages_of_one_turn_are_remembered_by_their_last_words(nano: SpeechModel) -> None:
    dialogue = nano.open()
    for _ in range(100):
        dialogue.add(Message("user", "la la la la la la la la la la"))
        assert remembered(dialogue).shape[2] <= 1 + 2 * KEPT_TOKENS + 20
    for _ in range(100):
        dialogue.add(Message("assistant", "okay the kitchen light is on"))
        assert remembered(dialogue).shape[2] <= 1 + 2 * KEPT_TOKENS + 20
    assert ask(dialogue, "what is seven times eight", audio=False)[0].name == "calc"


def test_speech_without_end_is_remembered_by_its_end(
    nano: SpeechModel, question: np.ndarray
) -> None:
    dialogue = nano.open()
    for _ in range(15):
        dialogue.listen(question)
        assert remembered(dialogue).shape[2] <= 2 + 2 * KEPT_TOKENS + 4
    parts = list(dialogue.reply(ReplyOptions(audio=False)))
    assert isinstance(parts[0], Heard) and parts[-1].reason in ("completed", "tool_calls")


def test_a_long_history_is_taken_up_from_what_the_user_said_last(nano: SpeechModel) -> None:
    one = (
        Message("user", "what is two plus two"),
        ToolCall("c", "calc", {"a": 2, "op": "+", "b": 2}, True),
        ToolResult("c", "four"),
        Message("assistant", "two plus two is four"),
    )
    end = (Message("user", "turn on the kitchen light"), Message("assistant", "okay"))
    dialogue = nano.open(DialogueOptions(history=(*one * 30, *end)))
    parts = ask(dialogue, "and in the bedroom", audio=False)
    assert parts[0].name == "light_on" and parts[0].arguments == {"room": "bedroom"}
    greeted = nano.open(DialogueOptions(history=[Message("assistant", "hello")] * 40))
    assert ask(greeted, "what time is it", audio=False)[0].name == "time"
