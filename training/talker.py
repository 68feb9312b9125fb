"""Stage `talker`: speech codes from words, learnt from nano's own voices.

Needs the frozen codec. The sentences are synthesised and coded in shards; new ones join while
training runs. Into some Chinese sentences English words are spliced, each with the codes of the
English voice, and the other way round: so the voices learn to take turns within a reply.
"""

from __future__ import annotations

import argparse
import json
import random
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, fields
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from vivavoce.models.nano.talker import (
    Talker,
    TalkerConfig,
    Word,
    context_tokens,
    make_word,
)
from vivavoce.models.nano.text import Text

from .chinese_texts import chinese_texts
from .codec import Codec, load_codec
from .hanzi_start import start_hanzi
from .loop import Stage, run_folder
from .speech_texts import voice_texts
from .synthesis import RATE_HZ
from .voice_pool import Recording, recordings
from .voices import OWN_VOICES, voice_numbers

STAGE = "talker"
BATCH = 16
PEAK_RATE = 1.5e-3
CODE_NOISE = 0.08  # share of input codes replaced, so that a wrong one can be recovered from
SPLICED = 0.1  # share of sentences that another language's words are put into
SHARE = {"en": 1, "cmn": 2, "yue": 2}  # a thousand hanzi are more to learn than the English words
SHARD_SIZE, N_SHARDS = 500, 20
MAX_WORD_CODES = 64  # longer words are mistakes of the word times
LEAD_S = 0.04  # silence kept before the first word
TRAIL_S = 0.12
IGNORED = -100


@dataclass(frozen=True)
class Sentence:
    """A sentence as the talker learns it: each word's text tokens and speech codes."""

    words: list[Word]
    codes: list[list[int]]


@dataclass(eq=False)
class TalkerBatch:
    """Padded inputs of `Talker.forward`, and the target of each position [B, T]."""

    ids: Tensor
    contexts: Tensor
    voices: Tensor
    groups: Tensor
    counts: Tensor
    targets: Tensor

    def to(self, device: torch.device) -> TalkerBatch:
        """On another device."""
        return TalkerBatch(*(getattr(self, f.name).to(device) for f in fields(self)))


def cut_at_words(recording: Recording, voice: int, codec: Codec) -> list[list[int]]:
    """Speech codes of each word; a pause belongs to the word after it.

    Word ends are rounded to whole codes, and every word gets at least one.
    """
    _, utterance, spans = recording
    first = max(0, spans[0][0] - round(LEAD_S * RATE_HZ))
    last = spans[-1][1] + round(TRAIL_S * RATE_HZ)
    pcm = torch.from_numpy(utterance.pcm[first:last])[None]
    codes = codec.encode(pcm, voice)[0].tolist()
    size, start, pieces = codec.config.samples_per_code, 0, []
    for i, (_, end) in enumerate(spans):
        stop = max(start + 1, round((end - first) / size))
        stop = len(codes) if i + 1 == len(spans) else stop
        pieces.append(codes[start:stop])
        start = stop
    return pieces


def lay_out(sentence: Sentence, config: TalkerConfig) -> tuple[list[int], ...]:
    """ids, groups, counts and targets, position by position, as `Talker.step` feeds them."""
    ids: list[int] = []
    groups: list[int] = []
    counts: list[int] = []
    targets: list[int] = []

    def put(tokens: Sequence[int], group: int, first_count: int) -> None:
        ids.extend(tokens)
        groups.extend([group] * len(tokens))
        moving = first_count > 0
        counts.extend(first_count + i if moving else 0 for i in range(len(tokens)))
        targets.extend([IGNORED] * len(tokens))

    for g, codes in enumerate(sentence.codes):
        put(sentence.words[0].tokens if g == 0 else [config.next_id], g, 0)
        last = g + 1 == len(sentence.codes)
        put([config.end_id] if last else sentence.words[g + 1].tokens, g, 0)
        targets[-1] = codes[0]
        put([config.first_code + code for code in codes], g, 1)
        targets[-len(codes) :] = [*codes[1:], config.n_codes]
    return ids, groups, counts, targets


def make_batch(
    sentences: Sequence[Sentence],
    config: TalkerConfig,
    generator: torch.Generator,
    noise: float = CODE_NOISE,
) -> TalkerBatch:
    """Pad to the longest, and replace some input codes by random ones."""
    rows = [lay_out(sentence, config) for sentence in sentences]
    ids, groups, counts, targets = (
        _padded([row[i] for row in rows], fill) for i, fill in enumerate((0, 0, 0, IGNORED))
    )
    is_code = (ids >= config.first_code) & (ids < config.next_id)
    noisy = is_code & (torch.rand(ids.shape, generator=generator) < noise)
    random_codes = torch.randint(config.n_codes, ids.shape, generator=generator)
    ids = torch.where(noisy, config.first_code + random_codes, ids)
    n_context = config.word_tokens + config.next_tokens
    contexts = torch.zeros(len(rows), max(len(s.words) for s in sentences), n_context).long()
    for b, sentence in enumerate(sentences):
        for g, word in enumerate(sentence.words):
            after = sentence.words[g + 1] if g + 1 < len(sentence.words) else None
            contexts[b, g] = torch.tensor(context_tokens(word, after, config))
    voices = _padded([[word.voice for word in s.words] for s in sentences], 0)
    return TalkerBatch(ids, contexts, voices, groups, counts, targets)


def _padded(rows: Sequence[list[int]], fill: int) -> Tensor:
    longest = max(map(len, rows))
    return torch.tensor([row + [fill] * (longest - len(row)) for row in rows])


def talker_loss(talker: Talker, batch: TalkerBatch) -> tuple[Tensor, dict[str, float]]:
    """Cross entropy of the next code or NEXT; figures: loss and share of exact guesses."""
    logits = talker(batch.ids, batch.contexts, batch.voices, batch.groups, batch.counts)
    chosen = batch.targets != IGNORED
    logits, targets = logits[chosen], batch.targets[chosen]
    loss = F.cross_entropy(logits, targets)
    exact = (logits.argmax(-1) == targets).float().mean().item()
    return loss, {"loss": loss.item(), "exact": exact}


def shard_path(voice: int, index: int) -> Path:
    """Where a shard lies."""
    return run_folder(STAGE) / f"codes-{OWN_VOICES[voice].name}-{index:04d}.json"


def code_shard(voice: int, index: int) -> None:
    """Synthesise and code SHARD_SIZE sentences into one file; its number is its seed."""
    own, codec, rows = OWN_VOICES[voice], load_codec(), []
    texts = voice_texts(index) if own.language == "en" else chinese_texts(index, own.language)
    for recording in recordings(texts, SHARD_SIZE, own):
        codes = cut_at_words(recording, voice, codec)
        if max(map(len, codes)) < MAX_WORD_CODES:
            rows.append([recording[0], codes])
    path = shard_path(voice, index)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.with_suffix(".part").write_text(json.dumps(rows), encoding="utf-8")
    path.with_suffix(".part").replace(path)  # a reader never sees half a shard


class Sentences:
    """The coded sentences on disk; shards that appear later join at the next look."""

    def __init__(self, text: Text, config: TalkerConfig, voices: Iterable[int]) -> None:
        self.text, self.config, self.voices = text, config, tuple(voices)
        self._read: dict[Path, list[Sentence]] = {}

    def draw(self, rng: random.Random, n: int) -> list[Sentence]:
        """About n sentences, each voice by its share."""
        shares = [SHARE[OWN_VOICES[voice].language] for voice in self.voices]
        drawn = []
        for voice, share in zip(self.voices, shares, strict=True):
            own = self._all(voice)
            drawn += rng.sample(own, min(len(own), n * share // sum(shares)))
        return rng.sample(drawn, len(drawn))

    def _all(self, voice: int) -> list[Sentence]:
        """Every sentence of a voice there is now."""
        paths = sorted(run_folder(STAGE).glob(f"codes-{OWN_VOICES[voice].name}-*.json"))
        for path in paths:
            if path not in self._read:
                rows = json.loads(path.read_text(encoding="utf-8"))
                self._read[path] = [self._sentence(*row, voice) for row in rows]
        return [sentence for path in paths for sentence in self._read[path]]

    def _sentence(self, words: list[str], codes: list[list[int]], voice: int) -> Sentence:
        encode, config = self.text.encode_word, self.config
        made = [make_word(encode(word), len(word), config, voice) for word in words]
        return Sentence(made, codes)


def spliced(sentence: Sentence, other: Sentence, rng: random.Random) -> Sentence:
    """The sentence with one to three words of another in its middle, never the last of either."""
    n_words = rng.randint(1, min(3, len(other.words) - 1))
    start = rng.randrange(len(other.words) - n_words)
    taken = slice(start, start + n_words)
    at = rng.randrange(len(sentence.words))
    words = [*sentence.words[:at], *other.words[taken], *sentence.words[at:]]
    return Sentence(words, [*sentence.codes[:at], *other.codes[taken], *sentence.codes[at:]])


def _mixed(sentences: list[Sentence], rng: random.Random) -> list[Sentence]:
    """The same sentences, some with words in another language."""
    of_language: dict[bool, list[Sentence]] = {True: [], False: []}
    for sentence in sentences:
        if len(sentence.words) > 1:
            of_language[sentence.words[0].voice == 0].append(sentence)
    mixed = []
    for sentence in sentences:
        others = of_language[sentence.words[0].voice != 0]
        if others and rng.random() < SPLICED:
            sentence = spliced(sentence, rng.choice(others), rng)
        mixed.append(sentence)
    return mixed


def endless_batches(sentences: Sentences, config: TalkerConfig, seed: int) -> Iterator[TalkerBatch]:
    """Random batches of sentences of similar length, for ever."""
    rng = random.Random(seed)
    generator = torch.Generator().manual_seed(seed)
    while True:
        order = _mixed(sentences.draw(rng, SHARD_SIZE), rng)
        for i in range(0, len(order), 20 * BATCH):
            block = sorted(order[i : i + 20 * BATCH], key=lambda s: sum(map(len, s.codes)))
            batches = [block[j : j + BATCH] for j in range(0, len(block), BATCH)]
            rng.shuffle(batches)
            for batch in batches:
                yield make_batch(batch, config, generator)


def stage(device: torch.device, languages: Sequence[str] = ("en",), seed: int = 0) -> Stage:
    """The stage as `python -m training` runs it, for the voices of `languages`."""
    text = Text.shipped()
    config = TalkerConfig(vocabulary=text.vocabulary)
    voices = voice_numbers(languages)
    for voice in voices:
        if _n_shards(voice) == 0:
            _add_shards(voice, N_SHARDS)
    talker = Talker(config)
    with torch.no_grad():
        start_hanzi(talker.embedding.weight, text)
    talker = talker.to(device)
    sentences = Sentences(text, config, voices)
    return Stage(
        STAGE,
        modules={"talker": talker},
        batches=(batch.to(device) for batch in endless_batches(sentences, config, seed)),
        loss=lambda batch, step: talker_loss(talker, batch),
        peak_lr=PEAK_RATE,
    )


def _n_shards(voice: int) -> int:
    return len(list(run_folder(STAGE).glob(f"codes-{OWN_VOICES[voice].name}-*.json")))


def _add_shards(voice: int, n: int) -> None:
    first = _n_shards(voice)
    for index in range(first, first + n):
        code_shard(voice, index)


def main() -> None:
    """`python -m training.talker --shards 20`: code more sentences, also while training runs."""
    parser = argparse.ArgumentParser(description="Synthesise and code sentences for the talker.")
    parser.add_argument("--shards", type=int, default=N_SHARDS, help="500 sentences each")
    parser.add_argument(
        "--languages", default=["en"], type=lambda v: v.split(","), help="en,cmn,yue"
    )
    options = parser.parse_args()
    torch.set_num_threads(1)
    for voice in voice_numbers(options.languages):
        _add_shards(voice, options.shards)


if __name__ == "__main__":
    main()
