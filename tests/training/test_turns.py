"""Dialogues as sequences: what is a target, and where audio stands."""

import random

import pytest
import torch

from training.grammar.replying import reply_in
from training.turns import FORCED_SHARE, IGNORED, NOISY_SHARE, add_turn, collate, new_sequence
from vivavoce.models.nano.text import ACT, ASR, BOS, EOS, PAD, REP, USER, Text
from vivavoce.models.nano.thinker import AUDIO, TEXT

TEXT_OF = Text.shipped()
TURN = (
    "turn on the kitchen light",
    "light_on kitchen",
    "okay the kitchen light is on",
    "en",
)
HEARD = TEXT_OF.encode(TURN[0])
ACTION = TEXT_OF.encode_action(TURN[1])
REPLY = TEXT_OF.encode(TURN[2])


def sequence(*turns, **options):
    made = new_sequence()
    for turn in turns:
        add_turn(made, TEXT_OF, turn, random.Random(0), **options)
    return made


def spoken_tokens(made):
    return [token for token, spoken in zip(made.tokens, made.spoken, strict=True) if spoken]


def test_a_written_turn_reads_as_the_drawing_in_text_says():
    made = sequence(TURN, noise=False)
    assert made.tokens == [BOS, USER, *HEARD, ACT, *ACTION, REP, *REPLY, EOS]


def test_only_what_the_thinker_says_itself_counts():
    assert spoken_tokens(sequence(TURN, noise=False)) == [*ACTION, REP, *REPLY, EOS]


def test_a_heard_turn_has_places_for_its_audio_and_perhaps_a_transcript():
    without = sequence(TURN, audio=(5, 3), asr_share=0.0)
    assert without.tokens[:8] == [BOS, USER, *[PAD] * 5, ACT]
    assert without.audio == [(2, 5, 3)]
    assert spoken_tokens(without) == [*ACTION, REP, *REPLY, EOS]
    written = sequence(TURN, audio=(5, 3), asr_share=1.0)
    assert written.tokens[7] == ASR
    assert spoken_tokens(written) == [*HEARD, ACT, *ACTION, REP, *REPLY, EOS]


def test_a_reply_cut_short_is_remembered_and_not_learnt():
    replies = set()
    for seed in range(200):
        made = new_sequence()
        add_turn(made, TEXT_OF, TURN, random.Random(seed), noise=False, cut=True)
        assert spoken_tokens(made) == ACTION
        assert made.tokens[-1] == EOS
        reply = made.tokens[made.tokens.index(REP) + 1 : -1]
        assert reply == REPLY[: len(reply)] and len(reply) < len(REPLY)
        replies.add(tuple(reply))
    assert () in replies and len(replies) > 3


def test_targets_are_the_next_tokens_of_what_is_spoken():
    made = sequence(TURN, TURN, noise=False)
    batch = collate([made])
    for at in range(len(made.tokens) - 1):
        wanted = made.tokens[at + 1] if made.spoken[at + 1] else IGNORED
        assert int(batch.targets[0, at]) == wanted
    assert int(batch.targets[0, -1]) == IGNORED  # nothing follows the last


def test_padding_is_neither_read_nor_said():
    short, long = sequence(TURN, audio=(4, 0), asr_share=0.0), sequence(TURN, TURN, noise=False)
    batch = collate([short, long])
    n = len(short.tokens)
    assert batch.tokens.shape == (2, len(long.tokens))
    assert (batch.tokens[0, n:] == PAD).all()
    assert (batch.targets[0, n - 1 :] == IGNORED).all()
    assert batch.audio == [(0, 2, 4, 0)]
    kinds = torch.full_like(batch.tokens, TEXT)
    kinds[0, 2:6] = AUDIO
    assert torch.equal(batch.modality, kinds)


def test_noise_changes_some_words_of_some_users_and_nothing_else():
    changed, n = 0, 400
    rng = random.Random(0)
    for _ in range(n):
        made = new_sequence()
        add_turn(made, TEXT_OF, TURN, rng)
        assert made.tokens[2 + len(HEARD) :] == [ACT, *ACTION, REP, *REPLY, EOS]
        changed += made.tokens[2 : 2 + len(HEARD)] != HEARD
    assert 0.02 * n < changed < NOISY_SHARE * n


# --- several languages ----------------------------------------------------------------------

LANGUAGES = ("en", "cmn", "yue")
MARK = {language: TEXT_OF.language_id(language) for language in LANGUAGES}
CHINESE = ("打开厨房的灯", "light_on kitchen", "好的厨房的灯开了", "cmn")


def never_forced(monkeypatch):
    monkeypatch.setattr("training.turns.FORCED_SHARE", 0.0)


@pytest.mark.parametrize("turn", [TURN, CHINESE])
def test_a_model_of_several_languages_writes_which_it_replies_in(monkeypatch, turn):
    never_forced(monkeypatch)
    made = sequence(turn, noise=False, languages=LANGUAGES)
    said = [REP, MARK[turn[3]], *TEXT_OF.encode(turn[2]), EOS]
    assert made.tokens[-len(said) :] == said
    assert spoken_tokens(made) == [*ACTION, *said]


def test_a_forced_language_is_told_and_not_learnt(monkeypatch):
    monkeypatch.setattr("training.turns.FORCED_SHARE", 1.0)
    seen = set()
    for seed in range(20):
        made = new_sequence()
        add_turn(made, TEXT_OF, TURN, random.Random(seed), noise=False, languages=LANGUAGES)
        mark = made.tokens[made.tokens.index(REP) + 1]
        reply = TEXT_OF.encode(reply_in(TURN[1], {MARK["cmn"]: "cmn", MARK["yue"]: "yue"}[mark]))
        assert spoken_tokens(made) == [*ACTION, REP, *reply, EOS]
        seen.add(mark)
    assert seen == {MARK["cmn"], MARK["yue"]}


def test_a_reply_that_says_more_than_its_action_keeps_its_language(monkeypatch):
    monkeypatch.setattr("training.turns.FORCED_SHARE", 1.0)
    by_name = ("good evening", "hello", "hello anna how can i help you", "en")
    made = sequence(by_name, noise=False, languages=LANGUAGES)
    assert made.tokens[-1 - len(TEXT_OF.encode(by_name[2])) - 1] == MARK["en"]


def test_a_few_turns_are_forced():
    rng, n = random.Random(0), 1500
    forced = 0
    for _ in range(n):
        made = new_sequence()
        add_turn(made, TEXT_OF, TURN, rng, noise=False, languages=LANGUAGES)
        forced += MARK["en"] not in made.tokens
    assert 0.5 * FORCED_SHARE * n < forced < 1.6 * FORCED_SHARE * n


def test_what_nano_asks_about_is_remembered_and_not_learnt():
    asked = (TURN[0], "confirm light_on kitchen", "shall i turn on the kitchen light", "en")
    made = sequence(asked, noise=False, languages=LANGUAGES)
    assert spoken_tokens(made) == []
    action = TEXT_OF.encode_action(asked[1])
    assert made.tokens[: 3 + len(HEARD) + len(action)] == [BOS, USER, *HEARD, ACT, *action]
    assert made.tokens[-1] == EOS


def test_a_chinese_reply_is_cut_between_its_hanzi(monkeypatch):
    never_forced(monkeypatch)
    lengths = set()
    for seed in range(200):
        made = new_sequence()
        rng = random.Random(seed)
        add_turn(made, TEXT_OF, CHINESE, rng, noise=False, cut=True, languages=LANGUAGES)
        assert spoken_tokens(made) == ACTION
        reply = made.tokens[made.tokens.index(REP) + 2 : -1]
        assert reply == TEXT_OF.encode(CHINESE[2])[: len(reply)]
        lengths.add(len(reply))
    assert lengths == {0, *range(2, len(CHINESE[2]) + 1)}  # a space goes before the first hanzi
