"""Makes models/nano/endings.txt: which last words say that a sentence of the domain is over.

    python -m training.grammar.endings              writes the table and says how well it tells
    python -m training.grammar.endings --dry-run    says it of the table as it is

Of every sentence drawn from the grammar its end counts as much as all the places within it
together. An ending of more words is kept where it says something else than its shorter one.
"""

from __future__ import annotations

import argparse
import random
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence

from vivavoce.models.nano.endings import FILE, LONGEST, Ending, Endings, words_of

from ..languages import LANGUAGES, language_list
from .dialogues import dialogue
from .templates import load

SENTENCES = {"en": 60_000, "cmn": 40_000, "yue": 40_000}
"""Drawn of each language; there are fewer hanzi to tell about than words."""
TRUST = 3.0
"""A shorter ending weighs as much as so many sentences with the longer one."""
LEAST_WEIGHT, LEAST_DIFFERENCE = 10.0, 0.12
ALONE = 1.0
"""A word that can be all that is said ("stop") is taken to be so this much as often as it begins
more; the grammar draws longer sentences."""
HEAD = "// How phrases of nano's domain end; made by python -m training.grammar.endings\n"


def sentences(n: int, language: str, split: str, seed: int) -> list[str]:
    """What people say to nano, first turns and later ones; nothing that must be declined."""
    rng, found = random.Random(f"endings/{seed}/{split}/{language}"), []
    while len(found) < n:
        drawn = dialogue(rng, language, split)
        found += [turn.user for turn in drawn if turn.intent != "reject"]
    return found[:n]


def count(said: Iterable[str]) -> dict[Ending, tuple[float, float]]:
    """Of each ending of some whole sentences: (weight as an end, weight altogether)."""
    ends: dict[Ending, float] = defaultdict(float)
    all_weights: dict[Ending, float] = defaultdict(float)
    for sentence in said:
        words = words_of(sentence)
        for at in range(2, len(words) + 1):
            whole = at == len(words)
            weight = 1.0 if whole else 1.0 / (len(words) - 2)
            for length in range(1, min(LONGEST, at) + 1):
                ending = tuple(words[at - length : at])
                all_weights[ending] += weight
                ends[ending] += weight * whole
    return {ending: (ends[ending], all_weights[ending]) for ending in all_weights}


def with_single_words(
    counts: Mapping[Ending, tuple[float, float]], language: str
) -> dict[Ending, tuple[float, float]]:
    """The counts, with words that can be a whole turn said as such often enough."""
    every_way = (words for template in load(language) for words in template.choice.all())
    found = dict(counts)
    for word in {words[0] for words in every_way if len(words) == 1}:
        ending = tuple(words_of(word))
        end, weight = found.get(ending, (0.0, 0.0))
        more = max(ALONE * (weight - end), LEAST_WEIGHT)
        found[ending] = (end + more, weight + more)
    return found


def table_of(counts: Mapping[Ending, tuple[float, float]]) -> Endings:
    """The endings worth keeping, each leaning on the shorter one it contains."""
    smooth: dict[Ending, float] = {}
    kept: dict[Ending, float] = {}
    for ending in sorted(counts, key=lambda e: (len(e), e)):
        end, weight = counts[ending]
        smooth[ending] = (end + TRUST * smooth.get(ending[1:], 0.5)) / (weight + TRUST)
        shorter = next((kept[ending[i:]] for i in range(1, len(ending)) if ending[i:] in kept), 0.5)
        differs = abs(smooth[ending] - shorter) >= LEAST_DIFFERENCE
        if weight >= LEAST_WEIGHT and differs:
            kept[ending] = smooth[ending]
    return Endings(kept)


def separation(whole: Sequence[float], cut: Sequence[float]) -> float:
    """How often a whole sentence scores above one that was cut off (the area under the ROC)."""
    n_whole, n_cut = Counter(whole), Counter(cut)
    below, wins = 0, 0.0
    for value in sorted(n_whole.keys() | n_cut.keys()):
        wins += n_whole[value] * (below + n_cut[value] / 2)
        below += n_cut[value]
    return wins / (len(whole) * len(cut))


def score(endings: Endings, said: Iterable[str], seed: int = 0) -> float:
    """The separation of some sentences from their beginnings, one drawn of each."""
    rng = random.Random(seed)
    whole, cut = [], []
    for sentence in said:
        words = words_of(sentence)
        if len(words) > 2:
            whole.append(_known(endings.of_words(words)))
            cut.append(_known(endings.of_words(words[: rng.randint(2, len(words) - 1)])))
    return separation(whole, cut)


def _known(probability: float | None) -> float:
    return 0.5 if probability is None else probability


def make(languages: Sequence[str]) -> Endings:
    """The table of some languages, from their training sentences."""
    counts: dict[Ending, tuple[float, float]] = {}
    for language in languages:
        said = sentences(SENTENCES[language], language, "train", 0)
        for ending, (end, weight) in with_single_words(count(said), language).items():
            before = counts.get(ending, (0.0, 0.0))  # Chinese sentences have English words in them
            counts[ending] = (before[0] + end, before[1] + weight)
    return table_of(counts)


def main() -> None:
    """See the module's text."""
    parser = argparse.ArgumentParser(prog="python -m training.grammar.endings")
    parser.add_argument("--languages", default=LANGUAGES, type=language_list)
    parser.add_argument("--dry-run", action="store_true", help="write nothing")
    options = parser.parse_args()
    if options.dry_run:
        endings = Endings.shipped()
    else:
        endings = make(options.languages)
        FILE.write_text(HEAD + endings.text(), encoding="utf-8")
    print(f"{len(endings)} endings, {FILE.stat().st_size} bytes")
    for language in options.languages:
        for split in ("train", "heldout"):
            value = score(endings, sentences(4000, language, split, 1))
            print(f"{language} {split}: whole above cut in {100 * value:.1f} % of pairs")


if __name__ == "__main__":
    main()
