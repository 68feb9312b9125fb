"""Talker: words in, speech codes out, each code knowing the word it speaks.

Text and speech are interleaved along one sequence, one word of text ahead of the voice:

    w1 w2 c c c NEXT w3 c c c c NEXT w4 … NEXT END c c c NEXT
          └─ w1 ─┘       └─ w2 ──┘                └ last ┘

Everything from one NEXT on (that NEXT, the text it pulls in, the codes) is one group: it speaks
one word. Each position of a group also gets a projection of the tokens of its word and of the
word after it, the voice of its word, and how many codes of the word are out. So alignment need
not be learnt, every word is visited once, and its length is capped.

Letters: B batch, T positions, G groups, K context tokens of a group, D width.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import torch
from torch import Tensor, nn

from ..dialogue import Sampling
from ..layers.attention import Attention
from ..layers.feed_forward import SwiGlu
from ..layers.kv_cache import KvCache

SAMPLING = Sampling(temperature=0.3, top_k=20)


@dataclass(frozen=True)
class TalkerConfig:
    """Sizes; `vocabulary` text tokens, `n_codes` speech codes at 25 Hz.

    Args:
        window: a position sees itself and window - 1 before it, 5 seconds of speech.
        word_tokens: tokens of the spoken word that each of its positions sees.
        next_tokens: the same of the word after it.
        max_word_codes: longest word; 64 = 2.56 s, pause before it included.
        n_voices: every word is spoken in one of them; their codes mean different sounds.
    """

    vocabulary: int
    n_codes: int = 512
    dim: int = 192
    n_heads: int = 4
    n_layers: int = 4
    hidden: int = 576
    window: int = 160
    word_tokens: int = 4
    next_tokens: int = 2
    max_word_codes: int = 64
    n_voices: int = 3

    @property
    def first_code(self) -> int:
        """Input id of speech code 0; text tokens lie before."""
        return self.vocabulary

    @property
    def next_id(self) -> int:
        """Input id of NEXT; as output it is number n_codes."""
        return self.vocabulary + self.n_codes

    @property
    def end_id(self) -> int:
        """Input id that stands for the word after the last."""
        return self.next_id + 1


class Word(NamedTuple):
    """A word to speak: its text tokens, how many codes it may take at most, and its voice."""

    tokens: tuple[int, ...]
    max_codes: int
    voice: int = 0


def make_word(tokens: Sequence[int], n_letters: int, config: TalkerConfig, voice: int = 0) -> Word:
    """A word of n_letters; the cap leaves room for a pause before it and for slow speech."""
    return Word(tuple(tokens), min(config.max_word_codes, 14 + 4 * n_letters), voice)


class Spoken(NamedTuple):
    """One speech code (40 ms) of word number `word`, counted from 0 in this reply."""

    code: int
    word: int
    voice: int = 0


@dataclass(frozen=True, eq=False)
class TalkerState:
    """Everything the talker remembers of a reply; keep it to return to it.

    Args:
        words: those given so far; `ended` when no more come.
        word: number of the word being spoken, of which `count` codes are out.
        pending: input ids that are decided but not yet fed.
        n_sampled: decisions so far; with `seed` it fixes the next one's chance.
    """

    caches: tuple[KvCache, ...]
    seed: int = 0
    position: int = 0
    words: tuple[Word, ...] = ()
    ended: bool = False
    word: int = 0
    count: int = 0
    pending: tuple[int, ...] = ()
    n_sampled: int = 0

    @property
    def finished(self) -> bool:
        """Whether every word of the ended reply is spoken."""
        return self.ended and self.word >= len(self.words)

    @property
    def wants_word(self) -> bool:
        """Whether speaking on needs another word, or the end."""
        opening = self.count == 0
        return opening and not self.ended and len(self.words) < self.word + 2


class TalkerLayer(nn.Module):
    """Pre-norm attention and feed-forward."""

    def __init__(self, config: TalkerConfig) -> None:
        super().__init__()
        self.attention_norm = nn.RMSNorm(config.dim, eps=1e-5)
        self.attention = Attention(config.dim, config.n_heads)
        self.ffn_norm = nn.RMSNorm(config.dim, eps=1e-5)
        self.ffn = SwiGlu(config.dim, config.hidden)
        self.window = config.window

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """x [B, T, D], mask [T, T] as made by `window_mask`."""
        x = x + self.attention(self.attention_norm(x), mask)
        return x + self.ffn(self.ffn_norm(x))

    def step(self, x: Tensor, cache: KvCache, position: int) -> tuple[Tensor, KvCache]:
        """x [1, T, D] continues at absolute `position`."""
        y, cache = self.attention.step(self.attention_norm(x), cache, position, self.window)
        x = x + y
        return x + self.ffn(self.ffn_norm(x)), cache


class Talker(nn.Module):
    """Interleaved text and speech tokens → the next speech code, or NEXT."""

    def __init__(self, config: TalkerConfig) -> None:
        super().__init__()
        self.config = config
        self.embedding = nn.Embedding(config.end_id + 1, config.dim)
        nn.init.normal_(self.embedding.weight, std=0.3)
        n_context = config.word_tokens + config.next_tokens
        self.context = nn.Linear(n_context * config.dim, config.dim)
        self.voices = nn.Embedding(config.n_voices, config.dim)
        nn.init.zeros_(self.voices.weight)
        self.count = nn.Embedding(config.max_word_codes + 1, config.dim)
        nn.init.normal_(self.count.weight, std=0.3)
        self.layers = nn.ModuleList(TalkerLayer(config) for _ in range(config.n_layers))
        self.norm = nn.RMSNorm(config.dim, eps=1e-5)
        self.head = nn.Linear(config.dim, config.n_codes + 1, bias=False)

    def forward(
        self, ids: Tensor, contexts: Tensor, voices: Tensor, groups: Tensor, counts: Tensor
    ) -> Tensor:
        """Whole sequences, for training.

        Args:
            ids: input ids [B, T].
            contexts: `context_tokens` of every group [B, G, K].
            voices: the voice of every group's word [B, G].
            groups: number of each position's group [B, T].
            counts: codes of the word fed so far, this position included [B, T].

        Returns:
            logits [B, T, n_codes + 1].
        """
        vectors = self.context(self.embedding(contexts).flatten(2)) + self.voices(voices)
        index = groups[:, :, None].expand(-1, -1, vectors.shape[-1])
        x = self.embedding(ids) + vectors.gather(1, index) + self.count(counts)
        mask = window_mask(ids.shape[1], self.config.window, ids.device)
        for layer in self.layers:
            x = layer(x, mask)
        logits: Tensor = self.head(self.norm(x))
        return logits

    def initial(self, seed: int = 0) -> TalkerState:
        """The state before the first word of a reply."""
        return TalkerState(tuple(KvCache() for _ in self.layers), seed)

    def add_word(self, word: Word, state: TalkerState) -> TalkerState:
        """Another word of the reply."""
        if state.ended:
            raise ValueError("the reply has ended; no word can follow")
        return replace(state, words=(*state.words, word))

    def end(self, state: TalkerState) -> TalkerState:
        """No more words come; the last one can be spoken."""
        return replace(state, ended=True)

    @torch.inference_mode()
    def step(
        self, state: TalkerState, sampling: Sampling = SAMPLING
    ) -> tuple[Spoken | None, TalkerState]:
        """The next code; None when a word is wanted or everything is spoken."""
        while not (state.finished or state.wants_word):
            logits, state = self._feed(state)
            word = state.words[state.word]
            if state.count == 0:
                logits[self.config.n_codes] = -torch.inf  # at least one code a word
            choice = self.config.n_codes
            if state.count < word.max_codes:
                choice = _sample(logits, sampling, state.seed * 1_000_003 + state.n_sampled)
            state = replace(state, n_sampled=state.n_sampled + 1)
            if choice < self.config.n_codes:
                ids = (self.config.first_code + choice,)
                spoken = Spoken(choice, state.word, word.voice)
                return spoken, replace(state, pending=ids, count=state.count + 1)
            ids = (self.config.next_id,)
            state = replace(state, pending=ids, word=state.word + 1, count=0)
        return None, state

    def _feed(self, state: TalkerState) -> tuple[Tensor, TalkerState]:
        """Feed what is pending, and at the start of a group its text → logits [n_codes + 1]."""
        ids = list(state.pending)
        after = state.words[state.word + 1] if state.word + 1 < len(state.words) else None
        if state.count == 0:
            if state.word == 0:
                ids += state.words[0].tokens
            ids += after.tokens if after else [self.config.end_id]
        tokens = context_tokens(state.words[state.word], after, self.config)
        device = self.head.weight.device
        context = self.context(self.embedding(torch.tensor(tokens, device=device)).flatten())
        voice = self.voices.weight[state.words[state.word].voice]
        x = self.embedding(torch.tensor([ids], device=device)) + context
        x = x + voice + self.count.weight[state.count]
        caches = []
        for layer, cache in zip(self.layers, state.caches, strict=True):
            x, cache = layer.step(x, cache, state.position)
            caches.append(cache)
        logits = self.head(self.norm(x[0, -1]))
        position = state.position + len(ids)
        return logits, replace(state, caches=tuple(caches), position=position, pending=())


def context_tokens(word: Word, after: Word | None, config: TalkerConfig) -> list[int]:
    """What every position of a group sees: [word_tokens + next_tokens], filled with 0."""
    own = list(word.tokens[: config.word_tokens])
    following = list(after.tokens[: config.next_tokens]) if after else [config.end_id]
    own += [0] * (config.word_tokens - len(own))
    return own + following + [0] * (config.next_tokens - len(following))


def window_mask(n: int, window: int, device: torch.device | None = None) -> Tensor:
    """Boolean [n, n]: a position sees itself and window - 1 before it."""
    return torch.ones(n, n, dtype=torch.bool, device=device).tril().triu(1 - window)


def _sample(logits: Tensor, sampling: Sampling, seed: int) -> int:
    """A choice from logits [V]; the same seed chooses the same."""
    if sampling.temperature <= 0:
        return int(logits.argmax())
    best, numbers = logits.float().cpu().topk(min(sampling.top_k, logits.shape[-1]))
    chances = (best / sampling.temperature).softmax(-1)
    generator = torch.Generator().manual_seed(seed)
    return int(numbers[torch.multinomial(chances, 1, generator=generator)])
