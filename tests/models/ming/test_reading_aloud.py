"""Plain text to speech from a whole (tiny, random) checkpoint folder of every release."""

from __future__ import annotations

import shutil

import numpy as np
import pytest

from tests.support.tiny_ming import VERSIONS
from vivavoce.models.dialogue import Sampling
from vivavoce.models.ming.checkpoint import CheckpointError
from vivavoce.models.ming.config import MingConfig
from vivavoce.models.ming.detokenizer_files import load_detokenizer
from vivavoce.models.ming.mouth import Mouth, read_aloud
from vivavoce.models.ming.parts import open_parts
from vivavoce.models.ming.sentences import cut_text
from vivavoce.models.ming.talker_files import load_speaker
from vivavoce.models.ming.voice_prompt import load_voice_prompt

TEXT = "你好，世界。今天天气很好。"
SAMPLING = Sampling(temperature=1.0, top_k=20, seed=2)
MAX_TOKENS = 40


@pytest.fixture(scope="module", params=VERSIONS)
def folder(request, tiny_ming):
    return tiny_ming(request.param)


def load(folder):
    config = MingConfig.from_folder(folder)
    speaker = load_speaker(folder, config, open_parts(folder).talker, max_tokens=MAX_TOKENS)
    decoder = load_detokenizer(folder / "talker")
    return Mouth(speaker, decoder, whole_pieces=not config.detokenizer.streaming), config


def test_text_becomes_sound_in_the_voice_that_was_asked_for(folder):
    mouth, config = load(folder)
    voices = sorted((folder / "data" / "spks").glob("*.pt"))
    sounds = []
    for voice in voices:
        ready = mouth.prepare(load_voice_prompt(voice))
        deltas = list(read_aloud(mouth, ready, cut_text(TEXT), SAMPLING))
        units = [delta.token_index for delta in deltas]
        assert units == sorted(units)
        sounds.append(np.concatenate([delta.pcm for delta in deltas]))
    assert mouth.rate_hz == config.detokenizer.rate_hz
    for pcm in sounds:
        assert pcm.dtype == np.float32
        assert 0.1 * mouth.rate_hz < len(pcm) < 60 * mouth.rate_hz
        assert np.abs(pcm).max() > 0
    assert len(sounds) == 1 or not np.array_equal(*sounds)


def test_the_same_seed_reads_the_same(folder):
    mouth, _ = load(folder)
    voice = sorted((folder / "data" / "spks").glob("*.pt"))[0]
    runs = [
        np.concatenate([delta.pcm for delta in read_aloud(mouth, ready, cut_text(TEXT), SAMPLING)])
        for ready in [mouth.prepare(load_voice_prompt(voice))] * 2
    ]
    np.testing.assert_array_equal(*runs)


def test_a_folder_without_a_talker_is_told_so(folder):
    with pytest.raises(CheckpointError, match="holds no talker"):
        load_speaker(folder, MingConfig.from_folder(folder), None)


def test_a_talker_without_speech_bpe_is_told_so(folder, tmp_path):
    torn = shutil.copytree(folder, tmp_path / "torn")
    (torn / "talker" / "s3_bpe" / "char_mapping.txt").unlink()
    with pytest.raises(CheckpointError, match="char_mapping.txt"):
        load_speaker(torn, MingConfig.from_folder(torn), open_parts(torn).talker)
