"""Speech BPE: what happens with odd files, odd codes and characters cut in two."""

import json

import pytest
from tokenizers import Tokenizer, decoders, models, pre_tokenizers

from vivavoce.models.ming.checkpoint import CheckpointError
from vivavoce.models.ming.speech_bpe import SpeechBpe

CHARACTERS = {0: "倀", 1: "倁", 2: "倂", 3: "倃"}


def merged_bpe():
    """倀倁 is one token; a special token stands for no code."""
    vocabulary = {c: i for i, c in enumerate(CHARACTERS.values())} | {"倀倁": 4}
    tokenizer = Tokenizer(models.BPE(vocabulary, [("倀", "倁")]))
    tokenizer.add_special_tokens(["<unk>"])
    return tokenizer


def byte_bpe():
    """Every token is a byte, so a character takes three."""
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    tokenizer = Tokenizer(models.BPE({c: i for i, c in enumerate(alphabet)}, []))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    return tokenizer


@pytest.fixture
def files(tmp_path):
    merged_bpe().save(str(tmp_path / "tokenizer.json"))
    lines = [f"{code}\t{character}" for code, character in CHARACTERS.items()]
    (tmp_path / "char_mapping.txt").write_text("\n".join(lines), encoding="utf-8")
    return tmp_path / "tokenizer.json", tmp_path / "char_mapping.txt"


def test_codes_that_follow_each_other_become_one_token(files):
    bpe = SpeechBpe.load(*files)
    assert bpe.encode([2, 0, 1, 3]) == [2, 4, 3]
    assert bpe.decode([2, 4, 3]) == [2, 0, 1, 3]


def test_a_character_cut_in_two_is_held_back():
    bpe = SpeechBpe(byte_bpe(), CHARACTERS)
    tokens = bpe.encode([3, 0])
    assert len(tokens) == 6
    state, steps = (), []
    for token in tokens:
        codes, state = bpe.step(token, state)
        steps.append(codes)
    assert steps == [(), (), (3,), (), (), (0,)]
    assert bpe.decode(tokens) == [3, 0]


def test_what_never_becomes_a_character_is_dropped():
    bpe = SpeechBpe(byte_bpe(), CHARACTERS)
    first = bpe.encode([1])[0]
    assert bpe.decode([first] * 4 + bpe.encode([2])) == [2]


@pytest.mark.parametrize("token", [5, 99_999])
def test_a_token_that_stands_for_no_code_gives_none(files, token):
    assert SpeechBpe.load(*files).step(token) == ((), ())


def test_an_unknown_code_is_named(files):
    with pytest.raises(ValueError, match="no codec code 17"):
        SpeechBpe.load(*files).encode([0, 17])


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ("0\t倀\n1 倁", "line 2"),
        ("0\t倀倁", "line 1"),
        ("", "does not give every code"),
        ("0\t倀\n1\t倀", "does not give every code"),
    ],
)
def test_a_bad_mapping_is_named(files, content, complaint):
    files[1].write_text(content, encoding="utf-8")
    with pytest.raises(CheckpointError, match=complaint):
        SpeechBpe.load(*files)


def test_a_missing_or_broken_tokenizer_is_named(files):
    files[0].write_text(json.dumps({"model": 3}), encoding="utf-8")
    with pytest.raises(CheckpointError, match="not a readable tokenizer"):
        SpeechBpe.load(*files)
    files[0].unlink()
    with pytest.raises(CheckpointError, match="no speech BPE file"):
        SpeechBpe.load(*files)
