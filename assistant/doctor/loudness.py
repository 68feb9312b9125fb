"""What the microphone gives in silence and in speech: its level, and what the detector says."""

from __future__ import annotations

import numpy as np

from ...streaming.frames import Pcm
from ...streaming.levels import dbfs
from ...streaming.vad import VadKind, VadUnavailable, make_vad
from .findings import Finding

FRAME = 320  # 20 ms at 16 kHz
NOISY_DBFS = -35.0
SOFT_DBFS = -45.0
CLIPPED = 0.99
_OFTEN = 0.1  # of the frames


def quiet(pcm: Pcm, detector: VadKind) -> Finding:
    """A quiet moment of the room [n] at 16 kHz."""
    level_dbfs, share = dbfs(pcm), _voiced(pcm, detector)
    values = {"level_dbfs": round(level_dbfs, 1), "voiced_share": round(share, 2)}
    text = f"the room is at {level_dbfs:.0f} dBFS, speech is seen in {share:.0%} of it"
    if not pcm.any():
        return Finding(
            "quiet",
            "warning",
            "the microphone gives digital silence",
            "if it is a real one, it is muted: look at its switch and at the system's mixer",
            values,
        )
    if level_dbfs > NOISY_DBFS:
        advice = "lower the microphone's level in the system's mixer, or look for the noise"
        return Finding("quiet", "warning", f"{text}: loud", advice, values)
    if share > _OFTEN:
        better = "set turn.vad to silero" if detector != "silero" else "raise turn.threshold"
        return Finding("quiet", "warning", f"{text}: it hears what is not there", better, values)
    return Finding("quiet", "ok", text, values=values)


def speech(pcm: Pcm, background: Pcm, detector: VadKind) -> Finding:
    """A sentence [n] at 16 kHz, after a quiet moment [m]."""
    share = _voiced(pcm, detector)
    level_dbfs = _loud_level(pcm)
    above_db = level_dbfs - _loud_level(background)
    values = {"level_dbfs": round(level_dbfs, 1), "voiced_share": round(share, 2)}
    text = f"at {level_dbfs:.0f} dBFS, seen in {share:.0%} of the time"
    if share < _OFTEN / 2:
        advice = "was something said? raise the microphone's level, or choose another microphone"
        return Finding("speech", "warning", f"none was detected (loudest {text})", advice, values)
    if float(np.mean(np.abs(pcm) >= CLIPPED)) > 1e-4:
        advice = "lower the microphone's level in the system's mixer"
        return Finding("speech", "warning", f"{text}: clipped", advice, values)
    if level_dbfs < SOFT_DBFS:
        advice = "raise the microphone's level, or come nearer"
        return Finding("speech", "warning", f"{text}: soft", advice, values)
    if above_db < 10:
        advice = "come nearer to the microphone, or make the room quieter"
        return Finding(
            "speech", "warning", f"{text}, only {above_db:.0f} dB above the room", advice, values
        )
    return Finding("speech", "ok", text, values=values)


def _loud_level(pcm: Pcm) -> float:
    """The level of the louder fifth: of the speech, without its pauses."""
    frames = pcm[: len(pcm) // FRAME * FRAME].reshape(-1, FRAME)
    if not len(frames):
        return dbfs(pcm)
    power = np.sort(np.square(frames).mean(axis=1))[-max(len(frames) // 5, 1) :]
    return float(10 * np.log10(max(float(power.mean()), 1e-12)))


def _voiced(pcm: Pcm, detector: VadKind) -> float:
    """The share of frames that the detector takes for speech."""
    try:
        answers = make_vad(detector).feed(pcm)
    except VadUnavailable:
        answers = make_vad("webrtc").feed(pcm)
    return float(np.mean([one.probability >= 0.5 for one in answers])) if answers else 0.0
