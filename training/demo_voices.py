"""Makes the recordings that play the person in the demo: `python -m training.demo_voices`.

They are committed, so that the demo needs no synthesiser.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from vivavoce.assistant.demo.script import load_script
from vivavoce.streaming.wavfile import write_wav

from .synthesis import RATE_HZ, EspeakVoice, synthesize

VOICE = EspeakVoice("gmw/en-US+m7", rate_wpm=150, pitch=45, pitch_range=50)
FOLDER = Path(__file__).parents[1] / "demo" / "voices"
PEAK = 0.5
SILENCE_S = 0.1


def main() -> None:
    """Write one 16 kHz recording for each line of the script."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    silence = np.zeros(round(SILENCE_S * RATE_HZ), np.float32)
    for line in load_script():
        pcm = synthesize(line.text, VOICE).pcm
        pcm = pcm * np.float32(PEAK / max(float(np.abs(pcm).max()), 1e-6))
        write_wav(FOLDER / f"{line.name}.wav", np.concatenate((silence, pcm, silence)), RATE_HZ)
        print(f"{line.name}.wav  {len(pcm) / RATE_HZ:.1f} s  {line.text}")


if __name__ == "__main__":
    main()
