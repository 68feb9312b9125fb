"""nano's own voices: whose recordings they are learnt from.

Voices of one speaker share their codec and their talker: the English one was there first, and
learning Mandarin and Cantonese beside it cost it clarity. The pitch of the recordings is low,
where a voice's spectrum is smoothest; the audio decoder raises it again
(`AudioDecoderConfig.pitch_scales`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from .synthesis import EspeakVoice, FliteVoice


@dataclass(frozen=True)
class OwnVoice:
    """A voice nano speaks with.

    Args:
        name: what users call it.
        language: what it speaks.
        recorded: the synthesizer it learns from.
        speaker: whose weights it shares.
        number: its row in the weights.
        shortest_period: of its recordings' pitch, in samples at 16 kHz.
        level: factor on the recordings, so that all voices are about as loud.
    """

    name: str
    language: str
    recorded: FliteVoice | EspeakVoice
    speaker: str
    number: int
    shortest_period: int
    level: float = 1.0


OWN_VOICES = (
    OwnVoice("slt", "en", FliteVoice("slt", f0_hz=100.0), "english", 0, 110),
    OwnVoice(
        "mei", "cmn", EspeakVoice("sit/cmn-Latn-pinyin+f2", 185, 22, 85), "chinese", 1, 90, 0.75
    ),
    OwnVoice("ling", "yue", EspeakVoice("sit/yue+f2", 165, 22, 85), "chinese", 2, 90, 0.75),
)
SPEAKERS = tuple(dict.fromkeys(voice.speaker for voice in OWN_VOICES))
TONAL = ("chinese",)  # their codec hears the pitch
VOICE_STAGES = ("codec", "audio_decoder", "talker")


def voices_of(languages: Sequence[str]) -> list[OwnVoice]:
    """The voices of languages of one speaker.

    Raises:
        ValueError: a language without a voice, or languages of several speakers.
    """
    known = {voice.language: voice for voice in OWN_VOICES}
    unknown = [language for language in languages if language not in known]
    if unknown:
        raise ValueError(f"nano has no voice for {', '.join(unknown)}: {', '.join(known)}")
    voices = [known[language] for language in languages]
    if len({voice.speaker for voice in voices}) > 1:
        raise ValueError(f"the voices of {', '.join(languages)} are trained apart")
    return voices


def trained_together(stage: str, languages: Sequence[str]) -> list[list[str]]:
    """The languages a stage learns at once: all, but voices by their speaker."""
    if stage not in VOICE_STAGES:
        return [list(languages)]
    groups: dict[str, list[str]] = {}
    for language in languages:
        groups.setdefault(voices_of([language])[0].speaker, []).append(language)
    return list(groups.values())


def speaker_of(languages: Sequence[str]) -> str:
    """Whose weights the voices of languages are."""
    return voices_of(languages)[0].speaker


def run_name(stage: str, speaker: str) -> str:
    """The run folder of a voice's stage."""
    return stage if speaker == "english" else f"{speaker}_{stage}"
