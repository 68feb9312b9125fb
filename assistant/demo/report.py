"""What the demo leaves behind: a stereo recording, a transcript and a latency table."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ...streaming.frames import Pcm
from ...streaming.wavfile import write_wav
from ..client.conversation import RATE_HZ
from ..client.microphone import LiveMicrophone
from ..client.speaker import ImaginedSpeaker, mixed
from .director import Scene
from .promises import Promise

TAIL_S = 0.5


def stereo(microphone: LiveMicrophone, speaker: ImaginedSpeaker) -> Pcm:
    """The whole conversation [n, 2] in true time: the person left, the assistant right."""
    shift = round((speaker.origin_s - microphone.origin_s) * RATE_HZ)
    replies = [(start + shift, pcm) for start, _, pcm in speaker.track]
    ends = [start + len(pcm) for start, pcm in (*microphone.track, *replies)]
    n_samples = max(ends, default=0) + round(TAIL_S * RATE_HZ)
    return np.stack([mixed(microphone.track, n_samples), mixed(replies, n_samples)], axis=1)


def write_report(
    folder: Path, scenes: Sequence[Scene], kept: Sequence[Promise], sound: Pcm, began_s: float
) -> list[Path]:
    """Write conversation.wav, transcript.txt and latency.md; gives their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    wav = folder / "conversation.wav"
    write_wav(wav, sound, RATE_HZ)
    texts = {
        folder / "transcript.txt": transcript(scenes, began_s),
        folder / "latency.md": latency_table(scenes, kept),
    }
    for path, text in texts.items():
        path.write_text(text, encoding="utf-8")
    return [wav, *texts]


def transcript(scenes: Sequence[Scene], began_s: float) -> str:
    """Who said what when, seconds into the recording."""
    lines = []
    for scene in scenes:
        lines.append(f"{scene.origin_s - began_s:7.2f}  you    {scene.line.text}")
        turn = scene.turn
        if turn is None:
            lines.append("         (not noticed)")
            continue
        lines.append(f"         heard  {turn.heard or '(nothing)'}")
        for action in turn.actions:
            lines.append(f"         does   {action.name} {dict(action.arguments)}")
        at_s = f"{turn.first_audio_s - began_s:7.2f}" if turn.first_audio_s else " " * 7
        cut = "  [interrupted]" if turn.interrupted else ""
        lines.append(f"{at_s}  voice  {turn.said or '(nothing)'}{cut}")
    return "\n".join(lines) + "\n"


def latency_table(scenes: Sequence[Scene], kept: Sequence[Promise]) -> str:
    """The latency of every turn and the promises, as markdown."""
    rows = ["| you said | first sound after end of speech | reply | remark |", "|---|---|---|---|"]
    rows += ["| " + " | ".join(row) + " |" for row in latency_rows(scenes)]
    rows += ["", *(f"- {'kept' if one.kept else 'BROKEN'}: {one.text}" for one in kept)]
    return "\n".join(rows) + "\n"


def latency_rows(scenes: Sequence[Scene]) -> list[tuple[str, str, str, str]]:
    """Text, latency, length of the reply, remark; for each turn and the median."""
    rows = [
        (
            scene.line.text,
            "-" if scene.latency_ms is None else f"{scene.latency_ms} ms",
            f"{scene.turn.n_samples / RATE_HZ:.1f} s" if scene.turn else "-",
            _remark(scene),
        )
        for scene in scenes
    ]
    known = [scene.latency_ms for scene in scenes if scene.latency_ms is not None]
    if known:
        rows.append(("median", f"{np.median(known):.0f} ms", "", f"of {len(known)} turns"))
    return rows


def _remark(scene: Scene) -> str:
    if scene.silence_s is not None:
        return f"interrupted; silent after {round(1000 * scene.silence_s)} ms"
    return scene.line.promise
