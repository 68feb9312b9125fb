"""Builds models/nano/tokenizer.json: `python -m training.grammar.tokenizer`.

BPE over words (Metaspace). English common words become whole tokens; every hanzi stays a token of
its own; each intent has one token, written `<light_on>`. A published vocabulary must not change:
weights are trained on its numbers; `--refill-hanzi` exchanges hanzi nobody uses for new ones.
"""

from __future__ import annotations

import json
import random
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers, trainers

from vivavoce.models.nano.actions import intent_token
from vivavoce.models.nano.domain import INTENTS

from . import reply_sentences, sample
from .rejects import common_words

N_TOKENS = 2048
SPECIALS = ("<pad>", "<bos>", "<user>", "<asr>", "<act>", "<rep>", "<eos>", "<result>")
LETTERS = "abcdefghijklmnopqrstuvwxyz'"
SPACE = "\u2581"
PATH = Path(__file__).resolve().parents[2] / "models" / "nano" / "tokenizer.json"


def hanzi() -> list[str]:
    """Every hanzi of the Mandarin and Cantonese grammars, in order of code."""
    text = (Path(__file__).parent / "hanzi.txt").read_text(encoding="utf-8")
    return sorted({c for c in text if ord(c) >= 0x3400})


def build(seed: int = 0, n_sentences: int = 60000) -> Tokenizer:
    """Train the tokenizer on samples of the English grammar and, lightly, on common words."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Metaspace(replacement=SPACE, prepend_scheme="always"),
            pre_tokenizers.Split(Regex(r"[\u3400-\u9fff]"), "isolated"),
        ]
    )
    tokenizer.decoder = decoders.Metaspace(replacement=SPACE, prepend_scheme="always")
    specials = [AddedToken(t, special=True, lstrip=True, normalized=False) for t in _specials()]
    trainer = trainers.BpeTrainer(
        vocab_size=N_TOKENS,
        special_tokens=specials,
        initial_alphabet=[SPACE, *LETTERS, *hanzi()],
        limit_alphabet=2000,
        show_progress=False,
    )
    tokenizer.train_from_iterator(_texts(random.Random(seed), n_sentences), trainer)
    return tokenizer


def _specials() -> list[str]:
    return [*SPECIALS, *(intent_token(name) for name in INTENTS)]


def _texts(rng: random.Random, n_sentences: int) -> Iterator[str]:
    """Words, each as often as it should weigh: the domain's, then common ones lightly.

    The square root of a word's frequency counts, so that rare cities get their own token too.
    """
    heard: Counter[str] = Counter()
    for _ in range(n_sentences):
        turn = sample(rng, intent=rng.choice(INTENTS[:-1]))
        spoken = reply_sentences(rng)
        heard.update(f"{turn.user} {turn.action.partition(' ')[2]} {spoken} {spoken}".split())
    for word, count in sorted(heard.items()):
        yield from [word] * round(10 * count**0.6)
    for rank, word in enumerate(common_words()):
        yield from [word] * max(1, round(100 / (rank + 10) ** 0.5))


def refill(path: Path) -> list[tuple[str, str]]:
    """Give the tokens of hanzi no sentence uses any more to new ones; no number changes.

    Only as long as no published weights have learnt Chinese. Gives the (old, new) pairs.

    Raises:
        ValueError: more new hanzi than free tokens.
    """
    data = json.loads(path.read_text(encoding="utf-8"))
    numbers, wanted = data["model"]["vocab"], set(hanzi())
    known = {token for token in numbers if len(token) == 1 and ord(token) >= 0x3400}
    new, free = sorted(wanted - known), sorted(known - wanted)
    if len(new) > len(free):
        raise ValueError(f"{len(new)} new hanzi but {len(free)} free tokens")
    pairs = list(zip(free, new, strict=False))
    for old, token in pairs:
        numbers[token] = numbers.pop(old)
    data["model"]["vocab"] = dict(sorted(numbers.items(), key=lambda item: item[1]))
    path.write_text(json.dumps(data, ensure_ascii=False, indent=2), encoding="utf-8")
    return pairs


def main() -> None:
    """Write the tokenizer and say what it holds."""
    if "--refill-hanzi" in sys.argv[1:]:
        print(f"{len(refill(PATH))} hanzi exchanged")
        return
    if PATH.exists() and "--replace" not in sys.argv[1:]:
        sys.exit(f"{PATH.name} exists and weights depend on it; --replace builds a new one")
    tokenizer = build()
    tokenizer.save(str(PATH))
    print(f"{PATH.name}: {tokenizer.get_vocab_size()} tokens, {len(hanzi())} hanzi")


if __name__ == "__main__":
    main()
