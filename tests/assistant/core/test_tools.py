"""Tools: the daemon's own skills, before and after a turn counts, and the client's functions."""

from __future__ import annotations

from tests.assistant.core.script import CLIENT_TOOL, PER_MS, Play
from vivavoce.assistant.core import effects as fx
from vivavoce.assistant.core import notices as no


def test_a_pure_skill_runs_for_a_reply_that_may_be_dropped() -> None:
    play = Play(pure_skills=frozenset({"time"}))
    play(
        """
       590   speech starts 200
      1700   pause
             call c1 time waits     | RunTool
             done tool_calls        |
             tool c1 noon           | ContinueReply
             text 0 noon            |
      2000   speech ends 1500
        """
    )
    assert [a.name for a in play.last(no.ResponseCreated).response.actions] == []
    play("audio 0 100")("done")("drained")
    assert [a.name for a in play.last(no.ResponseDone).response.actions] == ["time"]
    assert len(play.all(fx.RunTool)) == len(play.all(fx.ContinueReply)) == 1


def test_a_skill_with_consequences_waits_for_the_turn_to_count() -> None:
    play = Play()
    play(
        """
       590   speech starts 200
      1700   pause
             call c1 light_on goes_on |
             text 0 done            |
      1800   resume                 | Drop Listen
      2400   pause
             call c1 light_on goes_on |
             call c2 weather waits  |
             done tool_calls        |
      2700   speech ends 2200
        """
    )
    assert [run.name for run in play.all(fx.RunTool)] == ["light_on", "weather"]
    play("tool c2 sunny | ContinueReply")


def test_the_clients_own_function_ends_the_response() -> None:
    play = Play(tools=(CLIENT_TOOL,))
    play(
        """
             write u hi
             respond
             call c1 fridge waits   |
             done tool_calls        | OutputItemAdded ItemAdded ArgumentsDelta ArgumentsDone \
ItemDone OutputItemDone ResponseDone
        """
    )
    call_id = play.last(no.ArgumentsDone).call_id
    play(f"answer {call_id} milk    | Remember AddItem ItemAdded ItemDone")
    assert play.last(fx.AddItem).item.call_id == "c1", "the model knows the call by its own id"
    play("respond                   | Release StartReply ResponseCreated")


def test_a_function_of_the_clients_that_needs_no_result_ends_it_too() -> None:
    Play(tools=(CLIENT_TOOL,))(
        """
             write u hi
             respond
             call c1 fridge goes_on | CancelReply OutputItemAdded ItemAdded ArgumentsDelta \
ArgumentsDone ItemDone OutputItemDone ResponseDone
             text 0 late            |
        """
    )


def test_a_reply_in_two_rounds_is_cut_in_the_second() -> None:
    play = Play()
    play(
        """
             write u hi
             respond
             text 0 well
             audio 0 200
             call c1 time waits
             done tool_calls
             tool c1 noon           | ContinueReply
             text 0  it
             audio 0 100
             text 1  is
             audio 1 100
             played 400 320
      2490   speech starts 2200
        """
    )
    assert play.last(fx.Truncate).samples == 120 * PER_MS
    assert play.said() == ["well it"]
