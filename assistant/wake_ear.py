"""The wake word in the microphone's sound, unless the loudspeaker said it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from ..streaming.frames import Pcm
from ..streaming.reference import Reference
from ..streaming.wake import (
    BESIDE_REPLY,
    OWN_THRESHOLD,
    OwnVoice,
    WakeWord,
    WakeWordUnavailable,
    make_wake_word,
)
from .errors import UserError
from .settings import MicrophoneSettings

By = Literal["person", "own_voice"]


class WakeEar:
    """Listens in the capture's thread, after the echo canceller.

    Args:
        word: the engine.
        on_wake: is told who said the word, each time.
    """

    def __init__(self, word: WakeWord, on_wake: Callable[[By], None]) -> None:
        self.phrase = word.phrase
        self.own_voice: OwnVoice | None = None
        """What the loudspeaker says; None as long as there is none."""
        self._word = word
        self._usual = word.threshold
        self._on_wake = on_wake

    def feed(self, pcm: Pcm, playing: bool = False) -> bool:
        """Whether a person has said the word, known with these samples [n] at 16 kHz.

        Args:
            pcm: the sound.
            playing: the loudspeaker may be heard in it: the word is harder to know, and who takes
                something else for it only interrupts a reply.
        """
        self._word.threshold = self._usual * (BESIDE_REPLY if playing else 1.0)
        own = self.own_voice
        if own is not None:
            own.feed(len(pcm))
        if not self._word.feed(pcm):
            return False
        by: By = "own_voice" if own is not None and own.speaks else "person"
        self._on_wake(by)
        return by == "person"


def make_wake_ear(
    settings: MicrophoneSettings, on_wake: Callable[[By], None] = lambda by: None
) -> WakeEar | None:
    """An ear for the wake word; None where none is waited for.

    Raises:
        UserError: it is waited for, and there is no such thing here.
    """
    if settings.activation != "wake_word":
        return None
    return WakeEar(_word(settings), on_wake)


def own_voice(settings: MicrophoneSettings, played: Reference) -> OwnVoice:
    """An ear for the wake word in what the loudspeaker plays."""
    usual = _word(settings).threshold
    return OwnVoice(played, make_wake_word(settings.wake_word, usual * OWN_THRESHOLD))


def _word(settings: MicrophoneSettings) -> WakeWord:
    try:
        return make_wake_word(settings.wake_word, settings.wake_threshold)
    except WakeWordUnavailable as error:
        raise UserError(f"{str(error)[:1].upper()}{str(error)[1:]}.") from error
