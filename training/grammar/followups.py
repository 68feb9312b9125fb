"""Second turns that need the turn before: `and in paris`, `make it ten minutes`."""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import Any

from .expansion import compile_template

# For each intent before: (templates, intent after). Slots not said are taken over.
_SOURCE: dict[str, list[tuple[str, str, str]]] = {
    "light_on": [
        ("(and|also) [in] the {room} [too|as well]", "and one in the {room}", "light_on"),
        ("(the {room} too|the {room} as well|in the {room} too)", "same in the {room}", "light_on"),
        (
            "(now|and what about|what about|how about|and now) [in] the {room}",
            "do the {room} too",
            "light_on",
        ),
        (
            "[and|now|then|okay] (turn|switch|put) (it|them|that) [back] off [again|now|please]",
            "okay off again please",
            "light_off",
        ),
        (
            "[and|now] (dim|set|turn|put|change) (it|them|that) [down|up] to {percent}",
            "make that {percent}",
            "light_dim",
        ),
        ("(make it|only|just) {percent}", "a bit less {percent}", "light_dim"),
    ],
    "light_off": [
        ("(and|also) [in] the {room} [too|as well]", "and one in the {room}", "light_off"),
        (
            "(the {room} too|the {room} as well|in the {room} too)",
            "same in the {room}",
            "light_off",
        ),
        (
            "(now|and what about|what about|how about|and now) [in] the {room}",
            "do the {room} too",
            "light_off",
        ),
        (
            "[and|now|then|okay] (turn|switch|put) (it|them|that) [back] on [again|now|please]",
            "okay on again please",
            "light_on",
        ),
    ],
    "light_dim": [
        ("(make|set|turn) it [to] {percent}", "no i meant {percent}", "light_dim"),
        ("(and|also) [in] the {room} [too|as well]", "same in the {room}", "light_dim"),
        (
            "[and|now|then|okay] (turn|switch) (it|them|that) off [again|now|please]",
            "okay off now please",
            "light_off",
        ),
    ],
    "weather": [
        ("[and] [what is it like] (in|for) {city} [{day}]", "now {city}", "weather"),
        ("[and] (what|how) about [in] {city} [{day}]", "same for {city}", "weather"),
        ("(and|and there|and how is it|will it rain) {day}", "and what about {day}", "weather"),
        ("(what|how) about {day}", "same {day}", "weather"),
    ],
    "timer_set": [
        (
            "(make|change|set) (it|that|the timer) [to] {duration}",
            "no i meant {duration}",
            "timer_set",
        ),
        ("(no|sorry|actually) {duration} [please]", "better {duration}", "timer_set"),
        (
            "(cancel|stop|delete|end) (it|that|the timer) [again|please]",
            "no cancel that timer",
            "timer_cancel",
        ),
        ("how (much|long) is left", "how much is left now", "timer_query"),
    ],
    "alarm": [
        ("(make|change|set) (it|that) [to] {time}", "no i meant {time}", "alarm"),
        ("(no|sorry|actually) [at] {time} [please]", "better at {time}", "alarm"),
        ("[and] [another one] at {time} [too|as well]", "and one more at {time}", "alarm"),
    ],
    "list": [
        (
            "(and|also|and also|and some|plus) {item} [too|as well|please]",
            "and we need {item} too",
            "list",
        ),
        ("{item} (too|as well)", "and some {item}", "list"),
    ],
    "music": [
        (
            "(no|make it|actually|rather|better) {genre} [please|music]",
            "no i meant {genre}",
            "music",
        ),
        ("{genre} (instead|please instead)", "some {genre} instead", "music"),
        ("(turn|switch) it off [again|please]", "okay turn it off now", "music_stop"),
    ],
    "vol_up": [
        ("(more|again|a bit more|even more|some more) [please]", "a little bit more", "vol_up"),
        ("make it {percent}", "no i meant {percent}", "vol_set"),
    ],
    "vol_down": [
        ("(more|again|a bit more|even more|some more) [please]", "a little bit more", "vol_down"),
        ("make it {percent}", "no i meant {percent}", "vol_set"),
    ],
    "vol_set": [("(make it|no|actually) {percent}", "no i meant {percent}", "vol_set")],
    "heat": [
        ("(make it|no|actually|rather) {degrees} [please]", "no i meant {degrees}", "heat"),
    ],
    "coin": [("(again|once more|one more time|another one) [please]", "do it again", "coin")],
    "dice": [("(again|once more|one more time|another one) [please]", "do it again", "dice")],
    "joke": [("(another one|one more|more) [please]", "do you have another one", "joke")],
    "tr_zh": [
        ("and {phrase}", "now {phrase}", "tr_zh"),
        ("(what|how) about {phrase}", "and what is {phrase}", "tr_zh"),
    ],
    "calc": [
        ("and {a} plus {b}", "now {a} plus {b}", "calc +"),
        ("and {a} minus {b}", "now {a} minus {b}", "calc -"),
        ("and {a} times {b}", "now {a} times {b}", "calc *"),
    ],
}
ANYWHERE = [
    ("what did you say", "sorry what was that", "repeat"),
    ("[sorry] (say|repeat) that [again]", "once more please", "repeat"),
    ("(thanks|thank you) [very much]", "okay thanks a lot", "thanks"),
]


def draw(
    rng: random.Random, split: str, intent: str, arguments: Mapping[str, Any]
) -> tuple[list[str], str, dict[str, Any]]:
    """Words and slot marks of a second turn, its intent, and the arguments taken over.

    Raises:
        KeyError: nothing can follow this intent but the turns of `ANYWHERE`.
    """
    train, heldout, after = rng.choice(_SOURCE[intent])
    text = heldout if split == "heldout" else train
    name, _, operator = after.partition(" ")
    kept = {"op": operator} if operator else {k: v for k, v in arguments.items() if name != "calc"}
    return compile_template(text).draw(rng), name, kept


def follows(intent: str) -> bool:
    """Whether `draw` knows a second turn to this intent."""
    return intent in _SOURCE


def draw_anywhere(rng: random.Random, split: str) -> tuple[list[str], str]:
    """A second turn that fits after any answer, and its intent."""
    train, heldout, intent = rng.choice(ANYWHERE)
    return compile_template(heldout if split == "heldout" else train).draw(rng), intent


def texts(split: str) -> list[str]:
    """All second-turn templates of a split."""
    column = 1 if split == "heldout" else 0
    rows = [row for rows in _SOURCE.values() for row in rows] + ANYWHERE
    return [row[column] for row in rows]
