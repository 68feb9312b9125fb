"""A tiny random Ming-Lite-Omni checkpoint in the layout of a released folder, file by file.

    config.json  preprocessor_config.json  am.mvn  tokenizer…  model-0000i-of-00003.safetensors
    talker/   config, tokenizer, weights, s3_bpe/, flow, vocoder, yaml, two ONNX networks
    data/spks/   the voices that come with it
    mlp/ connector/ transformer/ vae/ scheduler/   image generation: rubbish, never to be read

What the releases do differently, or are not known to do alike, differs here too: where the
talker's tensors lie and whether its output layer is stored, kinds of tokenizer files, both
layouts of config.json, both styles of weight norm, how `.pt` files are wrapped.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from tokenizers import Tokenizer
from torch import Tensor

from . import tiny_ming_files as files
from . import tiny_ming_tensors as sizes
from .tiny_ming_decoder import write_settings
from .tiny_onnx import write_speaker_network, write_speech_tokenizer

VERSIONS = ("preview", "v1", "v1.5")
N_SHARDS = 3
N_SPEECH = 96  # speech tokens
PROMPT_CODES = 20  # of a voice: 0.4 s
IMAGE_GENERATION = ("mlp", "connector", "transformer", "vae", "scheduler")


@dataclass(frozen=True)
class Words:
    """The two tokenizers and how many ids they have."""

    thinker: Tokenizer
    talker: Tokenizer

    @property
    def n_talker(self) -> int:
        """Ids of the talker's text; speech ids follow."""
        return self.talker.get_vocab_size()


def write_tiny_ming(
    folder: Path | str,
    version: str = "v1.5",
    seed: int = 0,
    dtype: torch.dtype = torch.bfloat16,
    old_config: bool = False,
) -> Path:
    """Write a checkpoint of one release; gives the folder.

    Args:
        folder: made if it is not there.
        version: one of VERSIONS.
        seed: of all weights.
        dtype: of the main weights and the talker; the audio decoder's are float32.
        old_config: v1.5's `config.json` in v1's layout, as its repository has it.
    """
    if version not in VERSIONS:
        raise ValueError(f"no release {version!r}: {', '.join(VERSIONS)}")
    folder = Path(folder)
    (folder / "talker").mkdir(parents=True, exist_ok=True)
    words = Words(
        files.text_tokenizer(files.THINKER_MARKS), files.text_tokenizer(files.TALKER_MARKS)
    )
    tied = version == "preview"
    talker = talker_tensors(words, seed + 1, tied)
    main = main_tensors(words, version, seed)
    if version == "v1":
        main |= {f"talker.{name}": tensor for name, tensor in talker.items()}
    else:
        prefix = "talker." if version == "preview" else ""
        stored = {prefix + name: tensor.to(dtype) for name, tensor in talker.items()}
        save_file(stored, folder / "talker" / "model.safetensors")
    write_shards(folder, {name: tensor.to(dtype) for name, tensor in main.items()})
    write_root(folder, version, words, old_config)
    write_talker(folder / "talker", version, words, seed, tied)
    write_voices(folder / "data" / "spks", version, seed)
    write_rubbish(folder)
    return folder


def main_tensors(words: Words, version: str, seed: int) -> dict[str, Tensor]:
    """Thinker, audio encoders, vision."""
    n_words = words.thinker.get_vocab_size()
    thinker = sizes.filled(sizes.thinker(n_words), seed)
    eos = words.thinker.token_to_id("<|endoftext|>")
    never = [i for i in files.unsayable(words.thinker) if i != eos]
    # Preview divides every column of its output matrix by its length.
    weight = 40.0 if version == "preview" else 1.0
    manners = sizes.Manners(never, pairs=files.pairs(words.thinker), weight=weight)
    manners.give(thinker, "model.model.word_embeddings.weight", "model.lm_head.weight")
    shapes = sizes.vision()
    if version == "v1.5":
        shapes |= sizes.whisper("audio", "linear_proj_audio")
    else:
        shapes |= sizes.sanm("audio", "linear_proj_audio")
    if version == "v1":
        shapes |= sizes.whisper("whisper_encoder", "linear_proj_whisper")
    rest = sizes.filled(shapes, seed + 2)
    for name in rest:
        if name.endswith("positional_embedding"):
            rest[name] = sinusoids(*rest[name].shape)
        elif name.startswith("linear_proj") and name.endswith(("2.bias", "3.bias")):
            rest[name][0] = 1.0  # the channel that words have in common, see Manners
    return thinker | rest


def talker_tensors(words: Words, seed: int, tied: bool) -> dict[str, Tensor]:
    """The talker; says some twenty tokens if sampled."""
    tensors = sizes.filled(sizes.talker(words.n_talker + N_SPEECH, tied), seed)
    embedding = "model.model.embed_tokens.weight"
    head = embedding if tied else "model.lm_head.weight"
    eos = words.talker.token_to_id("<audio_eos>")
    sizes.Manners(often={eos: 0.3}).give(tensors, embedding, head)
    return tensors


def sinusoids(n: int, dim: int) -> Tensor:
    """Whisper's position table [n, dim]."""
    step = math.log(10_000) / (dim // 2 - 1)
    angle = torch.arange(n)[:, None] * torch.exp(-step * torch.arange(dim // 2))[None]
    return torch.cat([angle.sin(), angle.cos()], dim=1)


def write_shards(folder: Path, tensors: dict[str, Tensor]) -> None:
    """`model-0000i-of-00003.safetensors` and their index; the audio encoder comes first."""
    names = sorted(tensors, key=lambda name: (not name.startswith("audio."), name))
    each = -(-len(names) // N_SHARDS)
    placed: dict[str, str] = {}
    for i in range(N_SHARDS):
        file = f"model-{i + 1:05d}-of-{N_SHARDS:05d}.safetensors"
        held = names[i * each : (i + 1) * each]
        save_file({name: tensors[name].contiguous() for name in held}, folder / file)
        placed |= dict.fromkeys(held, file)
    n_bytes = sum(tensor.nbytes for tensor in tensors.values())
    index = {"metadata": {"total_size": n_bytes}, "weight_map": placed}
    _write_json(folder / "model.safetensors.index.json", index)


def write_root(folder: Path, version: str, words: Words, old_config: bool) -> None:
    """Settings and tokenizer of the thinker."""
    n_words, n_talker = words.thinker.get_vocab_size(), words.n_talker
    thinker = files.thinker_settings(version, n_words, words.thinker)
    talker = files.talker_settings(n_talker + N_SPEECH, n_talker)
    _write_json(folder / "config.json", files.config(version, thinker, talker, old_config))
    _write_json(folder / "preprocessor_config.json", files.preprocessor(version))
    files.write_cmvn(folder / "am.mvn", sizes.SANM_INPUT)
    files.write_tokenizer(folder, words.thinker)


def write_talker(folder: Path, version: str, words: Words, seed: int, tied: bool) -> None:
    """`talker/`, all but its weights."""
    streaming = version == "v1.5"
    settings = files.backbone_settings(words.n_talker + N_SPEECH, tied)
    _write_json(folder / "config.json", settings)
    files.write_tokenizer(folder, words.talker, split_files=version == "v1")
    files.write_speech_bpe(folder / "s3_bpe", sizes.N_CODES, N_SPEECH, seed)
    write_speaker_network(folder / "campplus.onnx", sizes.MEL, sizes.SPEAKER_DIM, seed)
    tokenizer = folder / "speech_tokenizer_v1.onnx"
    write_speech_tokenizer(tokenizer, sizes.N_MELS, sizes.N_CODES, seed)
    if streaming:
        write_settings(folder / "audio_detokenizer_stream.yaml", streaming)
        flow = sizes.filled(sizes.flow_stream(), seed + 3)
        torch.save({"model": flow, "epoch": 1, "step": 7}, folder / "flow_stream.pt")
        vocoder = quiet(sizes.filled(sizes.hift(sizes.HIFT_V2), seed + 4))
        prefixed = {f"generator.{name}": tensor for name, tensor in vocoder.items()}
        torch.save(prefixed, folder / "hift_v2.pt")
    else:
        write_settings(folder / "audio_detokenizer.yaml", streaming)
        torch.save(sizes.filled(sizes.flow_whole(), seed + 3), folder / "flow.pt")
        vocoder = quiet(sizes.filled(sizes.hift(sizes.HIFT_V1), seed + 4))
        torch.save(vocoder, folder / "hift.pt")


def quiet(vocoder: dict[str, Tensor]) -> dict[str, Tensor]:
    """A vocoder whose waveform stays within its limits."""
    for name in vocoder:
        if name.startswith("conv_post.") and name.endswith(("weight_g", "original0")):
            vocoder[name] *= 0.3
    vocoder["conv_post.bias"][:9] -= 1
    return vocoder


def write_voices(folder: Path, version: str, seed: int) -> None:
    """The speaker files in the format of the release."""
    folder.mkdir(parents=True)
    generator = torch.Generator().manual_seed(seed + 5)
    for name in ("luna_v2", "eng_v2") if version == "v1.5" else ("luna",):
        vector = torch.randn(1, sizes.SPEAKER_DIM, generator=generator)
        content: Any = vector if version == "preview" else _voice(version, vector, generator)
        torch.save(content, folder / f"{name}.pt")


def _voice(version: str, vector: Tensor, generator: torch.Generator) -> dict[str, Any]:
    codes = torch.randint(sizes.N_CODES, (1, PROMPT_CODES), generator=generator).to(torch.int32)
    n_frames = PROMPT_CODES if version == "v1.5" else int(PROMPT_CODES / 50 * 22050 / 256)
    n_codes = torch.tensor([PROMPT_CODES], dtype=torch.int32)
    voice = {
        "prompt_text": "我们去散步吧。",
        "prompt_speech_token": codes,
        "prompt_speech_token_len": n_codes,
        "prompt_speech_feat": torch.randn(1, n_frames, sizes.MEL, generator=generator) - 5,
        "prompt_speech_feat_len": torch.tensor([n_frames], dtype=torch.int32),
        "vp_emb": vector,
    }
    if version == "v1.5":
        voice["flow_prompt_speech_token"] = codes.clone()
        voice["flow_prompt_speech_token_len"] = n_codes.clone()
        voice["flow_embedding"] = vector.clone()
    return voice


def write_rubbish(folder: Path) -> None:
    """What a voice assistant must never read: image generation, and code."""
    for name in IMAGE_GENERATION:
        (folder / name).mkdir()
        (folder / name / "model.safetensors").write_bytes(b"not to be read")
        (folder / name / "config.json").write_text("not to be read", encoding="utf-8")
    code = 'raise SystemExit("the code of a checkpoint was run")\n'
    (folder / "modeling_bailingmm.py").write_text(code, encoding="utf-8")


def _write_json(path: Path, content: Any) -> None:
    path.write_text(json.dumps(content, ensure_ascii=False, indent=1), encoding="utf-8")
