"""Text to be spoken against the reference's own: exact."""

import json

import pytest

from vivavoce.models.ming.normalizer import normalize
from vivavoce.models.ming.sentences import Cutting, cut, cut_text, finish


def read(vectors, name):
    path = vectors / name
    if not path.is_file():
        pytest.skip(f"no {name} in {vectors}")
    return json.loads(path.read_text(encoding="utf-8"))


@pytest.fixture(params=["v1", "v1_5"])
def recorded(request, vectors):
    """What the reference of one version made of some texts."""
    return read(vectors, f"text_{request.param}.json")


def test_numbers_and_marks_are_written_out(recorded):
    cases = recorded["normalize"]
    assert [normalize(case["input"]) for case in cases] == [case["output"] for case in cases]


def test_long_texts_are_cut_at_the_same_places(recorded):
    for case in recorded["cut_text"]:
        assert cut_text(case["input"], case["max_length"]) == case["output"], case["input"]


def test_a_reply_written_bit_by_bit_is_spoken_in_the_same_pieces(vectors):
    for case in read(vectors, "text_v1_5.json")["stream_segments"]:
        pieces, state = [], Cutting()
        for character in case["input"]:
            more, state = cut(character, state)
            pieces += more
        spoken = [piece.spoken for piece in [*pieces, *finish(state)] if piece.spoken]
        assert spoken == [segment["text"] for segment in case["segments"]]
