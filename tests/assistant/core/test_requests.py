"""What clients ask for: manual turns, items, truncation, responses, tools."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.assistant.core.script import CLIENT_TOOL, PER_MS, Play
from vivavoce.assistant.core import effects as fx
from vivavoce.assistant.core import notices as no
from vivavoce.assistant.core.events import SettingsChanged
from vivavoce.assistant.core.items import InputAudio, MessageItem

SPOKEN = """
           write u hi
           respond                | Release StartReply ResponseCreated
           text 0 it
           audio 0 200
           text 1  is
           audio 1 200
           text 2  noon
           audio 2 200
           done                   | FinishPlayout
"""


def error(play: Play) -> no.ProtocolError:
    found = play.effects[-1]
    assert isinstance(found, no.ProtocolError), found
    return found


# --- the input buffer by hand ----------------------------------------------------------------


def test_manual_turns_are_heard_as_they_come_and_answered_when_asked() -> None:
    play = Play(turn_detection=False)
    play(
        """
       100   append                 | Remember Listen
       900   append                 |
      1000   commit                 | StopListening KeepAudio InputCommitted ItemAdded ItemDone
             respond                | Release StartReply ResponseCreated
             heard what time is it  |
        """
    )
    first = next(iter(play.core.history))
    assert isinstance(first, MessageItem)
    assert first.content == (InputAudio(1000 * PER_MS, "what time is it"),)


def test_sound_that_was_not_committed_is_not_answered() -> None:
    play = Play(turn_detection=False)
    play(
        """
       100   append                 | Remember Listen
       200   respond                | StopListening Rewind Release StartReply ResponseCreated
       300   append                 |
             done                   | Remember Listen ResponseDone
        """
    )
    assert play.last(fx.Listen).start == 0


@pytest.mark.parametrize("ms, fine", [(0, False), (99, False), (100, True)])
def test_a_commit_needs_100_ms(ms: int, fine: bool) -> None:
    play = Play(turn_detection=False)(f"{ms} commit")
    assert bool(play.all(no.InputCommitted)) == fine
    if not fine:
        assert error(play).code == "input_audio_buffer_commit_empty"
        assert error(play).event_id == "evt"


def test_a_commit_during_a_reply_ends_the_suspicion_that_paused_it() -> None:
    play = Play(barge_in="polite")(SPOKEN)
    play(
        """
      2430   voice suspected        | PausePlayout
      2490   speech starts 2200
      2500   commit
             drained
        """
    )
    assert play.all(fx.ResumePlayout)
    assert not play.core.listening, "the voice has become the committed item"


def test_clear_takes_back_what_was_heard() -> None:
    play = Play(turn_detection=False)
    play(
        """
       500   append                 | Remember Listen
             clear                  | StopListening Rewind InputCleared
       550   commit
        """
    )
    assert "50 ms" in error(play).message


def test_clear_drops_a_prepared_reply() -> None:
    Play()(
        """
       590   speech starts 200
      1700   pause                  | StopListening Prepare
      1750   clear                  | Drop Rewind InputCleared
      2000   speech ends 1500       |
        """
    )


def test_going_over_to_manual_turns_keeps_what_is_being_said() -> None:
    play = Play()
    play("590 speech starts 200")
    play.happen(_switched(play))
    play("1000 commit")
    assert play.last(fx.KeepAudio).start == 200 * PER_MS
    assert not play.all(no.SpeechStoppedNotice)


def _switched(play: Play) -> SettingsChanged:
    return SettingsChanged(replace(play.core.settings, turn_detection=False))


# --- truncation ------------------------------------------------------------------------------


def test_a_client_cuts_a_finished_item() -> None:
    play = Play()(SPOKEN)
    play(
        """
             drained
             truncate item_0002 450 | Remember Truncate ItemTruncated
             kept 300 it            |
             kept 450 it is!        |
        """
    )
    assert play.last(fx.Truncate).samples == 450 * PER_MS
    assert play.said() == ["it is!"], "the model has the last word, but only on the last cut"


def test_a_late_cut_is_made_behind_what_has_been_said_since() -> None:
    play = Play()(SPOKEN)
    play(
        """
             played 600 300
      2490   speech starts 2200
             truncate item_0002 250 | StopListening Rewind Truncate Listen ItemTruncated
        """
    )
    assert play.last(fx.Listen).start == 2200 * PER_MS
    assert play.said() == ["it"]


def test_the_client_knows_better_than_our_estimate_both_ways() -> None:
    play = Play()(SPOKEN)
    play(
        """
             played 600 300
      2490   speech starts 2200
             truncate item_0002 590
        """
    )
    assert play.last(fx.Truncate).samples == 590 * PER_MS
    assert play.said() == ["it is"]


def test_a_cut_that_comes_after_the_next_reply_rebuilds_the_dialogue() -> None:
    play = Play()(SPOKEN)
    play(
        """
             drained
             write v more
             respond
             done                   | ResponseDone
             truncate item_0002 250 | ItemTruncated
             respond                | RebuildDialogue StartReply ResponseCreated
        """
    )
    items = play.last(fx.RebuildDialogue).items
    assert [item.id for item in items] == ["u", "item_0002", "v"]
    assert items[1].content[0].transcript == "it"


def test_cutting_what_is_being_spoken_stops_it() -> None:
    play = Play()(SPOKEN)
    play("played 600 500")
    play("truncate item_0002 200")
    assert play.last(no.ResponseDone).response.reason == "client_cancelled"
    assert play.said() == ["it"]


@pytest.mark.parametrize(
    "request_line, code, param",
    [
        ("truncate nobody 100", "item_truncate_invalid_item_id", "item_id"),
        ("truncate u 100", "invalid_value", "item_id"),
        ("truncate item_0002 601", "invalid_value", "audio_end_ms"),
        ("truncate item_0002 -1", "invalid_value", "audio_end_ms"),
        ("delete nobody", "item_delete_invalid_item_id", "item_id"),
        ("cancel resp_9", "response_cancel_not_active", "response_id"),
        ("cancel", "response_cancel_not_active", None),
        ("write u again", "item_create_invalid_item_id", "item.id"),
        ("answer call_9 x", "invalid_value", "item.call_id"),
    ],
)
def test_what_cannot_be_had_is_refused(request_line: str, code: str, param: str | None) -> None:
    play = Play()(SPOKEN)("drained")(request_line)
    assert (error(play).code, error(play).param) == (code, param)


# --- responses -------------------------------------------------------------------------------


def test_one_response_at_a_time_but_any_number_aside() -> None:
    play = Play()
    play(
        """
             write u hi
             respond
             respond                | ProtocolError
             respond aside          | StartReply ResponseCreated
             text 0 other           | OutputItemAdded ContentPartAdded TranscriptDelta
             done                   | AudioDone TranscriptDone ContentPartDone OutputItemDone \
ResponseDone
             text 0 mine of 1       | OutputItemAdded ItemAdded ContentPartAdded TranscriptDelta
        """
    )
    assert len(play.core.history) == 2


def test_cancel_closes_from_the_inside_out() -> None:
    play = Play()(SPOKEN)
    play(
        """
             played 600 400
             cancel                 | StopPlayout AudioDone TranscriptDone ContentPartDone \
ItemDone OutputItemDone ResponseDone Remember Truncate
             audio 2 200            |
        """
    )
    assert play.said() == ["it is"]


def test_a_reply_cut_by_its_token_limit_is_incomplete() -> None:
    play = Play()
    play("write u hi")("respond")("text 0 it")("done max_tokens")
    view = play.last(no.ResponseDone).response
    assert (view.status, view.reason) == ("incomplete", "max_output_tokens")
    assert view.output[0].status == "incomplete"


def test_a_broken_model_fails_the_turn_and_is_opened_afresh() -> None:
    play = Play()
    play(
        """
             write u hi
             respond
             text 0 it
             fails it broke         | CancelReply AudioDone TranscriptDone ContentPartDone \
ItemDone OutputItemDone ResponseDone
             respond                | RebuildDialogue StartReply ResponseCreated
        """
    )
    assert play.all(no.ResponseDone)[0].response.error == "it broke"


def test_a_prepared_reply_that_fails_is_made_again_at_the_endpoint() -> None:
    Play()(
        """
       590   speech starts 200
      1700   pause
             fails it broke         | Drop
      2000   speech ends 1500       | SpeechStoppedNotice KeepAudio InputCommitted ItemAdded \
ItemDone RebuildDialogue StartReply ResponseCreated
        """
    )


def test_other_instructions_take_effect_before_the_next_reply() -> None:
    play = Play()(SPOKEN)
    play(
        """
             instruct be brief      |
             drained
             respond                | RebuildDialogue StartReply ResponseCreated
        """
    )
    assert play.last(fx.RebuildDialogue).settings.instructions == "be brief"


def test_an_item_written_while_the_user_speaks_comes_before_the_turn() -> None:
    Play()(
        """
       590   speech starts 200      | SpeechStartedNotice Remember Listen
       700   write u hi             | StopListening Rewind AddItem Listen ItemAdded ItemDone
        """
    )


def test_a_deleted_item_is_forgotten_by_the_model_too() -> None:
    play = Play()(SPOKEN)("drained")
    play("delete u                    | ItemDeleted")
    play("590 speech starts 200       | SpeechStartedNotice RebuildDialogue Remember Listen")
    assert [item.id for item in play.last(fx.RebuildDialogue).items] == ["item_0002"]


def test_a_long_conversation_is_opened_afresh_with_its_newest_items() -> None:
    play = Play(modality="text")
    for turn in range(70):
        play(f"write u{turn} hi")("respond")("text 0 well")("done")
    rebuilt = play.all(fx.RebuildDialogue)
    assert len(rebuilt) == 1
    assert len(rebuilt[0].items) == 64
    assert rebuilt[0].items[-1].id in {item.id for item in play.core.history}


def test_a_reply_that_nobody_could_hear_is_kept_as_far_as_it_was_heard() -> None:
    play = Play()(SPOKEN)
    play("drained 200")
    assert play.last(no.ResponseDone).response.status == "incomplete"
    whole = Play()(SPOKEN)("drained 100000")
    assert whole.last(no.ResponseDone).response.status == "completed"
    words = [p.core.history.get("item_0002").content[0].transcript for p in (play, whole)]
    assert len(words[0]) < len(words[1])


def test_what_has_left_is_told_and_a_murmur_before_it_was_played_is_none() -> None:
    play = Play(barge_in="polite")(SPOKEN)
    play(
        """
             sent                   | AudioDone TranscriptDone ContentPartDone
             sent                   |
      1150   voice suspected        | PausePlayout
      1200   speech starts 1000     | Recognise
      1300   pause                  | Recognise
             reads mhm              | ResumePlayout
             drained                | ItemDone OutputItemDone ResponseDone
      1600   speech ends 1250       |
        """
    )
    assert play.last(no.ResponseDone).response.status == "completed"


def test_a_call_to_the_client_does_not_wait_until_all_was_played() -> None:
    play = Play(tools=(CLIENT_TOOL,))
    play(
        """
             write u hi
             respond
             text 0 wait
             audio 0 200
             call c1 fridge waits
             done tool_calls        | FinishPlayout
             sent
             drained                |
        """
    )
    assert play.last(no.ResponseDone).response.status == "completed"
    assert len(play.all(no.ArgumentsDone)) == 1
