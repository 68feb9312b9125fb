"""The tiny checkpoints that other tests load are laid out like the released ones."""

import json
import re
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors import safe_open

from tests.support.tiny_ming import IMAGE_GENERATION, VERSIONS, write_tiny_ming
from vivavoce.models.ming.config import MingConfig
from vivavoce.models.ming.detokenizer_files import load_detokenizer
from vivavoce.models.ming.features import read_cmvn
from vivavoce.models.ming.hearing import sanm_ear, whisper_ear
from vivavoce.models.ming.parts import open_parts
from vivavoce.models.ming.speech_bpe import SpeechBpe
from vivavoce.models.ming.talker import load_talker
from vivavoce.models.ming.talker_layout import SpecialIds
from vivavoce.models.ming.thinker_files import load_thinker
from vivavoce.models.ming.tokenizer import TextTokenizer, ThinkerIds
from vivavoce.models.ming.voice_prompt import load_voice_prompt

VECTORS = Path(__file__).parents[2] / "reference/ming/vectors"
FILES = """
config.json preprocessor_config.json am.mvn tokenizer.json tokenizer_config.json
model.safetensors.index.json model-00001-of-00003.safetensors modeling_bailingmm.py
talker/config.json talker/tokenizer_config.json talker/campplus.onnx
talker/speech_tokenizer_v1.onnx talker/s3_bpe/tokenizer.json talker/s3_bpe/char_mapping.txt
""".split()
OWN_FILES = {
    "preview": "talker/audio_detokenizer.yaml talker/flow.pt talker/hift.pt data/spks/luna.pt",
    "v1": "talker/audio_detokenizer.yaml talker/flow.pt talker/hift.pt data/spks/luna.pt "
    "talker/vocab.json talker/merges.txt",
    "v1.5": "talker/audio_detokenizer_stream.yaml talker/flow_stream.pt talker/hift_v2.pt "
    "data/spks/luna_v2.pt data/spks/eng_v2.pt",
}
KINDS = ("weight", "bias")
RECORDED = {
    "preview": "moe_thinker_preview audio_encoder_sanm_preview",
    "v1": "moe_thinker_v1 audio_encoder_whisper_v1 audio_encoder_sanm_v1",
    "v1.5": "moe_thinker_v1_5 audio_encoder_whisper_v1_5",
}
VISION = {  # as transformers' Qwen2.5-VL names them
    "vision.patch_embed.proj.weight",
    "vision.merger.ln_q.weight",
    *(f"vision.blocks.#.norm{i}.weight" for i in (1, 2)),
    *(f"vision.blocks.#.attn.{part}.{kind}" for part in ("qkv", "proj") for kind in KINDS),
    *(f"vision.blocks.#.mlp.{part}_proj.{k}" for part in ("gate", "up", "down") for k in KINDS),
    *(f"{part}.#.{kind}" for part in ("vision.merger.mlp", "linear_proj") for kind in KINDS),
}


@pytest.fixture(scope="module", params=VERSIONS)
def release(request, tiny_ming):
    """A version and its folder."""
    return request.param, tiny_ming(request.param)


def patterns(names):
    return {re.sub(r"(?<=\.)\d+(?=\.)", "#", name) for name in names}


def keys_of(path):
    with safe_open(path, "pt") as file:
        return set(file.keys())


def recorded(name):
    return patterns(keys_of(VECTORS / f"{name}.weights.safetensors"))


def main_names(folder):
    index = json.loads((folder / "model.safetensors.index.json").read_text(encoding="utf-8"))
    return index["weight_map"]


def test_it_is_small_and_quickly_written(tmp_path):
    begin = time.monotonic()
    folder = write_tiny_ming(tmp_path / "a", "v1")
    assert time.monotonic() - begin < 20  # about one on an idle core
    assert sum(f.stat().st_size for f in folder.rglob("*") if f.is_file()) < 20e6


def test_all_files_of_a_release_are_there(release):
    version, folder = release
    for name in [*FILES, *OWN_FILES[version].split()]:
        assert (folder / name).is_file(), name
    for name in IMAGE_GENERATION:
        assert (folder / name).is_dir()


def test_the_index_names_every_tensor_of_every_shard(release):
    _, folder = release
    placed = main_names(folder)
    held = {
        name: path.name
        for path in folder.glob("model-*.safetensors")
        for name in keys_of(path)
    }  # fmt: skip
    assert held == placed
    assert len(set(placed.values())) == 3


def test_tensors_are_named_as_in_the_reference(release):
    version, folder = release
    names = patterns(n for n in main_names(folder) if not n.startswith("talker."))
    expected = set.union(*(recorded(name) for name in RECORDED[version].split()))
    assert names == expected | VISION


def test_the_talker_is_named_as_in_the_reference_wherever_it_lies(release):
    version, folder = release
    lies_in = {"preview": "talker.", "v1": "talker.", "v1.5": ""}[version]
    if version == "v1":
        names = {n for n in main_names(folder) if n.startswith("talker.")}
    else:
        names = keys_of(folder / "talker/model.safetensors")
    expected = {lies_in + name for name in recorded("talker_v1_5")}
    missing = {"talker.model.lm_head.weight"} if version == "preview" else set()  # tied
    assert patterns(names) == expected - missing


def test_the_audio_decoder_is_named_as_in_the_reference(release):
    version, folder = release
    stored = {
        path.name: torch.load(path, weights_only=True) for path in (folder / "talker").glob("*.pt")
    }
    if version == "v1.5":
        flow = stored["flow_stream.pt"]["model"]
        hift = {n.removeprefix("generator.") for n in stored["hift_v2.pt"]}
        assert all(n.startswith("generator.") for n in stored["hift_v2.pt"])
        assert patterns(flow) == recorded("flow_v1_5")
        assert patterns(hift) == recorded("hift_v1_5")
    else:
        assert patterns(stored["flow.pt"]) == recorded("flow_v1")
        assert patterns(stored["hift.pt"]) == recorded("hift_v1")


def test_every_part_is_loaded_by_the_models_own_loaders(release):
    version, folder = release
    config, parts = MingConfig.from_folder(folder), open_parts(folder)
    assert config.version == version
    load_thinker(config.thinker, parts.thinker)
    if version != "preview":
        whisper_ear(parts, config)
    if version != "v1.5":
        sanm_ear(parts, config, read_cmvn(folder / "am.mvn"))
    talker_words = TextTokenizer.from_folder(folder / "talker")
    special = SpecialIds.named(talker_words.id_of)
    load_talker(parts.talker, config.talker, special.audio_eos)
    assert talker_words.n_tokens == config.talker.text_vocabulary
    assert ThinkerIds.of(TextTokenizer.from_folder(folder)).eos == config.thinker.eos_id
    bpe = folder / "talker/s3_bpe"
    n_speech = SpeechBpe.load(bpe / "tokenizer.json", bpe / "char_mapping.txt").n_tokens
    assert config.talker.text_vocabulary + n_speech == config.talker.vocabulary
    detokenizer = load_detokenizer(folder / "talker")
    assert detokenizer.rate_hz == config.detokenizer.rate_hz


def test_voices_are_in_the_format_of_the_release(release):
    version, folder = release
    prompts = [load_voice_prompt(path) for path in (folder / "data/spks").iterdir()]
    assert len(prompts) == (2 if version == "v1.5" else 1)
    assert all(len(prompt.codes) == (0 if version == "preview" else 20) for prompt in prompts)


def test_the_voice_networks_run(release):
    onnxruntime = pytest.importorskip("onnxruntime")
    _, folder = release
    speaker = onnxruntime.InferenceSession(folder / "talker/campplus.onnx")
    fbank = np.random.default_rng(0).normal(size=(1, 60, 80)).astype(np.float32)
    assert speaker.run(None, {"input": fbank})[0].shape == (1, 192)
    tokenizer = onnxruntime.InferenceSession(folder / "talker/speech_tokenizer_v1.onnx")
    mel = np.random.default_rng(1).normal(size=(1, 128, 100)).astype(np.float32)
    fed = {"feats": mel, "feats_length": np.array([100], np.int32)}
    codes = tokenizer.run(None, fed)[0]
    assert codes.shape == (1, 50) and codes.min() >= 0 and codes.max() < 64
    assert len(set(codes.flatten().tolist())) > 5


def test_a_seed_fixes_every_weight(tmp_path, tiny_ming):
    def shard(folder):
        return (folder / "model-00002-of-00003.safetensors").read_bytes()

    other, again = (write_tiny_ming(tmp_path / str(seed), "v1.5", seed) for seed in (4, 0))
    assert shard(again) == shard(tiny_ming()) != shard(other)


def test_v1_5_is_known_by_either_layout_of_its_config(tmp_path, tiny_ming):
    folder = write_tiny_ming(tmp_path / "a", "v1.5", old_config=True)
    assert "whisper_config" in json.loads((folder / "config.json").read_text(encoding="utf-8"))
    new = MingConfig.from_folder(tiny_ming())
    assert MingConfig.from_folder(folder) == new


def test_an_unknown_release_is_named(tmp_path):
    with pytest.raises(ValueError, match="no release 'v2'"):
        write_tiny_ming(tmp_path, "v2")
