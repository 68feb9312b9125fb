"""What the talker is trained on: cut at words, laid out as it is later fed."""

import numpy as np
import torch

from training.synthesis import Utterance
from training.talker import (
    IGNORED,
    Sentence,
    cut_at_words,
    lay_out,
    make_batch,
    talker_loss,
)
from vivavoce.models.dialogue import Sampling
from vivavoce.models.nano.talker import Talker, TalkerConfig, make_word

CONFIG = TalkerConfig(
    vocabulary=20, n_codes=12, dim=16, n_heads=2, n_layers=2, hidden=24, window=10, max_word_codes=9
)


def sentence(*words, voice=0):
    """From (tokens, codes) of each word."""
    made = [make_word(t, 9, CONFIG, voice) for t, _ in words]
    return Sentence(made, [list(c) for _, c in words])


THREE = sentence(([3], [1, 2]), ([4, 5], [6]), ([7], [8, 9]))


def test_layout_is_one_word_of_text_ahead_of_the_voice():
    code, following, end = CONFIG.first_code, CONFIG.next_id, CONFIG.end_id
    ids, groups, counts, targets = lay_out(THREE, CONFIG)
    assert ids == [
        *[3, 4, 5, code + 1, code + 2],
        *[following, 7, code + 6],
        *[following, end, code + 8, code + 9],
    ]
    assert groups == [0] * 5 + [1] * 3 + [2] * 4
    assert counts == [0, 0, 0, 1, 2, 0, 0, 1, 0, 0, 1, 2]
    no, stop = IGNORED, CONFIG.n_codes
    assert targets == [no, no, 1, 2, stop, no, 6, stop, no, 8, 9, stop]


def test_training_and_streaming_see_the_same_positions():
    """Teacher-forced logits of a batch equal those of the stream that says the same codes."""
    torch.manual_seed(0)
    talker = Talker(CONFIG).eval().requires_grad_(False)
    torch.nn.init.normal_(talker.voices.weight)
    state = talker.initial()
    words = [word._replace(voice=i) for i, word in enumerate(THREE.words)]
    for word in words:
        state = talker.add_word(word, state)
    state, said = talker.end(state), [[], [], []]
    greedy = Sampling(temperature=0.0)
    while not state.finished:
        spoken, state = talker.step(state, greedy)
        if spoken:
            said[spoken.word].append(spoken.code)
    spoken_by_itself = Sentence(words, said)
    ids, groups, counts, targets = lay_out(spoken_by_itself, CONFIG)
    batch = make_batch([spoken_by_itself], CONFIG, torch.Generator(), noise=0.0)
    logits = talker(batch.ids, batch.contexts, batch.voices, batch.groups, batch.counts)[0]
    forced = [
        int(row[: CONFIG.n_codes].argmax() if counts[i] == 0 else row.argmax())
        for i, row in enumerate(logits)
        if targets[i] != IGNORED and counts[i] < CONFIG.max_word_codes
    ]
    expected = [
        target
        for i, target in enumerate(targets)
        if target != IGNORED and counts[i] < CONFIG.max_word_codes
    ]
    assert forced == expected


def test_padding_does_not_change_the_loss_of_a_sentence():
    torch.manual_seed(0)
    talker = Talker(CONFIG).eval()
    short = sentence(([3], [1]), ([4], [2]))
    generator = torch.Generator()
    alone = [
        talker_loss(talker, make_batch([s], CONFIG, generator, noise=0.0)) for s in (THREE, short)
    ]
    both = talker_loss(talker, make_batch([THREE, short], CONFIG, generator, noise=0.0))
    n_three, n_short = 8, 4  # codes and one stop a word
    mean = (alone[0][0] * n_three + alone[1][0] * n_short) / (n_three + n_short)
    torch.testing.assert_close(both[0], mean)


class OneCodeEach:
    """A codec whose codes are their own positions."""

    class config:
        samples_per_code = 640

    @staticmethod
    def encode(pcm):
        return torch.arange(-(-pcm.shape[1] // 640))[None]


def test_codes_are_cut_at_word_ends_and_none_is_lost():
    spans = [(3200, 6400), (8000, 8010), (8020, 16000)]
    utterance = Utterance(np.zeros(30_000, np.float32), [], None)
    pieces = cut_at_words((["a", "b", "c"], utterance, spans), OneCodeEach)
    everything = [code for piece in pieces for code in piece]
    assert everything == list(range(len(everything)))
    assert all(pieces)
    assert len(pieces[0]) == 6  # 40 ms before the word and its 200 ms
    assert len(pieces[1]) == 3  # the pause belongs to the word after it
