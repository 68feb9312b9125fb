"""Dialogues as sequences: what is a target, and where audio stands."""

import random

import torch

from training.turns import IGNORED, NOISY_SHARE, add_turn, collate, new_sequence
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
