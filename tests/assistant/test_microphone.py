"""The microphone's states: a dialogue of events and effects, and what holds whatever happens."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from vivavoce.assistant.microphone import (
    LEAD_S,
    LONGEST_PRESS_S,
    SHORTEST_PRESS_S,
    Answer,
    Attend,
    CloseDevice,
    Ignore,
    Indicator,
    Interrupt,
    Microphone,
    Muted,
    OpenDevice,
    Passed,
    Pushed,
    Released,
    Unmuted,
    WakeHeard,
)

S = 16_000  # samples a second

WAITING = Indicator("waiting")
WOKEN = Indicator("open", "wake_word")
FOLLOW_UP = Indicator("open", "follow_up")
BUTTON = Indicator("open", "button")


def shelf(**options: object) -> Microphone:
    """A speaker on a shelf that waits for its wake word."""
    microphone = Microphone("wake_word", listen_s=5, follow_up_s=8, **options)
    microphone.start()
    return microphone


def woken(at_s: float = 10) -> Microphone:
    microphone = shelf()
    microphone.receive(WakeHeard(round(at_s * S), round(at_s * S) - 800))
    return microphone


def passed(at_s: float, engaged: bool = False) -> Passed:
    return Passed(round(at_s * S), engaged)


def test_it_begins_open_waiting_or_closed():
    assert Microphone("always").start() == [Indicator("open", "always"), OpenDevice(), Attend(0)]
    assert Microphone("wake_word").start() == [WAITING, OpenDevice()]
    assert Microphone("push_to_talk").start() == [WAITING, OpenDevice()]
    closed = Microphone("always", muted=True)
    assert closed.start() == [Indicator("muted")]
    assert closed.receive(WakeHeard(9, 3)) == closed.receive(Pushed(9)) == []


def test_the_wake_word_opens_it_where_the_command_begins():
    microphone = shelf()
    assert microphone.receive(passed(9.98)) == []
    assert microphone.receive(WakeHeard(10 * S, 10 * S - 800)) == [
        WOKEN,
        Interrupt(),
        Attend(10 * S - 800),
    ]


def test_whoever_wakes_it_and_says_nothing_is_waited_for_only_so_long():
    microphone = woken(at_s=10)
    assert microphone.receive(passed(14.99)) == []
    assert microphone.receive(passed(15)) == [Ignore(), WAITING]


def test_it_stays_open_while_somebody_speaks_or_it_answers():
    microphone = woken(at_s=10)
    assert microphone.receive(passed(14, engaged=True)) == []
    assert microphone.receive(passed(40, engaged=True)) == []


def test_the_follow_up_window_counts_from_the_end_of_the_reply():
    microphone = woken(at_s=10)
    microphone.receive(passed(11, engaged=True))
    microphone.receive(passed(19.98, engaged=True))
    assert microphone.receive(passed(20)) == [FOLLOW_UP]
    assert microphone.receive(passed(27.98)) == []
    assert microphone.receive(passed(28)) == [Ignore(), WAITING]


def test_every_turn_in_the_window_opens_another():
    microphone = woken(at_s=10)
    microphone.receive(passed(11, engaged=True))
    microphone.receive(passed(20))
    microphone.receive(passed(27.9, engaged=True))
    assert microphone.receive(passed(40, engaged=True)) == []
    assert microphone.receive(passed(41)) == []  # it says follow-up already
    assert microphone.receive(passed(48.9)) == []
    assert microphone.receive(passed(49)) == [Ignore(), WAITING]


def test_without_a_window_it_closes_with_the_end_of_the_reply():
    microphone = Microphone("wake_word", follow_up_s=0)
    microphone.start()
    microphone.receive(WakeHeard(10 * S, 10 * S))
    microphone.receive(passed(11, engaged=True))
    assert microphone.receive(passed(20)) == [Ignore(), WAITING]


def test_the_wake_word_during_a_reply_interrupts_it_and_begins_anew():
    microphone = woken(at_s=10)
    microphone.receive(passed(12, engaged=True))
    assert microphone.receive(WakeHeard(13 * S, 13 * S - 500)) == [
        Interrupt(),
        Attend(13 * S - 500),
    ]
    assert microphone.receive(passed(13.02)) == [], "the interrupted reply has no follow-up"
    assert microphone.receive(passed(18)) == [Ignore(), WAITING]


def test_mute_takes_the_sound_away_closes_the_device_and_only_then_says_so():
    microphone = woken()
    assert microphone.receive(Muted()) == [Ignore(), CloseDevice(), Indicator("muted")]
    assert microphone.receive(Muted()) == []
    assert microphone.receive(WakeHeard(20 * S, 20 * S)) == []
    assert microphone.receive(passed(30, engaged=True)) == []


def test_unmuting_says_so_before_the_device_opens():
    microphone = Microphone("always", muted=True)
    microphone.start()
    opened = [Indicator("open", "always"), OpenDevice(), Attend(70)]
    assert microphone.receive(Unmuted(70)) == opened
    assert microphone.receive(Unmuted(80)) == []


def test_unmuting_a_shelf_speaker_does_not_open_the_old_window():
    microphone = woken(at_s=10)
    microphone.receive(passed(11, engaged=True))
    microphone.receive(Muted())
    assert microphone.receive(Unmuted(12 * S)) == [WAITING, OpenDevice()]
    assert microphone.receive(passed(12.1)) == []


def test_a_button_opens_it_while_it_is_held():
    microphone = Microphone("push_to_talk")
    microphone.start()
    assert microphone.receive(Pushed(10 * S)) == [
        BUTTON,
        Interrupt(by_hand=True),
        Attend(round((10 - LEAD_S) * S), by_hand=True),
    ]
    assert microphone.receive(Pushed(11 * S)) == []
    assert microphone.receive(passed(50, engaged=True)) == []
    assert microphone.receive(Released(50 * S)) == [Answer(), Ignore(), WAITING]
    assert microphone.receive(Released(51 * S)) == []


def test_a_tap_is_no_turn_but_silences_the_assistant():
    microphone = Microphone("push_to_talk")
    microphone.start()
    assert Interrupt(by_hand=True) in microphone.receive(Pushed(10 * S))
    at = round((10 + SHORTEST_PRESS_S) * S) - 1
    assert microphone.receive(Released(at)) == [Ignore(), WAITING]


def test_a_button_that_is_never_released_lets_go_by_itself():
    microphone = Microphone("push_to_talk")
    microphone.start()
    microphone.receive(Pushed(0))
    assert microphone.receive(passed(LONGEST_PRESS_S)) == [Answer(), Ignore(), WAITING]


@pytest.mark.parametrize(
    ("activation", "after"),
    [
        ("always", [Answer(), Indicator("open", "always"), Attend(12 * S)]),
        ("wake_word", [Answer(), Attend(12 * S), FOLLOW_UP]),
    ],
)
def test_the_button_works_beside_the_other_ways(activation, after):
    microphone = Microphone(activation)
    microphone.start()
    microphone.receive(Pushed(10 * S))
    assert microphone.receive(WakeHeard(11 * S, 11 * S)) == []
    assert microphone.receive(Released(12 * S)) == after


def test_mute_while_the_button_is_held_drops_what_was_said():
    microphone = Microphone("push_to_talk")
    microphone.start()
    microphone.receive(Pushed(10 * S))
    assert microphone.receive(Muted()) == [Ignore(), CloseDevice(), Indicator("muted")]
    assert microphone.receive(Released(12 * S)) == []


class TheLampNeverLies(RuleBasedStateMachine):
    """Any events in any order; after each single effect the lamp must say enough, and after
    each event it must say exactly what is.

        the device is open         <=>  the lamp is not "muted"
        the conversation hears     <=>  the lamp says "open"
    """

    def __init__(self) -> None:
        super().__init__()
        self.at = 0
        self.device = self.hears = False
        self.lamp = Indicator("muted")
        self.microphone: Microphone | None = None

    def carry_out(self, effects: list[object]) -> None:
        for effect in effects:
            if isinstance(effect, Indicator):
                assert effect != self.lamp, "a change is told once"
                self.lamp = effect
            elif isinstance(effect, OpenDevice):
                assert not self.device
                self.device = True
            elif isinstance(effect, CloseDevice):
                assert self.device
                self.device = False
            elif isinstance(effect, Attend):
                assert 0 <= effect.start <= self.at
                assert self.device
                self.hears = True
            elif isinstance(effect, Ignore):
                self.hears = False
            elif isinstance(effect, Answer):
                assert self.hears
            self.the_lamp_says_enough()

    def the_lamp_says_enough(self) -> None:
        assert not self.device or self.lamp.state != "muted"
        assert not self.hears or (self.lamp.state == "open" and self.device)

    @precondition(lambda self: self.microphone is None)
    @rule(
        activation=st.sampled_from(["always", "wake_word", "push_to_talk"]),
        muted=st.booleans(),
        follow_up_s=st.sampled_from([0, 2]),
    )
    def begin(self, activation, muted, follow_up_s):
        self.microphone = Microphone(activation, listen_s=1, follow_up_s=follow_up_s, muted=muted)
        effects = self.microphone.start()
        assert effects[0] == self.microphone.indicator
        self.carry_out(effects[1:] if muted else effects)

    @precondition(lambda self: self.microphone is not None)
    @rule(seconds=st.sampled_from([0.02, 0.2, 1.0, 2.5, 61.0]), engaged=st.booleans())
    def time_passes(self, seconds, engaged):
        self.at += round(seconds * S)
        self.carry_out(self.microphone.receive(Passed(self.at, engaged)))

    @precondition(lambda self: self.microphone is not None)
    @rule(kind=st.sampled_from(["wake", "push", "release", "mute", "unmute"]))
    def something_happens(self, kind):
        event = {
            "wake": WakeHeard(self.at, max(self.at - 1600, 0)),
            "push": Pushed(self.at),
            "release": Released(self.at),
            "mute": Muted(),
            "unmute": Unmuted(self.at),
        }[kind]
        self.carry_out(self.microphone.receive(event))
        if kind == "mute":
            assert not self.device and not self.hears
        if kind == "unmute":
            assert self.device

    @invariant()
    def the_lamp_says_what_is(self):
        if self.microphone is not None:
            assert self.lamp == self.microphone.indicator
            assert self.device == (self.lamp.state != "muted")
            assert self.hears == (self.lamp.state == "open") == self.microphone.open
            assert (self.lamp.why == "button") == self.microphone.held

    @invariant()
    def nobody_hears_unless_somebody_wanted_it(self):
        if self.microphone is not None and self.microphone.activation == "push_to_talk":
            assert self.hears == self.microphone.held


TestTheLampNeverLies = TheLampNeverLies.TestCase
TestTheLampNeverLies.settings = settings(
    max_examples=60,
    stateful_step_count=30,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
