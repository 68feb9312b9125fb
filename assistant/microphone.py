"""Whether the microphone hears, and for whom: events in, effects out. No device, no clock.

    state     device   its sound goes to                       left by
    muted     closed   nobody                                  unmute
    waiting   open     the wake word's engine, nobody else     wake word, button, mute
    open      open     the conversation                        the window's end, mute
    held      open     the conversation, a turn by hand        release of the button, mute

                     wake word                      nobody speaks for listen_s
    waiting ------------------------> open ------------------------------------> waiting
                                      |  ^                                          ^
                       somebody speaks|  |reply heard to its end                    |
                                      v  |   follow_up_s begins ------- it is over -+
                                   engaged: stays open

Times are samples of the microphone. The follow-up window counts from the moment the reply was
heard to its end, not from when it was made.

**The indicator never says less than is true.** What opens is told before it is done, what closes
is done before it is told: whatever follows the indicator, a lamp for instance, shines whenever
somebody could be listened to.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Activation = Literal["always", "wake_word", "push_to_talk"]
Sign = Literal["muted", "waiting", "open"]
Why = Literal["", "always", "wake_word", "follow_up", "button"]

LEAD_S = 0.2  # a hand on the button is slower than the tongue
SHORTEST_PRESS_S = 0.3  # less is a slip, not a turn
LONGEST_PRESS_S = 60.0  # whoever pushed may have gone without releasing


@dataclass(frozen=True)
class Indicator:
    """What everybody may see of the microphone: `why` it is open, nothing where it is not."""

    state: Sign
    why: Why = ""


# --- events ---------------------------------------------------------------------------------


@dataclass(frozen=True)
class Passed:
    """The microphone has heard `at` samples. engaged: somebody speaks to the assistant, or it
    answers, until the reply was heard to its end."""

    at: int
    engaged: bool


@dataclass(frozen=True)
class WakeHeard:
    """The wake word, by a person. start: where what follows it begins."""

    at: int
    start: int


@dataclass(frozen=True)
class Pushed:
    at: int


@dataclass(frozen=True)
class Released:
    at: int


@dataclass(frozen=True)
class Muted:
    pass


@dataclass(frozen=True)
class Unmuted:
    at: int


Event = Passed | WakeHeard | Pushed | Released | Muted | Unmuted

# --- effects --------------------------------------------------------------------------------


@dataclass(frozen=True)
class OpenDevice:
    pass


@dataclass(frozen=True)
class CloseDevice:
    """The stream itself; when this is done no handle is open."""


@dataclass(frozen=True)
class Attend:
    """Give the conversation what was heard from sample `start` on, then what comes.

    What it has of an unfinished turn is forgotten: the wake word is no part of the command.
    by_hand: the turn ends with `Answer`, not with a pause.
    """

    start: int
    by_hand: bool = False


@dataclass(frozen=True)
class Ignore:
    """Give the conversation nothing more; what it has of an unfinished turn is forgotten."""


@dataclass(frozen=True)
class Answer:
    """What was said by hand is a turn."""


@dataclass(frozen=True)
class Interrupt:
    """The assistant falls silent, if it speaks. by_hand: whatever `barge_in.mode` says."""

    by_hand: bool = False


Effect = OpenDevice | CloseDevice | Attend | Ignore | Answer | Interrupt | Indicator


class Microphone:
    """One microphone's state. `start` gives the first effects; the device is closed before.

    Args:
        activation: always: open unless muted; wake_word: see the picture; push_to_talk: open
            while a button is held.
        listen_s: how long somebody who woke it may think before speaking, seconds.
        follow_up_s: how long after a reply one may speak without the wake word, seconds.
        muted: begin with the device closed.
        rate_hz: of the sample indices.
    """

    def __init__(
        self,
        activation: Activation = "always",
        *,
        listen_s: float = 6.0,
        follow_up_s: float = 6.0,
        muted: bool = False,
        rate_hz: int = 16_000,
    ) -> None:
        self.activation = activation
        self.indicator = Indicator("muted")
        self._starts_muted = muted
        self._listen = round(listen_s * rate_hz)
        self._follow_up = round(follow_up_s * rate_hz)
        self._lead = round(LEAD_S * rate_hz)
        self._shortest = round(SHORTEST_PRESS_S * rate_hz)
        self._longest = round(LONGEST_PRESS_S * rate_hz)
        self._pushed_at: int | None = None
        self._engaged = False
        self._until: int | None = None
        self._out: list[Effect] = []

    @property
    def open(self) -> bool:
        """Whether the conversation hears."""
        return self.indicator.state == "open"

    @property
    def held(self) -> bool:
        """Whether the button is down."""
        return self._pushed_at is not None

    def start(self) -> list[Effect]:
        """The first effects."""
        return [self.indicator] if self._starts_muted else self.receive(Unmuted(0))

    def receive(self, event: Event) -> list[Effect]:
        """What is to be done now, in this order; any event may come at any time."""
        if isinstance(event, Unmuted):
            self._unmute(event.at)
        elif self.indicator.state == "muted":
            pass
        elif isinstance(event, Muted):
            self._mute()
        elif isinstance(event, Pushed):
            self._push(event.at)
        elif isinstance(event, Released):
            self._release(event.at)
        elif self._pushed_at is not None:
            if isinstance(event, Passed) and event.at - self._pushed_at >= self._longest:
                self._release(event.at)
        elif self.activation == "wake_word":
            self._follow(event)
        effects, self._out = self._out, []
        return effects

    # --- mute and button ---------------------------------------------------------------------

    def _mute(self) -> None:
        self._pushed_at = None
        if self.open:
            self._out.append(Ignore())
        self._out.append(CloseDevice())
        self._tell(Indicator("muted"))

    def _unmute(self, at: int) -> None:
        if self.indicator.state != "muted":
            return
        always = self.activation == "always"
        self._tell(Indicator("open", "always") if always else Indicator("waiting"))
        self._out.append(OpenDevice())
        if always:
            self._out.append(Attend(at))

    def _push(self, at: int) -> None:
        if self.held:
            return
        self._pushed_at, self._engaged = at, False
        self._tell(Indicator("open", "button"))
        self._out += [Interrupt(by_hand=True), Attend(max(at - self._lead, 0), by_hand=True)]

    def _release(self, at: int) -> None:
        pushed_at, self._pushed_at = self._pushed_at, None
        if pushed_at is None:
            return
        meant = at - pushed_at >= self._shortest
        if meant:
            self._out.append(Answer())
        if self.activation == "always":
            self._tell(Indicator("open", "always"))
            self._out.append(Attend(at))
        elif self.activation == "wake_word" and meant:
            self._out.append(Attend(at))
            self._until = at + self._listen
            self._tell(Indicator("open", "follow_up"))
        else:
            self._close()

    # --- wake word and window ----------------------------------------------------------------

    def _follow(self, event: Event) -> None:
        if isinstance(event, WakeHeard):
            self._engaged = False
            self._until = event.at + self._listen
            self._tell(Indicator("open", "wake_word"))
            self._out += [Interrupt(), Attend(event.start)]
        elif isinstance(event, Passed) and self.open:
            self._pass(event)

    def _pass(self, event: Passed) -> None:
        if event.engaged:
            self._engaged, self._until = True, None
        elif self._engaged:
            self._engaged = False
            self._wait_for_more(event.at)
        elif self._until is not None and event.at >= self._until:
            self._close()

    def _wait_for_more(self, at: int) -> None:
        if not self._follow_up:
            self._close()
            return
        self._until = at + self._follow_up
        self._tell(Indicator("open", "follow_up"))

    def _close(self) -> None:
        self._engaged, self._until = False, None
        self._out.append(Ignore())
        self._tell(Indicator("waiting"))

    def _tell(self, indicator: Indicator) -> None:
        if indicator != self.indicator:
            self.indicator = indicator
            self._out.append(indicator)
