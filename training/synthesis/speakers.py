"""Speakers of our own for espeak-ng: variants with random formants, breath and melody.

Its hundred variants were made by hand, many alike. Ours fill what lies between and around them:
vocal tracts of children to large men, each formant a little off, clear to hoarse. Speaker n is
the same on every machine; all of them are for training.

The library reads variants from files and knows only so many; so there is one file a process,
written anew for each speaker.

The format is that of espeak-ng's `docs/voices.md`.
"""

from __future__ import annotations

import random
from pathlib import Path

N_SPEAKERS = 100_000
PREFIX = "speaker"  # "gmw/en-US+speaker17" is speaker 17
_KLATT_SHARE = 0.25  # with one of its other sources of voice


def describe(number: int) -> str:
    """The variant file of a speaker."""
    rng = random.Random(f"speaker {number}")
    tract = rng.uniform(0.9, 1.38)  # formants against those of espeak-ng's own man
    size = (tract - 0.9) / 0.48
    pitch = rng.gauss(85 + 150 * size, 22)
    lines = ["language variant", f"name {PREFIX}"]
    if rng.random() < _KLATT_SHARE:
        lines.append(f"klatt {rng.randint(1, 6)}")
    low = max(55, round(pitch))
    lines.append(f"pitch {low} {round(low * rng.uniform(1.25, 1.8))}")
    lines += [_formant(index, tract, rng) for index in range(9)]
    lines += [
        f"voicing {rng.randint(55, 115)}",
        f"consonants {rng.randint(60, 130)} {rng.randint(60, 120)}",
        f"flutter {rng.randint(0, 12)}",
        f"roughness {rng.choice((0, 0, 1, 2, 3, 4, 5, 6))}",
        f"tone {_tone(rng)}",
        f"stressAmp {' '.join(str(rng.randint(14, 22)) for _ in range(8))}",
        f"stressAdd {' '.join(str(rng.randint(-20, 30)) for _ in range(8))}",
    ]
    if rng.random() < 0.4:
        breath = rng.randint(1, 6)
        lines.append("breath 0 " + " ".join(str(max(0, breath - i // 3)) for i in range(7)))
    return "\n".join(lines) + "\n"


def _formant(index: int, tract: float, rng: random.Random) -> str:
    """Frequency, strength and width in percent; the highest ones are faint in some voices."""
    frequency = 100 * tract * rng.gauss(1, 0.04)
    strength = rng.gauss(95, 15) if index < 4 else rng.uniform(30, 110)
    width = rng.gauss(115, 25)
    return f"formant {index} {frequency:.0f} {max(20, strength):.0f} {max(60, width):.0f}"


def _tone(rng: random.Random) -> str:
    """Loudness at five frequencies, 255 at most: bright to dull."""
    slope = rng.uniform(0.25, 1.0)
    return " ".join(f"{hz} {round(255 * slope**i)}" for i, hz in enumerate((600, 1200, 2000, 3000)))


def number_of(file: str) -> int | None:
    """The speaker a voice file names; None where it names none of ours."""
    digits = file.partition(f"+{PREFIX}")[2]
    return int(digits) if digits.isdigit() else None


def data_folder(original: Path, folder: Path) -> Path:
    """Fill `folder` with links to espeak-ng's data; gives the one our speakers go into."""
    for source, target in ((original, folder), (original / "voices", folder / "voices")):
        target.mkdir(exist_ok=True)
        for path in source.iterdir():
            if path.name not in ("voices", "!v"):
                (target / path.name).symlink_to(path)
    variants = folder / "voices" / "!v"
    variants.mkdir()
    for path in (original / "voices" / "!v").iterdir():
        (variants / path.name).symlink_to(path)
    return variants
