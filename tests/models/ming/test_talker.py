"""Loading a talker: prefix, tied output layer, and files that do not fit."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from vivavoce.models.layers.quantised import fitted
from vivavoce.models.ming.checkpoint import CheckpointError, TensorDict
from vivavoce.models.ming.talker import load_talker
from vivavoce.models.ming.talker_layout import LAYOUTS, SpecialIds

from .tiny_talker import CONFIG, IDS, SPECIAL


def stored(tied=False, prefix="", config=CONFIG):
    """Random tensors under the released names."""
    d, f, kv = config.dim, config.ffn_dim, config.n_kv_heads * config.head_dim
    shapes = {
        "model.model.embed_tokens.weight": (config.vocabulary, d),
        "model.model.norm.weight": (d,),
        "thinker_to_talker_proj.weight": (d, config.thinker_dim),
        "thinker_to_talker_proj.bias": (d,),
        "vp_head.weight": (d, config.speaker_dim, 1),
        "vp_head.bias": (d,),
    }
    if not tied:
        shapes["model.lm_head.weight"] = (config.vocabulary, d)
    for i in range(config.n_layers):
        layer = f"model.model.layers.{i}"
        for name, rows in (("q", d), ("k", kv), ("v", kv)):
            shapes[f"{layer}.self_attn.{name}_proj.weight"] = (rows, d)
            shapes[f"{layer}.self_attn.{name}_proj.bias"] = (rows,)
        shapes |= {
            f"{layer}.self_attn.o_proj.weight": (d, d),
            f"{layer}.mlp.gate_proj.weight": (f, d),
            f"{layer}.mlp.up_proj.weight": (f, d),
            f"{layer}.mlp.down_proj.weight": (d, f),
            f"{layer}.input_layernorm.weight": (d,),
            f"{layer}.post_attention_layernorm.weight": (d,),
        }
    generator = torch.Generator().manual_seed(0)
    return {
        prefix + name: torch.randn(shape, generator=generator) for name, shape in shapes.items()
    }


def load(tensors, **options):
    return load_talker(TensorDict(tensors, "talker.pt"), CONFIG, SPECIAL.audio_eos, **options)


def test_names_may_carry_the_talkers_prefix():
    plain, named = load(stored()).state_dict(), load(stored(prefix="talker.")).state_dict()
    assert plain.keys() == named.keys()
    assert all(torch.equal(plain[name], named[name]) for name in plain)


@pytest.mark.parametrize("whole_head", [False, True])
def test_without_an_output_layer_the_table_is_one(whole_head):
    tensors = stored(tied=True)
    tied = load(tensors, whole_head=whole_head)
    table = tensors["model.model.embed_tokens.weight"]
    untied = load(tensors | {"model.lm_head.weight": table.clone()}, whole_head=whole_head)
    hidden = torch.randn(2, CONFIG.dim)
    torch.testing.assert_close(tied.logits(hidden), untied.logits(hidden))
    if whole_head:
        assert tied.head.weight is tied.embedding.weight


def test_weights_can_be_held_in_half_precision():
    talker = load(stored(), dtype=torch.bfloat16)
    assert {weight.dtype for weight in talker.parameters()} == {torch.bfloat16}
    header = LAYOUTS["v1.5"].header(SPECIAL, 2)
    x = talker.embed_header(header, torch.randn(CONFIG.speaker_dim), torch.randn(2, 12))
    hidden, _ = talker.step(x, range(len(header)), talker.initial())
    assert hidden.dtype == torch.bfloat16
    assert talker.speech_logits(hidden).dtype == torch.float32


def test_missing_and_surplus_tensors_are_named_together():
    tensors = stored()
    del tensors["model.model.layers.1.self_attn.k_proj.bias"]
    tensors["model.extra.weight"] = torch.zeros(1)
    with pytest.raises(CheckpointError) as error:
        load(tensors)
    assert "layers.1.self_attn.k_proj.bias" in str(error.value)
    assert "model.extra.weight" in str(error.value)


def test_a_text_model_without_speech_tokens_is_recognised():
    text_only = stored(config=replace(CONFIG, vocabulary=CONFIG.text_vocabulary))
    with pytest.raises(CheckpointError, match="no speech tokens"):
        load(text_only)


def test_a_tokenizer_without_the_talkers_tokens_is_refused():
    with pytest.raises(CheckpointError, match="lacks <audio_eos>, </vp>"):
        SpecialIds.named({k: v for k, v in IDS.items() if k not in ("<audio_eos>", "</vp>")}.get)


def test_batches_of_steps_equal_single_steps():
    talker = load(stored())
    x = torch.randn(1, 9, CONFIG.dim)
    whole, _ = talker.step(x, range(9), talker.initial())
    caches, parts = talker.initial(), []
    for i in range(9):
        hidden, caches = talker.step(x[:, i : i + 1], [i], caches)
        parts.append(hidden)
    torch.testing.assert_close(torch.cat(parts, 1), whole, rtol=0, atol=1e-4)


@pytest.mark.parametrize(("bits", "error"), [(None, 1e-4), ("int8", 0.02), ("int4", 0.4)])
@torch.inference_mode()
def test_fewer_bits_say_nearly_the_same(bits, error):
    """The deviation of the logits against their spread; prefill and single steps."""
    plain, fit = load(stored()), fitted(load(stored()), bits)
    ids = [list(range(12)), list(range(12, 24))]
    for split in (12, 11):
        ours = []
        for talker in (plain, fit):
            hidden, caches = talker.step(
                talker.embed(*(row[:split] for row in ids)), range(split), talker.initial()
            )
            if split < 12:
                x = talker.embed(*(row[split:] for row in ids))
                hidden, _ = talker.step(x, range(split, 12), caches)
            ours.append(talker.speech_logits(hidden[0, -1]))
        assert (ours[1] - ours[0]).std() <= error * ours[0].std()
