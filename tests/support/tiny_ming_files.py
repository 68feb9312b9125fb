"""The small files beside the tensors of a released Ming checkpoint: settings and tokenizers."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers, trainers

from . import tiny_ming_tensors as sizes

THINKER_MARKS = """
<|startoftext|> <|endoftext|> [CLS] [gMASK] <role> </role> <imagePatch> <image> </image> <video>
</video> <gen_imagePatch> <gen_image> </gen_image> <imageHere> <end_of_chunk> <end_of_audio>
<audioPatch> <audio> </audio> <gen_audioPatch> <gen_audio> </gen_audio> <audioHere> <framePatch>
<text> <asr> <tts>
""".split()
TALKER_MARKS = """
<|endoftext|> <|im_start|> <|im_end|> <audio_bos> <audio_eos> <audio_pad> <text_eos> <text_pad>
<prompt> </prompt> <thinker_prefix> </thinker_prefix> <vp> </vp>
""".split()
SENTENCES = """
今天天气很好，我们去西湖边散步吧。
请把客厅灯关掉！
你想听什么音乐？
现在是九点半。
当然可以回答他们问题。
蓝色天空下有三只小鸟在唱歌。
Please switch off this light in our kitchen.
What would she like to hear?
It was half past nine, so he went out.
The weather looks fine today.
I am happy that you asked me.
""".strip().split("\n")
WORDS = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+|\s+"


# --- tokenizers -----------------------------------------------------------------------------


def text_tokenizer(marks: list[str]) -> Tokenizer:
    """A byte-level BPE that knows some words, and `marks` after them."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(WORDS), "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    trainer = trainers.BpeTrainer(
        vocab_size=480, initial_alphabet=alphabet, show_progress=False, min_frequency=1
    )
    tokenizer.train_from_iterator(SENTENCES, trainer)
    tokenizer.add_special_tokens([AddedToken(mark, special=True) for mark in marks])
    return tokenizer


def unsayable(tokenizer: Tokenizer) -> list[int]:
    """Ids that are no whole characters, or marks."""
    ids = range(tokenizer.get_vocab_size())
    words = [tokenizer.decode([i], skip_special_tokens=True) for i in ids]
    return [i for i, word in zip(ids, words, strict=True) if "\ufffd" in word or not word.strip()]


def pairs(tokenizer: Tokenizer) -> list[tuple[int, int]]:
    """Which tokens follow which in SENTENCES, from the mark before a reply to the end of text."""
    first, last = tokenizer.token_to_id("</role>"), tokenizer.token_to_id("<|endoftext|>")
    found = []
    for sentence in SENTENCES:
        ids = [first, *tokenizer.encode(sentence, add_special_tokens=False).ids, last]
        found += zip(ids[:-1], ids[1:], strict=True)
    return found


def write_tokenizer(folder: Path, tokenizer: Tokenizer, split_files: bool = False) -> None:
    """As `tokenizer.json`, or as `vocab.json` and `merges.txt`, with its configuration."""
    added = tokenizer.get_added_tokens_decoder()
    described = {str(i): {"content": t.content, "special": t.special} for i, t in added.items()}
    config: dict[str, Any] = {"added_tokens_decoder": described, "eos_token": "<|endoftext|>"}
    config["tokenizer_class"] = "Qwen2Tokenizer" if split_files else "PreTrainedTokenizerFast"
    _write_json(folder / "tokenizer_config.json", config)
    if split_files:
        tokenizer.model.save(str(folder))
    else:
        tokenizer.save(str(folder / "tokenizer.json"))


def write_speech_bpe(folder: Path, n_codes: int, n_tokens: int, seed: int) -> None:
    """`s3_bpe/`: a BPE over one character a code, trained on codes that repeat themselves."""
    folder.mkdir()
    rng = random.Random(seed)
    characters = [chr(0x4E00 + i) for i in rng.sample(range(1000), n_codes)]
    lines = [f"{code}\t{character}\n" for code, character in enumerate(characters)]
    (folder / "char_mapping.txt").write_text("".join(lines), encoding="utf-8")
    phrases = ["".join(rng.choices(characters, k=4)) for _ in range(12)]
    corpus = ["".join(rng.choices(phrases, k=8)) for _ in range(40)]
    tokenizer = Tokenizer(models.BPE())
    trainer = trainers.BpeTrainer(
        vocab_size=n_tokens, initial_alphabet=characters, show_progress=False
    )
    tokenizer.train_from_iterator(corpus, trainer)
    tokenizer.save(str(folder / "tokenizer.json"))


# --- settings -------------------------------------------------------------------------------


def thinker_settings(version: str, vocabulary: int, tokenizer: Tokenizer) -> dict[str, Any]:
    """`llm_config`."""
    eos = tokenizer.token_to_id("<|endoftext|>")
    settings = {
        "vocab_size": vocabulary,
        "hidden_size": sizes.DIM,
        "num_hidden_layers": sizes.N_LAYERS,
        "num_attention_heads": sizes.N_HEADS,
        "num_key_value_heads": sizes.N_KV_HEADS,
        "head_dim": sizes.HEAD_DIM,
        "num_experts": sizes.N_EXPERTS,
        "num_experts_per_tok": 2,
        "num_shared_experts": 2,
        "moe_intermediate_size": sizes.EXPERT_DIM,
        "intermediate_size": 64,
        "first_k_dense_replace": 0,
        "norm_topk_prob": True,
        "multi_gate": True,
        "hidden_act": "silu",
        "use_qkv_bias": False,
        "use_bias": False,
        "rope_theta": 600000,
        "max_position_embeddings": 4096,
        "rms_norm_eps": 1e-5 if version == "v1.5" else 1e-6,
        "norm_head": version == "preview",
        "tie_word_embeddings": False,
        "sliding_window": 4096,
        "use_sliding_window": False,
        "rope_scaling": {"type": "3D", "factor": None} if version == "v1.5" else None,
        "eos_token_id": eos,
        "pad_token_id": eos,
        "image_patch_token": tokenizer.token_to_id("<imagePatch>"),
    }
    if version == "v1.5":
        settings["image_start_token"] = tokenizer.token_to_id("<image>")
        settings["video_start_token"] = tokenizer.token_to_id("<video>")
    return settings


WHISPER = {
    "n_mels": sizes.N_MELS,
    "n_ctx": sizes.WHISPER_CTX,
    "n_state": sizes.WHISPER_DIM,
    "n_head": 2,
    "n_layer": 2,
}
SANM = {
    "input_size": sizes.SANM_INPUT,
    "output_size": sizes.SANM_DIM,
    "attention_heads": 2,
    "linear_units": 48,
    "num_blocks": sizes.SANM_BLOCKS,
    "kernel_size": 11,
    "sanm_shfit": 0,
    "normalize_before": True,
    "input_layer": "pe",
    "selfattention_layer_type": "sanm",
}
VISION = {
    "depth": 2,
    "hidden_size": sizes.VISION_DIM,
    "num_heads": 2,
    "intermediate_size": 48,
    "out_hidden_size": sizes.VISION_OUT,
    "in_channels": 3,
    "patch_size": 14,
    "temporal_patch_size": 2,
    "spatial_merge_size": 2,
    "window_size": 112,
    "fullatt_block_indexes": [1],
    "tokens_per_second": 2,
}


def config(
    version: str, thinker: dict[str, Any], talker: dict[str, Any], old_layout: bool
) -> dict[str, Any]:
    """`config.json`. v1.5 has a layout of its own, unless it is the one in its repository."""
    own = version == "v1.5" and not old_layout
    down = {"ds_kernel_size": 3, "ds_stride": 2}
    sanm_audio = {
        "audio_encoder_output_size": sizes.SANM_DIM,
        "audio_encoder_config_sanm": SANM,
        "ds_kernel_size": 1,
        "ds_stride": 1,
        "norm_query_embeds": True,
    }
    whole: dict[str, Any] = {
        "architectures": ["BailingMMNativeForConditionalGeneration"],
        "model_type": "bailingmm",
        "mlp_depth": 2,
        "llm_config": thinker,
        "vision_config": VISION,
        "audio_config": {"whisper_encoder_config": WHISPER, **down} if own else sanm_audio,
    }
    if version != "preview":
        whole["talker_config"] = talker
        if not own:
            whole["whisper_config"] = {"whisper_encoder_config": WHISPER, **down}
    return whole


def talker_settings(vocabulary: int, text_vocabulary: int) -> dict[str, Any]:
    """`talker_config` of the main `config.json`."""
    return {
        "qa_model_hidden_size": sizes.DIM,
        "vocab_size": vocabulary,
        "text_vocab_size": text_vocabulary,
        "audio_vocab_size": vocabulary - text_vocabulary,
        "vp_feature_size": sizes.SPEAKER_DIM,
        "vp_kernel_size": 1,
        "vp_stride": 1,
    }


def backbone_settings(vocabulary: int, tied: bool) -> dict[str, Any]:
    """`talker/config.json`: a Qwen2 model."""
    return {
        "architectures": ["Qwen2ForCausalLM"],
        "model_type": "qwen2",
        "vocab_size": vocabulary,
        "hidden_size": sizes.TALKER_DIM,
        "intermediate_size": 48,
        "num_hidden_layers": sizes.TALKER_LAYERS,
        "num_attention_heads": 2,
        "num_key_value_heads": 1,
        "rope_theta": 1000000.0,
        "rms_norm_eps": 1e-6,
        "max_position_embeddings": 2048,
        "tie_word_embeddings": tied,
    }


def preprocessor(version: str) -> dict[str, Any]:
    """`preprocessor_config.json`."""
    front_end = {"fs": 16000, "window": "hamming", "n_mels": 80, "frame_length": 25}
    front_end |= {"frame_shift": 10, "lfr_m": 7, "lfr_n": 6, "cmvn_file": "am.mvn"}
    settings = {
        "processor_class": "BailingMMProcessor",
        "wav_frontend_args": front_end,
        "image_mean": [0.48145466, 0.4578275, 0.40821073],
        "image_std": [0.26862954, 0.26130258, 0.27577711],
        "min_pixels": 3136,
        "max_pixels": 12845056,
        "patch_size": 14,
        "temporal_patch_size": 2,
        "merge_size": 2,
    }
    if version != "preview":
        settings["whisper_frontend_args"] = {"n_mels": sizes.N_MELS}
    return settings


def write_cmvn(path: Path, n: int) -> None:
    """`am.mvn`: the shift and scale of stacked filter banks, as Kaldi writes them."""
    shift = " ".join(f"{-9 - 0.01 * (i % 80):.4f}" for i in range(n))
    scale = " ".join(f"{0.25 + 0.001 * (i % 80):.4f}" for i in range(n))
    path.write_text(
        f"<Nnet> \n<Splice> {n} {n} \n[ 0 ]\n"
        f"<AddShift> {n} {n} \n<LearnRateCoef> 0 [ {shift} ] \n"
        f"<Rescale> {n} {n} \n<LearnRateCoef> 0 [ {scale} ] \n</Nnet> \n",
        encoding="utf-8",
    )


def _write_json(path: Path, content: Any) -> None:
    path.write_text(json.dumps(content, ensure_ascii=False, indent=1), encoding="utf-8")
