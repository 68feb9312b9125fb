"""A talker of random weights, small enough for any test, with a made-up vocabulary."""

from __future__ import annotations

import torch
from tokenizers import Tokenizer, models

from vivavoce.models.dialogue import Sampling
from vivavoce.models.ming.config import TalkerConfig
from vivavoce.models.ming.speaking import Speaker
from vivavoce.models.ming.speech_bpe import SpeechBpe
from vivavoce.models.ming.talker import Talker
from vivavoce.models.ming.talker_layout import LAYOUTS, TOKEN_NAMES, Layout, SpecialIds
from vivavoce.models.ming.voice_prompt import VoicePrompt

LETTERS = "abcdefghijklmnopqrstuvwxyz ,."
IDS = {name: len(LETTERS) + i for i, name in enumerate(TOKEN_NAMES.values())}
SPECIAL = SpecialIds.named(IDS.get)
N_TEXT = len(LETTERS) + len(IDS)
N_CODES = 20
LIVELY = Sampling(temperature=1.0, top_k=20, seed=5)

CONFIG = TalkerConfig(
    dim=32,
    n_layers=2,
    n_heads=4,
    n_kv_heads=2,
    ffn_dim=48,
    vocabulary=N_TEXT + 30,
    text_vocabulary=N_TEXT,
    thinker_dim=12,
    speaker_dim=6,
)


def make_talker(whole_head: bool = False, seed: int = 3) -> Talker:
    torch.manual_seed(seed)
    return Talker(CONFIG, SPECIAL.audio_eos, whole_head).eval().requires_grad_(False)


def make_bpe() -> SpeechBpe:
    """Twenty codes, ten pairs of neighbours: 30 speech tokens of one or two codes."""
    characters = [chr(0x5000 + i) for i in range(N_CODES)]
    merges = [(characters[i], characters[i + 1]) for i in range(0, N_CODES, 2)]
    vocabulary = {c: i for i, c in enumerate([*characters, *map("".join, merges)])}
    return SpeechBpe(Tokenizer(models.BPE(vocabulary, merges)), dict(enumerate(characters)))


def encode(text: str) -> list[int]:
    return [LETTERS.index(letter) for letter in text]


def piece(number: int) -> str:
    return LETTERS[number] if number < len(LETTERS) else ""


def make_speaker(layout: Layout = LAYOUTS["v1.5"], max_tokens: int = 60) -> Speaker:
    return Speaker(make_talker(), make_bpe(), SPECIAL, layout, encode, piece, max_tokens)


def make_prompt(text: str = "hello.", n_codes: int = 24) -> VoicePrompt:
    generator = torch.Generator().manual_seed(1)
    codes = torch.randint(0, N_CODES, (n_codes,), generator=generator)
    return VoicePrompt.of(torch.randn(1, 6, generator=generator), text, codes)
