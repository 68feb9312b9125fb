"""The MoE thinker against the reference: every layer, every expert chosen, eight greedy steps.

Tolerances from the vectors' README: 2e-4 on logits up to 16 (v1, v1.5), 5e-5 on logits up to 2
(Preview). Ignoring the modality's router changes logits by more than 1, a wrong split of the
rotary sections by 0.05 or more.
"""

from __future__ import annotations

import pytest
import torch

from vivavoce.models.ming.positions import padded_positions

from .thinker_vectors import NAMES, ThinkerVectors, spied

TOLERANCES = {True: 5e-5, False: 2e-4}


@pytest.fixture(params=NAMES, scope="module")
def recorded(request, vectors):
    if not (vectors / f"{request.param}.io.safetensors").is_file():
        pytest.skip(f"no {request.param} in {vectors}")
    with torch.inference_mode():
        yield ThinkerVectors(vectors, request.param)


@pytest.fixture(params=["stacked", "listed"])
def model(request, recorded):
    return recorded.model(storage=request.param)


def close(recorded, got, wanted):
    tolerance = TOLERANCES[recorded.is_preview]
    torch.testing.assert_close(got, wanted, rtol=0, atol=tolerance)


def prefill(recorded, model, case):
    positions, following = recorded.positions(case)
    hidden, caches = model.step(
        recorded.embedded(case, model), recorded.modality(case), positions, model.initial()
    )
    return hidden, caches, following


@torch.inference_mode()
def test_prefill_follows_the_reference_layer_by_layer(recorded, model):
    cases = recorded.cases_with("hidden_embed")
    assert {"text", "audio", "image"} <= set(cases)
    for name in cases:
        case = recorded.case(name)
        x = recorded.embedded(case, model)
        close(recorded, x, case["inputs_embeds"])
        outputs, chosen = spied(model, lambda case=case: prefill(recorded, model, case))
        for index in range(len(model.layers)):
            wanted = case[f"router_topk.{index}"].sort(-1).values
            assert torch.equal(chosen[index].sort(-1).values, wanted), (name, index)
            if index + 1 < len(model.layers):  # the last stands after the final norm
                close(recorded, outputs[index], case[f"hidden.{index + 1}"])
        hidden, _, _ = prefill(recorded, model, case)
        close(recorded, hidden, case["hidden_last"])
        close(recorded, model.logits(hidden), case["prefill_logits"])


@torch.inference_mode()
def test_greedy_decoding_follows_the_reference(recorded, model):
    for name in recorded.cases_with("decode_logits"):
        case = recorded.case(name)
        hidden, caches, position = prefill(recorded, model, case)
        token = model.logits(hidden[:, -1]).argmax(-1)
        greedy = case["greedy_tokens"]
        assert torch.equal(token, greedy[:, 0]), name
        for step in range(case["decode_logits"].shape[1]):
            logits, caches = model.decode(token, torch.tensor([position]), caches)
            close(recorded, logits, case["decode_logits"][:, step])
            token, position = logits.argmax(-1), position + 1
            assert torch.equal(token, greedy[:, step + 1]), (name, step)


@torch.inference_mode()
def test_positions_are_the_references(recorded):
    for name in recorded.cases_with("position_ids"):
        case = recorded.case(name)
        if "attention_mask" in case or case["position_ids"].dim() == 2:
            continue  # padded rows have their own test
        positions, following = recorded.positions(case)
        assert torch.equal(positions, case["position_ids"]), name
        if "rope_delta" in case:
            assert following == positions.shape[-1] + int(case["rope_delta"]), name


@torch.inference_mode()
def test_left_padded_rows_are_the_references(recorded, model):
    case = recorded.case("leftpad")
    if not case:
        assert recorded.is_preview
        return
    mask = case["attention_mask"]
    positions = padded_positions(mask)
    assert torch.equal(positions.expand_as(case["position_ids"]), case["position_ids"])
    x = model.embed(case["input_ids"])
    hidden, _ = model.step(
        x, recorded.modality(case), positions, model.initial(), visible=mask.bool()
    )
    real = mask.bool()
    close(recorded, model.logits(hidden)[real], case["prefill_logits"][real])
