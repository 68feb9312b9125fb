"""Stage `talker`: speech codes from words, learnt from nano's own voices.

Needs the frozen codec. The sentences are synthesised and coded in shards; new ones join while
training runs.
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
from .languages import LANGUAGES, language_list
from .loop import Stage, run_folder
from .speech_texts import voice_texts
from .synthesis import RATE_HZ
from .voice_pool import Recording, recordings
from .voices import OwnVoice, run_name, speaker_of, voices_of

STAGE = "talker"
BATCH = 16
PEAK_RATE = 1.5e-3
CODE_NOISE = 0.08  # share of input codes replaced, so that a wrong one can be recovered from
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


def cut_at_words(recording: Recording, codec: Codec) -> list[list[int]]:
    """Speech codes of each word; a pause belongs to the word after it.

    Word ends are rounded to whole codes, and every word gets at least one.
    """
    _, utterance, spans = recording
    first = max(0, spans[0][0] - round(LEAD_S * RATE_HZ))
    last = spans[-1][1] + round(TRAIL_S * RATE_HZ)
    pcm = torch.from_numpy(utterance.pcm[first:last])[None]
    codes = codec.encode(pcm)[0].tolist()
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


def shards(voice: OwnVoice) -> list[Path]:
    """The coded sentences of a voice that there are."""
    folder = run_folder(run_name(STAGE, voice.speaker))
    return sorted(folder.glob(f"codes-{voice.name}-*.json"))


def code_shard(voice: OwnVoice, index: int) -> None:
    """Synthesise and code SHARD_SIZE sentences into one file; its number is its seed."""
    codec, rows = load_codec(voice.speaker), []
    english = voice.language == "en"
    texts = voice_texts(index) if english else chinese_texts(index, voice.language)
    for recording in recordings(texts, SHARD_SIZE, voice):
        codes = cut_at_words(recording, codec)
        if max(map(len, codes)) < MAX_WORD_CODES:
            rows.append([recording[0], codes])
    path = run_folder(run_name(STAGE, voice.speaker)) / f"codes-{voice.name}-{index:04d}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.with_suffix(".part").write_text(json.dumps(rows), encoding="utf-8")
    path.with_suffix(".part").replace(path)  # a reader never sees half a shard


class Sentences:
    """The coded sentences on disk; shards that appear later join at the next look."""

    def __init__(self, text: Text, config: TalkerConfig, voices: Iterable[OwnVoice]) -> None:
        self.text, self.config, self.voices = text, config, tuple(voices)
        self._read: dict[Path, list[Sentence]] = {}

    def draw(self, rng: random.Random, n: int) -> list[Sentence]:
        """About n sentences, as many of each voice."""
        drawn = []
        for voice in self.voices:
            own = self._all(voice)
            drawn += rng.sample(own, min(len(own), n // len(self.voices)))
        return rng.sample(drawn, len(drawn))

    def _all(self, voice: OwnVoice) -> list[Sentence]:
        """Every sentence of a voice there is now."""
        paths = shards(voice)
        for path in paths:
            if path not in self._read:
                rows = json.loads(path.read_text(encoding="utf-8"))
                self._read[path] = [self._sentence(*row, voice.number) for row in rows]
        return [sentence for path in paths for sentence in self._read[path]]

    def _sentence(self, words: list[str], codes: list[list[int]], voice: int) -> Sentence:
        encode, config = self.text.encode_word, self.config
        made = [make_word(encode(word), len(word), config, voice) for word in words]
        return Sentence(made, codes)


def endless_batches(sentences: Sentences, config: TalkerConfig, seed: int) -> Iterator[TalkerBatch]:
    """Random batches of sentences of similar length, for ever."""
    rng = random.Random(seed)
    generator = torch.Generator().manual_seed(seed)
    while True:
        order = sentences.draw(rng, SHARD_SIZE)
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
    voices = voices_of(languages)
    for voice in voices:
        if not shards(voice):
            add_shards(voice, N_SHARDS)
    talker = Talker(config)
    with torch.no_grad():
        start_hanzi(talker.embedding.weight, text)
    talker = talker.to(device)
    sentences = Sentences(text, config, voices)
    return Stage(
        run_name(STAGE, speaker_of(languages)),
        modules={"talker": talker},
        batches=(batch.to(device) for batch in endless_batches(sentences, config, seed)),
        loss=lambda batch, step: talker_loss(talker, batch),
        peak_lr=PEAK_RATE,
    )


def add_shards(voice: OwnVoice, n: int) -> None:
    """Code n more shards of a voice."""
    first = len(shards(voice))
    for index in range(first, first + n):
        code_shard(voice, index)


def main() -> None:
    """`python -m training.talker --shards 20`: code more sentences, also while training runs."""
    parser = argparse.ArgumentParser(description="Synthesise and code sentences for the talker.")
    parser.add_argument("--shards", type=int, default=N_SHARDS, help="500 sentences each")
    parser.add_argument("--languages", default=[*LANGUAGES], type=language_list, help="en,cmn,yue")
    options = parser.parse_args()
    torch.set_num_threads(1)
    for language in options.languages:
        add_shards(*voices_of([language]), options.shards)


if __name__ == "__main__":
    main()
