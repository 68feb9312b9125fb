"""A pool of synthesised turns on disk: 16-bit audio, phone events, text, action and reply.

`python -m training.speech_pool --split train --shards 10` adds ten shards. Synthesis is cheap and
every utterance is varied anew each time it is read, but never loop over a small pool for long:
new sentences help more than new noise.
"""

from __future__ import annotations

import argparse
import itertools
import json
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from tqdm import tqdm

from . import grammar
from .grammar.pronounce import pronounce
from .grammar.templates import is_stale
from .languages import LANGUAGES
from .loop import run_folder
from .phones import classify
from .synthesis import EspeakVoice, Voice, mixed, random_voice, synthesize

SHARD_SIZE = 2000
REJECT_SHARE = 0.12
FOLLOW_UP_SHARE = 0.35
MOST_WAITING = 12  # of a language, before new shards are looked for


@dataclass(frozen=True, eq=False)
class SpokenTurn:
    """One utterance. pcm int16 [n] at 16 kHz; phone events are None where they are not known."""

    pcm: np.ndarray
    phone_starts: np.ndarray | None
    phone_classes: np.ndarray | None
    user: str
    action: str
    reply: str
    language: str
    history: list[list[str]]  # earlier turns: [user, action, reply, language]

    @property
    def words(self) -> tuple[str, str, str, str]:
        """The turn as text: user, action, reply, language."""
        return self.user, self.action, self.reply, self.language


def pool_folder(split: str, language: str) -> Path:
    """Where the shards of a split and a language lie."""
    return run_folder("pool") / f"{split}-{language}"


def random_turn(
    rng: random.Random,
    language: str,
    split: str,
    follow_up_share: float = FOLLOW_UP_SHARE,
    others: Sequence[str] = (),
) -> list[grammar.Turn]:
    """A turn after the turns before it, oldest first.

    The last is spoken in `language`, earlier ones now and then in one of the `others`. It is
    never one in which nano asked back: what it asked for was not its choice.
    """
    if rng.random() < REJECT_SHARE:
        return [grammar.reject(rng, split, language)]
    if rng.random() < follow_up_share:
        turns = grammar.dialogue(rng, language, split, tuple(others))
        ends = [n for n, turn in enumerate(turns, 1) if not grammar.is_asked(turn)]
        return turns[: rng.choice([n for n in ends if n > 1] or ends)]
    return [grammar.sample(rng, language, split)]


def as_text(turn: grammar.Turn) -> tuple[str, str, str, str]:
    """What a row keeps of a turn: user, action, reply, language."""
    return turn.user, turn.action, turn.reply, turn.language


def make_shard(
    split: str,
    language: str,
    index: int,
    size: int = SHARD_SIZE,
    follow_up_share: float = FOLLOW_UP_SHARE,
    others: Sequence[str] = LANGUAGES,
) -> None:
    """Synthesise one shard; its number is its seed. Now and then a conversation changes its
    language: earlier turns are then in one of the `others`."""
    folder = pool_folder(split, language)
    folder.mkdir(parents=True, exist_ok=True)
    rng = random.Random(f"{split}-{language}-{index}")
    voice_rng = np.random.default_rng([index, len(split), sum(map(ord, language))])
    voices = "train" if split == "train" else "reserved"
    audio, rows, starts, classes = [], [], [], []
    others = [name for name in others if name != language]
    for _ in range(size):
        turns = random_turn(rng, language, split, follow_up_share, others)
        turn = turns[-1]
        voice = random_voice(voice_rng, language, voices)
        pcm, events = _spoken(turn.user, voice, language)
        audio.append((np.clip(pcm, -1, 1) * 32767).astype(np.int16))
        starts += [s for s, _ in events]
        classes += [c for _, c in events]
        rows.append(
            {
                "n": len(audio[-1]),
                "n_phones": len(events),
                "turn": as_text(turn)[:3],
                "history": [as_text(earlier) for earlier in turns[:-1]],
            }
        )
    stem = folder / f"{index:05d}"
    np.save(stem.with_suffix(".audio.npy"), np.concatenate(audio))
    np.save(stem.with_suffix(".phones.npy"), np.array([starts, classes], np.int32))
    partial = stem.with_suffix(".partial")
    partial.write_text(json.dumps(rows), encoding="utf-8")
    partial.replace(stem.with_suffix(".json"))  # readers see whole shards only


def _spoken(text: str, voice: Voice, language: str) -> tuple[np.ndarray, list[tuple[int, int]]]:
    """Samples of a sentence, and (start sample, class) of its phones."""
    if mixed.is_mixed(text, language):
        assert isinstance(voice, EspeakVoice)  # flite speaks English only
        pcm, phones = mixed.speak(text, voice, language)
        return pcm, [classify([(start, name)], of)[0] for start, name, of in phones]
    spoken = synthesize(pronounce(text) if language == "en" else text, voice)
    return spoken.pcm, classify(spoken.phones, language)


def read_shard(path: Path, language: str) -> list[SpokenTurn]:
    """The turns of the shard described by `path` (.json)."""
    rows = json.loads(path.read_text(encoding="utf-8"))
    audio = np.load(path.with_suffix(".audio.npy"), mmap_mode="r")
    starts, classes = np.load(path.with_suffix(".phones.npy"))
    turns, at, phone_at = [], 0, 0
    for row in rows:
        phones = slice(phone_at, phone_at + row["n_phones"])
        here = slice(at, at + row["n"])
        at, phone_at = at + row["n"], phone_at + row["n_phones"]
        if is_stale(*row["turn"][:2], language):
            continue
        # Rows of earlier versions have no language: all turns are in the folder's.
        history = [[*earlier, language][:4] for earlier in row["history"]]
        turns.append(
            SpokenTurn(
                audio[here],
                starts[phones] if row["n_phones"] else None,
                classes[phones] if row["n_phones"] else None,
                *row["turn"],
                language,
                history,
            )
        )
    return turns


def endless(
    split: str, languages: Sequence[str], rng: random.Random, blocks: int = 1
) -> Iterator[list[SpokenTurn]]:
    """Shards in random order for ever, `blocks` at a time; new shards join as they appear.

    Every language has its share of each block: what a model does not hear for a few hundred steps
    it forgets.
    """
    waiting: dict[str, list[Path]] = {name: [] for name in languages}
    for first in itertools.count(step=blocks):
        turns: list[SpokenTurn] = []
        for i in range(first, first + blocks):
            name = languages[i % len(languages)]
            waiting[name] = waiting[name] or _shuffled(split, name, rng)
            turns += read_shard(waiting[name].pop(), name)
        yield turns


def _shuffled(split: str, language: str, rng: random.Random) -> list[Path]:
    found = sorted(pool_folder(split, language).glob("*.json"))
    if not found:
        made_by = f"python -m training.speech_pool --split {split} --language {language}"
        raise FileNotFoundError(f"there is no {split} speech in {language!r}: run `{made_by}`")
    rng.shuffle(found)
    return found[:MOST_WAITING]


def main() -> None:
    """The command line; see above."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--split", default="train", choices=["train", "heldout"])
    parser.add_argument("--language", default="en", choices=LANGUAGES)
    parser.add_argument("--shards", type=int, default=10)
    parser.add_argument("--first", type=int, help="number of the first shard; default: the next")
    parser.add_argument("--follow-ups", type=float, default=FOLLOW_UP_SHARE, help="their share")
    options = parser.parse_args()
    folder = pool_folder(options.split, options.language)
    first = options.first
    if first is None:
        first = max((int(p.stem) for p in folder.glob("*.json")), default=-1) + 1
    for index in tqdm(range(first, first + options.shards), desc="shards"):
        make_shard(options.split, options.language, index, follow_up_share=options.follow_ups)


if __name__ == "__main__":
    main()
