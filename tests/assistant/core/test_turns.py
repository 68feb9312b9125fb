"""Spoken turns, as columns of time, event and effects."""

from __future__ import annotations

from tests.assistant.core.script import PER_MS, Play
from vivavoce.assistant.core import effects as fx
from vivavoce.assistant.core import notices as no

ASKED = """
     590   speech starts 200      | SpeechStartedNotice Remember Listen
    1700   pause                  | StopListening Prepare
"""
ANSWERED = """
           text 0 it
           audio 0 200
           text 1  is
           audio 1 200
           text 2  noon
           audio 2 200
"""


def test_the_reply_is_ready_before_the_turn_ends() -> None:
    play = Play()
    play(ASKED)
    play(
        """
             text 0 it              |
             audio 0 200            |
      2000   speech ends 1500       | SpeechStoppedNotice KeepAudio InputCommitted ItemAdded \
ItemDone Release Commit ResponseCreated OutputItemAdded ItemAdded ContentPartAdded \
TranscriptDelta PlayAudio
             done                   | FinishPlayout
             drained                | AudioDone TranscriptDone ContentPartDone ItemDone \
OutputItemDone ResponseDone
        """
    )
    assert play.last(no.ResponseDone).response.status == "completed"
    assert play.said() == ["it"]


def test_speech_that_goes_on_takes_the_prepared_reply_back() -> None:
    play = Play()
    play(ASKED)
    play(
        """
             text 0 it              |
      1850   resume                 | Drop Listen
             text 1  is of 1        |
      2400   pause                  | StopListening Prepare
      2700   speech ends 2200       | SpeechStoppedNotice KeepAudio InputCommitted ItemAdded \
ItemDone Release Commit ResponseCreated
             text 0 late of 1       |
        """
    )
    assert play.last(fx.Listen).start == 1700 * PER_MS
    kept = play.last(fx.KeepAudio)
    assert (kept.start, kept.end) == (200 * PER_MS, 2400 * PER_MS)


def test_without_speculation_the_reply_begins_at_the_endpoint_with_the_same_sound() -> None:
    play = Play(speculate=False)
    play(
        """
       590   speech starts 200      | SpeechStartedNotice Remember Listen
      1700   pause                  | StopListening
      2000   speech ends 1500       | SpeechStoppedNotice KeepAudio InputCommitted ItemAdded \
ItemDone Release StartReply ResponseCreated
        """
    )
    assert play.last(fx.KeepAudio).end == 1700 * PER_MS


def test_barge_in_keeps_what_was_heard_and_listens_from_where_the_voice_began() -> None:
    play = Play(barge_in="instant")
    play(ASKED)(ANSWERED)
    play(
        """
      2000   speech ends 1500
             played 600 0           |
      2430   voice suspected        | PausePlayout
             played 600 450         |
      2490   speech starts 2200     | SpeechStartedNotice CancelReply StopPlayout AudioDone \
TranscriptDone ContentPartDone ItemDone OutputItemDone ResponseDone Remember Truncate Listen
        """
    )
    assert play.last(no.ResponseDone).response.reason == "turn_detected"
    assert play.last(fx.Truncate).samples == 450 * PER_MS
    assert play.last(fx.Listen).start == 2200 * PER_MS
    assert play.said() == ["it is"]
    told = play.last(no.ItemDone).item
    assert play.last(no.OutputItemDone).item == told == play.core.history.get(told.id)
    assert play.last(no.ResponseDone).response.output == (told,)
    assert play.last(no.TranscriptDone).transcript == "it is noon"


def test_no_more_than_was_sent_can_have_been_heard() -> None:
    play = Play()
    play(ASKED)(ANSWERED)
    play(
        """
      2000   speech ends 1500
             played 300 9000        |
      2490   speech starts 2200
        """
    )
    assert play.last(fx.Truncate).samples == 300 * PER_MS
    assert play.said() == ["it"]


def test_off_does_not_listen_to_what_begins_during_a_reply() -> None:
    play = Play(barge_in="off")
    play(ASKED)(ANSWERED)
    play(
        """
      2000   speech ends 1500
      2430   voice suspected        |
      2490   speech starts 2200     |
      2600   voice confirmed        |
             done                   | FinishPlayout
             drained                | AudioDone TranscriptDone ContentPartDone ItemDone \
OutputItemDone ResponseDone
      3000   pause                  |
      3300   speech ends 2800       |
      4490   speech starts 4200     | SpeechStartedNotice Remember Listen
        """
    )


def test_without_interrupt_response_nothing_new_is_answered_while_a_reply_runs() -> None:
    play = Play(interrupt_response=False)
    play(ASKED)(ANSWERED)
    play(
        """
      2000   speech ends 1500
      2490   speech starts 2200     | SpeechStartedNotice
      3000   pause                  |
      3300   speech ends 2800
             done
             drained                | AudioDone TranscriptDone ContentPartDone ItemDone \
OutputItemDone ResponseDone
        """
    )
    assert len(play.all(no.ResponseCreated)) == 1


def test_speech_right_after_the_endpoint_forgets_the_unheard_reply() -> None:
    play = Play()
    play(ASKED)
    play(
        """
      2000   speech ends 1500
      2100   speech starts 2000     | SpeechStartedNotice CancelReply ResponseDone \
Remember Truncate Listen
        """
    )
    assert play.last(fx.Truncate).samples == 0


def test_silence_for_too_long_lets_the_assistant_speak_up() -> None:
    play = Play()
    play(
        """
      9000   idle 3000              | TimeoutTriggered KeepAudio InputCommitted ItemAdded \
ItemDone Remember Listen StopListening Release StartReply ResponseCreated
        """
    )


def test_what_the_daemon_has_to_say_waits_for_the_user_and_for_the_reply() -> None:
    play = Play()
    play(ASKED)
    play(
        """
      1750   say tea is ready       |
      2000   speech ends 1500
             text 0 noon
             audio 0 200
             done
             drained                | AudioDone TranscriptDone ContentPartDone ItemDone \
OutputItemDone ResponseDone StartReply ResponseCreated
             text 0 tea is ready
             audio 0 300
             done
             drained
        """
    )
    assert play.said() == ["noon", "tea is ready"]
    assert play.last(fx.AddItem).item.content[0].transcript == "tea is ready"


def test_closing_the_session_closes_everything() -> None:
    play = Play()
    play(ASKED)(ANSWERED)
    play(
        """
      2000   speech ends 1500
             respond aside          | StartReply ResponseCreated
             close                  | CancelReply StopPlayout AudioDone TranscriptDone \
ContentPartDone ItemDone OutputItemDone ResponseDone Remember Truncate CancelReply ResponseDone
             speech starts          |
        """
    )
