"""A voice during a reply, as columns of time, event and effects: every preset, every verdict."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest

from tests.assistant.core.script import PER_MS, Play
from vivavoce.assistant.core import effects as fx
from vivavoce.assistant.core import events as ev
from vivavoce.assistant.core import notices as no
from vivavoce.assistant.core.items import InputAudio
from vivavoce.assistant.core.settings import Settings
from vivavoce.assistant.core.voice import (
    AGAIN_MS,
    FIRST_LOOK_MS,
    LONGEST_MURMUR_MS,
    PHONES_PER_S,
    UNSURE_WORDS,
)

DURING_A_REPLY = """
     590   speech starts 200
    1700   pause
    2000   speech ends 1500
           text 0 it
           audio 0 200
           text 1  is
           audio 1 200
           text 2  noon
           audio 2 200
           played 600 0
"""
PAUSED = """
    2430   voice suspected        | PausePlayout
           played 600 450
    2490   speech starts 2200     | Recognise
"""
STOPS = """SpeechStartedNotice CancelReply StopPlayout AudioDone TranscriptDone ContentPartDone \
ItemDone OutputItemDone ResponseDone Remember Truncate"""
ENDS = "AudioDone TranscriptDone ContentPartDone ItemDone OutputItemDone ResponseDone"
COMMITS = "SpeechStoppedNotice KeepAudio InputCommitted ItemAdded ItemDone"


def replying(barge_in: str = "polite", **settings: Any) -> Play:
    """A conversation in the middle of a reply of 600 ms."""
    return Play(barge_in=barge_in, **settings)(DURING_A_REPLY)


# --- polite: what is forgotten ---------------------------------------------------------------


@pytest.mark.parametrize("read", ["mhm", "Okay, yeah.", "嗯", "係呀", "nothing", "unsure am her"])
def test_a_murmur_or_a_noise_is_forgotten_and_the_reply_goes_on(read: str) -> None:
    play = replying()(PAUSED)
    play(
        f"""
      2800   pause                  | Recognise
             reads {read}           | ResumePlayout
      3100   speech ends 2600       |
             done                   | FinishPlayout
             drained                | {ENDS}
        """
    )
    assert play.said() == ["it is noon"]
    assert len(play.all(no.SpeechStartedNotice)) == 1, "the wire hears nothing of a murmur"
    asked = play.last(fx.Recognise)
    assert (asked.start, asked.end) == (2200 * PER_MS, 2800 * PER_MS)


def test_yes_to_a_reply_that_asks_is_an_answer() -> None:
    asking = DURING_A_REPLY.replace("text 0 it", "text 0 shall").replace("text 1  is", "text 1  i")
    play = Play(barge_in="polite")(asking)(PAUSED)
    play(
        f"""
      2800   pause                  | Recognise
             reads yes              | {STOPS} Listen StopListening Prepare
        """
    )
    assert len(play.all(no.SpeechStartedNotice)) == 2


def test_a_noise_that_is_no_speech_pauses_for_a_moment() -> None:
    replying()(
        """
      2430   voice suspected        | PausePlayout
      2450   voice denied           | ResumePlayout
        """
    )


def test_a_murmur_that_goes_on_is_asked_about_again_and_then_left_alone() -> None:
    play = replying()(PAUSED)
    looks_ms = [play.last(fx.Recognise).end // PER_MS]
    while looks_ms[-1] + AGAIN_MS - 2200 <= LONGEST_MURMUR_MS:
        play("reads mhm | Recognise")
        looks_ms.append(play.last(fx.Recognise).end // PER_MS)
    assert {later - look for look, later in pairwise(looks_ms)} == {AGAIN_MS}
    play("reads mhm mhm | ResumePlayout")


def test_a_voice_that_says_nothing_the_model_can_tell_counts_by_its_length() -> None:
    play = replying()(PAUSED)
    play("3000 voice confirmed |")
    play(f"reads unsure am her | {STOPS} Listen")


@pytest.mark.parametrize("read", ["unknown", "unsure am her"])
def test_what_is_in_doubt_stops_the_reply_as_soon_as_it_is_long(read: str) -> None:
    play = replying()(PAUSED)
    play(f"reads {read}")
    play(f"3000 voice confirmed | {STOPS} Listen")


@pytest.mark.parametrize(
    ("read", "enough"), [("nothing", 4.0), ("unsure am her", 4.0 - UNSURE_WORDS)]
)
def test_speech_without_sure_words_counts_by_its_phones_and_not_by_its_length(
    read: str, enough: float
) -> None:
    play = replying(confirm_phones=4.0)(PAUSED)
    play(f"reads {enough - 0.1} phones: {read} | Recognise")
    play("3000 voice confirmed |")
    play(f"reads {enough} phones: {read} | {STOPS} Listen")


@pytest.mark.parametrize("read", ["nothing", "unsure am her"])
def test_few_phones_are_forgotten_however_long_they_last(read: str) -> None:
    play = replying()(PAUSED)
    play(
        f"""
      3000   voice confirmed        |
             reads 3.0 phones: {read} | Recognise
      3200   pause                  | Recognise
             reads 3.0 phones: {read} | ResumePlayout
      3500   speech ends 3000       |
        """
    )


def test_the_longer_it_lasts_the_more_phones_it_takes() -> None:
    """Many people who talk at once come to as many phones as one person, but later."""
    phones = Settings().confirm_phones
    quick, drawn_out = replying()(PAUSED), replying()(PAUSED)
    quick(f"reads {phones} phones: nothing | {STOPS} Listen")
    drawn_out("reads 0.0 phones: nothing | Recognise")
    while drawn_out.last(fx.Recognise).end < 2490 * PER_MS + phones / PHONES_PER_S * 16_000:
        drawn_out("reads 0.0 phones: nothing | Recognise")
    drawn_out(f"reads {phones} phones: nothing | Recognise")


def test_phones_that_may_be_those_of_the_reply_itself_do_not_count() -> None:
    play = replying()
    play.happen(ev.SpeechStarted(2200 * PER_MS, 2490 * PER_MS, may_be_echo=True))
    play("reads 9.0 phones: nothing | Recognise")
    play("reads 9.0 phones: unsure am her")
    play(f"3000 voice confirmed | {STOPS} Listen")


def test_what_follows_a_possible_echo_before_its_words_are_known_may_be_one_too() -> None:
    play = replying()
    play.happen(ev.SpeechStarted(2200 * PER_MS, 2490 * PER_MS, may_be_echo=True))
    play(
        """
      2700   pause                  | Recognise
      3000   speech ends 2600       |
        """
    )
    play.happen(ev.SpeechStarted(3100 * PER_MS, 3200 * PER_MS))
    assert play.last(fx.Recognise).start == 2200 * PER_MS
    play("reads 9.0 phones: nothing | Recognise")


def test_phones_of_what_follows_a_murmur_count_by_its_own_time() -> None:
    play = replying()(PAUSED)
    play(
        f"""
      3900   pause                  | Recognise
             reads 1.0 phones: nothing | ResumePlayout
      4000   resume                 | PausePlayout Recognise
             reads 4.0 phones: nothing | {STOPS} Listen
        """
    )


def test_a_murmur_of_many_phones_stays_one() -> None:
    replying()(PAUSED)("reads 9.0 phones: okay right | Recognise")


def test_a_model_that_cannot_write_down_forgets_what_is_short() -> None:
    play = replying()(PAUSED)
    play(
        """
             reads unknown          |
      2800   pause                  | Recognise
             reads unknown          | ResumePlayout
      3100   speech ends 2600       |
        """
    )


# --- polite: what is answered ----------------------------------------------------------------


def test_words_stop_the_reply_at_the_sample_heard() -> None:
    play = replying()(PAUSED)
    play(f"reads turn off | {STOPS} Listen")
    assert play.last(fx.Truncate).samples == 450 * PER_MS
    assert play.last(fx.Listen).start == play.last(no.SpeechStartedNotice).start == 2200 * PER_MS
    assert play.said() == ["it is"]


def test_the_first_look_comes_after_the_time_that_was_set() -> None:
    play = replying(confirm_ms=300)(PAUSED)
    started = ev.SpeechStarted(2200 * PER_MS, 2490 * PER_MS, 2400 * PER_MS)
    again = replying()
    again.happen(started)
    assert again.last(fx.Recognise).end == (2400 + FIRST_LOOK_MS) * PER_MS
    assert play.last(fx.Recognise).end == (2490 + 300) * PER_MS


def test_words_known_at_the_pause_prepare_the_next_reply() -> None:
    play = replying()(PAUSED)
    play(
        f"""
      2800   pause                  | Recognise
             reads what time        | {STOPS} Listen StopListening Prepare
      3100   speech ends 2600       | {COMMITS} Release Commit ResponseCreated
        """
    )
    assert play.last(fx.KeepAudio).end == 2800 * PER_MS


def test_words_known_after_the_speech_is_over_are_answered_at_once() -> None:
    play = replying()(PAUSED)
    play(
        f"""
      2800   pause                  | Recognise
      3100   speech ends 2600       |
             reads what time        | {STOPS} Listen StopListening Prepare {COMMITS} Release \
Commit ResponseCreated
        """
    )


def test_speech_that_goes_on_after_a_murmur_is_heard_from_there() -> None:
    play = replying()(PAUSED)
    play(
        """
      2800   pause                  | Recognise
             reads okay             | ResumePlayout
      2950   resume                 | PausePlayout Recognise
        """
    )
    play(f"reads turn it off | {STOPS} Listen")
    assert play.last(fx.Listen).start == 2650 * PER_MS


def test_a_second_voice_before_the_first_is_understood_belongs_to_it() -> None:
    play = replying()(PAUSED)
    play(
        """
      2800   pause                  | Recognise
      3100   speech ends 2600       |
      3350   voice suspected        |
      3360   voice denied           |
      3400   voice suspected        |
      3490   speech starts 3200     | Recognise
        """
    )
    play(f"reads no wait | {STOPS} Listen")
    assert play.last(fx.Listen).start == 2200 * PER_MS


def test_an_answer_that_comes_too_late_is_dropped() -> None:
    play = replying()(PAUSED)
    first = play.asked
    play("2800 pause | Recognise")
    assert play.happen(ev.Recognised(first, "turn off", "en")) == []
    play("reads mhm | ResumePlayout")
    assert play.happen(ev.Recognised(play.asked, "turn off", "en")) == []


def test_what_was_heard_counts_over_a_pause_and_a_second_interruption() -> None:
    play = replying()(PAUSED)
    play(
        f"""
      2800   pause                  | Recognise
             reads mhm              | ResumePlayout
      3100   speech ends 2600       |
             played 600 500         |
      3300   voice suspected        | PausePlayout
      3390   speech starts 3090     | Recognise
             played 600 520         |
             reads what time        | {STOPS} Listen
        """
    )
    assert play.last(fx.Truncate).samples == 520 * PER_MS
    assert play.said() == ["it is"]


# --- the reply ends first --------------------------------------------------------------------


def test_undecided_speech_that_outlasts_the_reply_becomes_a_turn() -> None:
    replying()(
        f"""
             done                   | FinishPlayout
      2490   speech starts 2200     | Recognise
      2550   drained                | {ENDS} SpeechStartedNotice Remember Listen
             reads mhm              |
        """
    )


def test_a_murmur_that_outlasts_the_reply_does_not_unless_it_goes_on() -> None:
    play = replying()(PAUSED)
    play(
        f"""
             done                   | FinishPlayout
      2800   pause                  | Recognise
             reads mhm              | ResumePlayout
      2850   drained                | {ENDS}
        """
    )
    play("2950 resume | SpeechStartedNotice Remember Listen")
    assert play.last(fx.Listen).start == 2650 * PER_MS


def over_the_end(play: Play) -> Play:
    """A sound with the preset "wait": it pauses, the reply ends, its words are not known yet."""
    return play(
        f"""
             done                   | FinishPlayout
      2490   speech starts 2200     | Recognise
      2800   pause                  | Recognise
      2850   drained                | {ENDS}
        """
    )


@pytest.mark.parametrize("read", ["mhm", "nothing"])
def test_a_murmur_over_the_end_of_a_reply_is_forgotten_when_its_words_are_known(read: str) -> None:
    play = over_the_end(replying("wait"))
    play(
        f"""
             reads {read}           |
      3100   speech ends 2600       |
      4000   speech starts 3700     | SpeechStartedNotice Remember Listen
        """
    )


@pytest.mark.parametrize("read", ["what time", "unsure am her", "unknown", "stop"])
def test_words_over_the_end_of_a_reply_are_a_turn(read: str) -> None:
    play = over_the_end(replying("wait"))
    play(f"reads {read} | SpeechStartedNotice Remember Listen StopListening Prepare")
    assert play.last(fx.Listen).start == 2200 * PER_MS


def test_words_over_the_end_of_a_reply_that_are_known_late_are_answered_at_once() -> None:
    play = over_the_end(replying("wait"))
    play("3100 speech ends 2600 |")
    opened = "SpeechStartedNotice Remember Listen StopListening Prepare"
    play(f"reads what time | {opened} {COMMITS} Release Commit ResponseCreated")


def test_speech_that_goes_on_over_the_end_of_a_reply_is_a_turn() -> None:
    play = over_the_end(replying("wait"))
    play(
        """
      2900   resume                 | SpeechStartedNotice Remember Listen
             reads mhm              |
        """
    )


def test_new_speech_before_the_words_are_known_takes_their_place() -> None:
    play = over_the_end(replying("wait"))
    play(
        """
      3100   speech ends 2600       |
      3200   speech starts 3000     | SpeechStartedNotice Remember Listen
             reads mhm              |
        """
    )
    assert play.last(fx.Listen).start == 3000 * PER_MS


def murmured_after_words() -> Play:
    """Something was said into a reply, which then ended amid a murmur."""
    return replying("wait")(
        f"""
      2490   speech starts 2200     | Recognise
             reads what time        | SpeechStartedNotice
      3000   pause                  |
      3300   speech ends 2800       | {COMMITS}
             done                   | Remember Listen StopListening FinishPlayout
      3400   speech starts 3350     | Recognise
      3600   pause                  | Recognise
             drained                | {ENDS}
        """
    )


def test_what_was_said_before_is_answered_once_the_murmur_is_forgotten() -> None:
    murmured_after_words()("reads mhm | Release StartReply ResponseCreated")


@pytest.mark.parametrize("what", ["echo", "by hand"])
def test_what_was_said_before_is_answered_though_the_words_are_not_waited_for(what: str) -> None:
    play = murmured_after_words()
    before = len(play.all(fx.StartReply))
    if what == "echo":
        play("button echo")
    else:
        change(play, turn_detection=False)
    assert len(play.all(fx.StartReply)) == before + 1


# --- stop phrases ----------------------------------------------------------------------------


def test_a_stop_phrase_silences_and_is_not_answered() -> None:
    play = replying(transcribe=True)(PAUSED)
    play(
        f"""
      2800   pause                  | Recognise
             reads Stop it, please! | {STOPS} Transcribe
      3100   speech ends 2600       | {COMMITS} TranscriptionCompleted
        """
    )
    assert play.last(no.ResponseDone).response.reason == "turn_detected"
    item = play.last(no.ItemDone).item
    kept = play.core.history.get(item.id)
    assert isinstance(kept.content[0], InputAudio)  # type: ignore[union-attr]
    assert kept.content[0].transcript == "Stop it, please!"  # type: ignore[union-attr]


def test_the_model_is_never_told_of_a_stop_phrase() -> None:
    play = replying()(PAUSED)
    play("2800 pause")("reads stop")("3100 speech ends 2600")
    hushed = play.last(no.ItemDone).item.id
    play("instruct be brief")("write u hi")("respond | RebuildDialogue StartReply ResponseCreated")
    assert hushed in [item.id for item in play.core.history]
    assert hushed not in [item.id for item in play.last(fx.RebuildDialogue).items]


def test_a_stop_phrase_that_goes_on_is_a_command() -> None:
    play = replying()(PAUSED)
    play(
        f"""
      2800   pause                  | Recognise
             reads stop             | {STOPS}
      2950   resume                 | Listen
      3400   pause                  | StopListening Prepare
      3700   speech ends 3200       | {COMMITS} Release Commit ResponseCreated
        """
    )
    assert play.last(fx.Listen).start == 2200 * PER_MS


def test_a_stop_phrase_in_mid_speech_stops_at_once_and_waits_for_the_rest() -> None:
    play = replying()(PAUSED)
    play(f"reads stop | {STOPS} Listen")
    play("3200 pause | StopListening Recognise Prepare")
    play("reads stop the music |")
    play(f"3500 speech ends 3000 | {COMMITS} Release Commit ResponseCreated")


@pytest.mark.parametrize("barge_in", ["instant", "polite"])
def test_a_turn_that_turns_out_to_be_a_stop_phrase_is_not_answered(barge_in: str) -> None:
    play = replying(barge_in)
    play("2490 speech starts 2200")
    if barge_in == "polite":
        play("reads sto")
    play(
        f"""
      2800   pause                  | StopListening Recognise Prepare
             reads stop             | Drop Rewind Truncate
      3100   speech ends 2600       | {COMMITS}
        """
    )


def test_wait_is_ended_by_a_stop_phrase() -> None:
    play = replying("wait")
    play(
        f"""
      2430   voice suspected        |
      2490   speech starts 2200     | Recognise
      2800   pause                  | Recognise
             reads 收聲             | {STOPS}
      3100   speech ends 2600       | {COMMITS}
        """
    )


# --- wait, off, instant, and a client that forbids it ----------------------------------------


def test_wait_lets_the_reply_finish_and_answers_then() -> None:
    replying("wait")(
        f"""
      2430   voice suspected        |
      2490   speech starts 2200     | Recognise
             reads what time        | SpeechStartedNotice
      2600   voice confirmed        |
      3000   pause                  |
      3300   speech ends 2800       | {COMMITS}
             done                   | Remember Listen StopListening FinishPlayout
             drained                | {ENDS} Release StartReply ResponseCreated
        """
    )


def test_wait_forgets_a_murmur() -> None:
    replying("wait")(
        f"""
      2490   speech starts 2200     | Recognise
      2800   pause                  | Recognise
             reads mhm              |
      3100   speech ends 2600       |
             done                   | FinishPlayout
             drained                | {ENDS}
        """
    )


def test_wait_answers_in_vain_rather_than_lose_what_the_model_cannot_write_down() -> None:
    replying("wait")(
        f"""
      2490   speech starts 2200     | Recognise
      2800   pause                  | Recognise
             reads unknown          | SpeechStartedNotice
      3100   speech ends 2600       | {COMMITS}
        """
    )


def test_instant_stops_before_any_word_is_known() -> None:
    play = replying("instant")
    play("2430 voice suspected | PausePlayout")
    play(f"2490 speech starts 2200 | {STOPS} Listen")


def test_a_client_that_forbids_interruptions_has_every_turn_told_at_once() -> None:
    replying(interrupt_response=False)(
        f"""
      2490   speech starts 2200     | SpeechStartedNotice
      2800   pause                  |
      3100   speech ends 2600       | {COMMITS}
        """
    )


def change(play: Play, **settings: Any) -> Play:
    """The client changes its session."""
    play.happen(ev.SettingsChanged(replace(play.core.settings, **settings)))
    return play


def test_a_preset_that_changes_meanwhile_decides() -> None:
    play = change(replying()(PAUSED), barge_in="off")
    assert play.all(fx.ResumePlayout) and not play.referee.paused
    play("reads turn off |")


@pytest.mark.parametrize("settings", [{"barge_in": "wait"}, {"interrupt_response": False}])
def test_a_reply_that_may_not_be_interrupted_any_more_goes_on_at_once(settings: Any) -> None:
    play = change(replying()(PAUSED), **settings)
    assert play.all(fx.ResumePlayout) and not play.referee.paused
    play("reads what time | SpeechStartedNotice")


def test_a_verdict_from_outside_takes_suspicion_back() -> None:
    replying()(PAUSED)(
        """
      2500   button echo            | ResumePlayout
      2600   voice confirmed        |
             reads turn off         |
        """
    )


# --- text ------------------------------------------------------------------------------------


def test_text_interrupts_where_it_says_so() -> None:
    play = replying()
    play(
        """
             played 600 450         |
             write u hi             | ItemAdded ItemDone
             respond                | ProtocolError
             respond interrupting   | CancelReply StopPlayout AudioDone TranscriptDone \
ContentPartDone ItemDone OutputItemDone ResponseDone Remember Truncate AddItem Release StartReply \
ResponseCreated
        """
    )
    assert play.all(no.ResponseDone)[0].response.reason == "client_cancelled"
    assert play.said()[0] == "it is"


def test_what_the_daemon_has_to_say_lets_the_text_be_answered_first() -> None:
    play = replying()
    play("say tea is ready |")
    play("respond interrupting")
    assert play.last(fx.StartReply).spec.say is None


def test_a_reply_that_ends_while_it_is_paused_leaves_the_loudspeaker_free() -> None:
    play = replying()(
        f"""
             done
      2430   voice suspected        | PausePlayout
             drained                | ResumePlayout {ENDS}
      2450   voice denied           |
        """
    )
    assert not play.referee.paused


def test_a_reply_that_fails_before_its_first_sound_leaves_the_loudspeaker_free() -> None:
    play = Play(barge_in="polite")(
        """
             respond
       100   voice suspected        | PausePlayout
        """
    )
    play("fails")
    assert play.all(fx.ResumePlayout) and not play.referee.paused
