"""Speech BPE against the reference's own pairs: exact, as lists and token by token."""

import json

import pytest

from vivavoce.models.ming.speech_bpe import SpeechBpe

VERSIONS = ("preview", "v1", "v1_5")


@pytest.fixture(params=VERSIONS)
def recorded(request, vectors):
    """The BPE of one version and what the reference made of some codes."""
    name = f"s3_bpe_{request.param}"
    if not (vectors / f"{name}.pairs.json").is_file():
        pytest.skip(f"no {name} in {vectors}")
    bpe = SpeechBpe.load(vectors / f"{name}.tokenizer.json", vectors / f"{name}.char_mapping.txt")
    return bpe, json.loads((vectors / f"{name}.pairs.json").read_text(encoding="utf-8"))


def test_codes_become_the_same_tokens(recorded):
    bpe, file = recorded
    assert bpe.n_tokens == file["bpe_vocab"]
    assert [bpe.encode(pair["codes"]) for pair in file["pairs"]] == [
        pair["bpe_ids"] for pair in file["pairs"]
    ]


def test_tokens_become_the_same_codes(recorded):
    bpe, file = recorded
    for pair in file["pairs"]:
        assert bpe.decode(pair["bpe_ids"]) == pair["decoded"]


def test_every_token_gives_its_codes_at_once(recorded):
    bpe, file = recorded
    for pair in file["pairs"]:
        state, steps = (), []
        for token in pair["bpe_ids"]:
            codes, state = bpe.step(token, state)
            steps.append(list(codes))
        assert steps == pair["per_token_decoded"]
        assert state == ()
