"""Makes the recordings that play the person in the demo.

    python -m training.demo_voices              with the voice chosen last
    python -m training.demo_voices --choose     try voices, take the one nano follows best

They are committed, so that the demo needs no synthesiser.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from vivavoce.assistant.demo.script import DECLINING, Line, load_script
from vivavoce.assistant.skills.registry import SkillSet
from vivavoce.models.catalog import load
from vivavoce.models.dialogue import (
    Dialogue,
    ReplyOptions,
    SpeechModel,
    TextDelta,
    ToolCall,
    ToolResult,
)
from vivavoce.streaming.wavfile import write_wav

from .synthesis import RATE_HZ, EspeakVoice, FliteVoice, Voice, synthesize

VOICE: Voice = EspeakVoice("gmw/en-US+f2", rate_wpm=165, pitch=55, pitch_range=50)
CANDIDATES: tuple[Voice, ...] = (
    VOICE,
    *(
        EspeakVoice(f"{base}+{variant}", rate_wpm, pitch, 50)
        for base in ("gmw/en-US", "gmw/en-GB-x-rp")
        for variant, pitch in (("m4", 40), ("f2", 55), ("f5", 50), ("Andy", 45), ("Annie", 50))
        for rate_wpm in (140, 165)
    ),
    FliteVoice("rms", 1.1),
    FliteVoice("kal16", 1.1),
)
FOLDER = Path(__file__).parents[1] / "demo" / "voices"
PEAK = 0.5
SILENCE_S = 0.1
PAUSE_S = 0.5
SILENT = ReplyOptions(audio=False)


def recording(text: str, voice: Voice) -> np.ndarray:
    """A line as the demo plays it, [n] at 16 kHz."""
    silence = np.zeros(round(SILENCE_S * RATE_HZ), np.float32)
    pcm = synthesize(text, voice).pcm
    pcm = pcm * np.float32(PEAK / max(float(np.abs(pcm).max()), 1e-6))
    return np.concatenate((silence, pcm, silence))


def follows(dialogue: Dialogue, line: Line, pcm: np.ndarray, skills: SkillSet) -> bool:
    """Whether a line spoken into a conversation leads to what the script says."""
    dialogue.listen(np.concatenate((pcm, np.zeros(round(PAUSE_S * RATE_HZ), np.float32))))
    parts = list(dialogue.reply(SILENT))
    calls = [part for part in parts if isinstance(part, ToolCall)]
    for call in calls:
        if call.needs_result:
            output = skills.run(call.name, call.arguments).output
            dialogue.add(ToolResult(call.call_id, output))
            parts += list(dialogue.reply(SILENT))
    said = "".join(part.text for part in parts if isinstance(part, TextDelta))
    if line.declined:
        return not calls and said.startswith(DECLINING)
    done = [(call.name, dict(call.arguments)) for call in calls]
    return done == [(line.action, dict(line.arguments))]


def lines_followed(model: SpeechModel, script: list[Line], voice: Voice) -> list[str]:
    """Names of the lines that go right when the whole script is spoken as one conversation."""
    dialogue, skills = model.open(), SkillSet(seed=1)
    return [
        line.name for line in script if follows(dialogue, line, recording(line.text, voice), skills)
    ]


def choose(script: list[Line]) -> Voice:
    """The first candidate of those that nano follows best."""
    model, best, most = load("nano"), CANDIDATES[0], -1
    for voice in CANDIDATES:
        right = lines_followed(model, script, voice)
        print(f"{len(right)} of {len(script)}  {voice}")
        if len(right) > most:
            best, most = voice, len(right)
            missed = [line.name for line in script if line.name not in right]
            print(f"        best so far; misses {', '.join(missed) or 'nothing'}")
        if most == len(script):
            break
    return best


def main() -> None:
    """Write one 16 kHz recording for each line of the script."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--choose", action="store_true", help="try voices on the shipped nano")
    script = load_script()
    voice = choose(script) if parser.parse_args().choose else VOICE
    FOLDER.mkdir(parents=True, exist_ok=True)
    for line in script:
        pcm = recording(line.text, voice)
        write_wav(FOLDER / f"{line.name}.wav", pcm, RATE_HZ)
        print(f"{line.name}.wav  {len(pcm) / RATE_HZ:.1f} s  {line.text}")
    print(f"spoken by {voice}")


if __name__ == "__main__":
    main()
