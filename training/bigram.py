"""A bigram language model of given texts, in ARPA format for pocketsphinx.

Absolute discounting, interpolated weights written as back-off: Chen and Goodman 1999, §2.7.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence

DISCOUNT = 0.6
_START, _END = "<s>", "</s>"


def arpa(texts: Iterable[Sequence[str]], words: Iterable[str] = ()) -> str:
    """The model of `texts` (lists of words); `words` are known even where no text says them."""
    pairs: Counter[tuple[str, str]] = Counter()
    for text in texts:
        pairs.update(zip([_START, *text], [*text, _END], strict=True))
    singles = Counter({word: 1 for word in words})
    for (_, word), n in pairs.items():
        singles[word] += n
    total = sum(singles.values())
    chance = {word: n / total for word, n in singles.items()}
    followers: dict[str, dict[str, int]] = defaultdict(dict)
    for (before, word), n in pairs.items():
        followers[before][word] = n
    unigrams = [f"-99\t{_START}\t{_log(_weight(followers[_START], chance))}"]
    bigrams = []
    for word, p in sorted(chance.items()):
        unigrams.append(f"{_log(p)}\t{word}\t{_log(_weight(followers.get(word, {}), chance))}")
    for before, after in sorted(followers.items()):
        n_before = sum(after.values())
        for word, n in sorted(after.items()):
            bigrams.append(f"{_log((n - DISCOUNT) / n_before)}\t{before}\t{word}")
    head = f"\\data\\\nngram 1={len(unigrams)}\nngram 2={len(bigrams)}\n"
    parts = [head, "\\1-grams:", *unigrams, "", "\\2-grams:", *bigrams, "", "\\end\\", ""]
    return "\n".join(parts)


def _weight(after: dict[str, int], chance: dict[str, float]) -> float:
    """Share of probability left for words not seen next, over their own probability."""
    if not after:
        return 1.0
    left = DISCOUNT * len(after) / sum(after.values())
    return left / max(1e-6, 1 - sum(chance[word] for word in after))


def _log(p: float) -> str:
    return f"{math.log10(max(p, 1e-9)):.4f}"
