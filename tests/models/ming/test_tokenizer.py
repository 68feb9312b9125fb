"""Tokenizers of a checkpoint folder: both kinds of files, marks by name, decoding bit by bit."""

import json
import shutil

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.tiny_ming_files import TALKER_MARKS, THINKER_MARKS, text_tokenizer
from tests.support.tiny_ming_files import write_tokenizer as write
from vivavoce.models.ming import prompt
from vivavoce.models.ming.checkpoint import CheckpointError
from vivavoce.models.ming.talker_layout import SpecialIds
from vivavoce.models.ming.tokenizer import Decoding, TextTokenizer, ThinkerIds


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("thinker")
    write(folder, text_tokenizer(THINKER_MARKS))
    return folder


@pytest.fixture(scope="module")
def tokenizer(folder):
    return TextTokenizer.from_folder(folder)


def test_marks_are_found_by_name(tokenizer):
    ids = ThinkerIds.of(tokenizer)
    assert ids.audio_patch == tokenizer.id_of("<audioPatch>")
    assert ids.stops == {tokenizer.id_of("<|endoftext|>"), tokenizer.id_of("<role>")}
    assert tokenizer.id_of("<no such mark>") is None
    assert tokenizer.n_tokens == tokenizer.id_of(THINKER_MARKS[-1]) + 1


def test_the_prompt_becomes_marks_and_words(tokenizer):
    parts = (*prompt.opening(), *prompt.sound_opening(), *prompt.placeholders("audio", 3))
    ids, mark = tokenizer.encode_parts(parts), tokenizer.id_of
    assert ids[0] == mark("<role>")
    assert ids[-4:] == [mark("<audio>"), *[mark("<audioPatch>")] * 3]
    assert tokenizer.decode(ids) == "HUMAN"


def test_a_mark_that_somebody_wrote_stays_text(tokenizer):
    ids = tokenizer.encode("</role> <audioPatch>")
    assert tokenizer.decode(ids) == "</role> <audioPatch>"
    assert tokenizer.id_of("<audioPatch>") not in ids


def test_nor_if_the_files_do_not_call_it_special(tmp_path):
    plain = text_tokenizer([])
    plain.add_tokens(["<role>", "</role>"])
    write(tmp_path, plain)
    tokenizer = TextTokenizer.from_folder(tmp_path)
    assert tokenizer.id_of("<role>") == plain.token_to_id("<role>")
    assert tokenizer.id_of("<role>") not in tokenizer.encode("<role>HUMAN</role>")
    assert tokenizer.decode([tokenizer.id_of("<role>")]) == ""


def test_pieces_have_the_ids_of_the_whole(tokenizer):
    whole = (*prompt.opening(), *prompt.words("你好, Luna"), *prompt.reply("好的。"))
    one_by_one = [i for part in whole for i in tokenizer.encode_parts([part])]
    assert tokenizer.encode_parts(whole) == one_by_one


def bit_by_bit(tokenizer, ids):
    text, state = "", Decoding()
    for token in ids:
        more, state = tokenizer.step(token, state)
        text += more
    return text + tokenizer.rest(state)


@given(text=st.text(alphabet="今天气很好weathr is.，。\n😀é", max_size=30))
def test_decoding_bit_by_bit_is_decoding_the_whole(tokenizer, text):
    ids = tokenizer.encode(text)
    assert bit_by_bit(tokenizer, ids) == tokenizer.decode(ids) == text


@given(ids=st.lists(st.integers(0, 400), max_size=20))
def test_any_ids_lose_nothing(tokenizer, ids):
    assert bit_by_bit(tokenizer, ids).replace("\ufffd", "") == tokenizer.decode(ids).replace(
        "\ufffd", ""
    )


def test_no_half_character_is_shown(tokenizer):
    state, shown = Decoding(), []
    for token in tokenizer.encode("鹦鹉"):
        text, state = tokenizer.step(token, state)
        shown.append(text)
    assert "".join(shown) == "鹦鹉"
    assert all("\ufffd" not in text for text in shown)


def test_decoding_goes_on_from_an_earlier_state(tokenizer):
    ids = tokenizer.encode("鹦鹉")
    _, before = tokenizer.step(ids[0], Decoding())
    one = tokenizer.step(ids[1], before)
    tokenizer.step(tokenizer.encode("a")[0], before)
    assert tokenizer.step(ids[1], before) == one


def test_vocab_and_merges_files_are_the_same_tokenizer(tmp_path):
    kinds = []
    for split in (False, True):
        (tmp_path / str(split)).mkdir()
        write(tmp_path / str(split), text_tokenizer(TALKER_MARKS), split_files=split)
        kinds.append(TextTokenizer.from_folder(tmp_path / str(split)))
    one, two = kinds
    text = "我们去散步, that's it."
    assert one.decode(one.encode(text)) == two.decode(two.encode(text)) == text
    assert SpecialIds.named(one.id_of) == SpecialIds.named(two.id_of)
    assert two.id_of("<vp>") not in two.encode("<vp>")


def test_added_tokens_that_only_the_configuration_names_are_added(folder, tmp_path):
    shutil.copytree(folder, tmp_path, dirs_exist_ok=True)
    file = json.loads((tmp_path / "tokenizer.json").read_text(encoding="utf-8"))
    file["added_tokens"] = []
    (tmp_path / "tokenizer.json").write_text(json.dumps(file), encoding="utf-8")
    tokenizer = TextTokenizer.from_folder(tmp_path)
    assert ThinkerIds.of(tokenizer) == ThinkerIds.of(TextTokenizer.from_folder(folder))


def test_files_that_do_not_belong_together_are_refused(folder, tmp_path):
    shutil.copytree(folder, tmp_path, dirs_exist_ok=True)
    path = tmp_path / "tokenizer_config.json"
    config = json.loads(path.read_text(encoding="utf-8"))
    config["added_tokens_decoder"] = {"7": {"content": "<role>", "special": True}}
    path.write_text(json.dumps(config), encoding="utf-8")
    with pytest.raises(CheckpointError, match="gives <role> the id 7"):
        TextTokenizer.from_folder(tmp_path)


def test_a_folder_without_a_tokenizer_is_named(tmp_path):
    with pytest.raises(CheckpointError, match="there is no tokenizer in"):
        TextTokenizer.from_folder(tmp_path)
    (tmp_path / "tokenizer.json").write_text("{}", encoding="utf-8")
    with pytest.raises(CheckpointError, match="not a readable tokenizer"):
        TextTokenizer.from_folder(tmp_path)


def test_missing_marks_are_named(tmp_path):
    write(tmp_path, text_tokenizer(["<|endoftext|>", "<role>", "</role>"]))
    tokenizer = TextTokenizer.from_folder(tmp_path)
    with pytest.raises(CheckpointError, match="lacks the tokens <audio>, </audio>, <audioPatch>"):
        ThinkerIds.of(tokenizer)
    with pytest.raises(CheckpointError, match="lacks the token <audio>"):
        tokenizer.encode_parts(prompt.sound_opening())
