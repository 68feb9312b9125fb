"""An utterance as a stream of text in and codes out."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest
import torch

from vivavoce.models.ming.alignment import Tempo
from vivavoce.models.ming.checkpoint import CheckpointError
from vivavoce.models.ming.speaking import Speaker
from vivavoce.models.ming.talker import Talker
from vivavoce.models.ming.talker_layout import LAYOUTS
from vivavoce.models.ming.voice_prompt import VoicePrompt

from .tiny_talker import CONFIG, LIVELY, SPECIAL, encode, make_bpe, make_prompt, make_speaker, piece

TEXT = encode("the lamp is on, and the door is shut. nothing else to say")


@pytest.fixture(params=LAYOUTS)
def speaker(request):
    return make_speaker(LAYOUTS[request.param])


def begin(speaker, thinker=None):
    return speaker.begin(speaker.voice(make_prompt()), thinker, LIVELY)


def finish(speaker, state):
    """All that is still said."""
    said = []
    while not state.finished:
        spoken, state = speaker.step(state)
        assert spoken or state.finished
        said += [spoken] if spoken else []
    return said, state


def say(speaker, ids, chance=None):
    """The whole text, fed at once, or in random pieces between steps."""
    state, said, ids = begin(speaker), [], list(ids)
    while ids:
        n = chance.randint(1, 7) if chance else len(ids)
        state, ids = speaker.feed(ids[:n], state), ids[n:]
        for _ in range(chance.randint(0, 9) if chance else 0):
            spoken, state = speaker.step(state)
            said += [spoken] if spoken else []
    rest, state = finish(speaker, speaker.end(state))
    return said + rest, state


def codes(said):
    return [code for spoken in said for code in spoken.codes]


def test_speech_does_not_depend_on_when_text_comes(speaker):
    whole, state = say(speaker, TEXT)
    assert len(whole) > 10
    for seed in range(4):
        in_pieces, other = say(speaker, TEXT, random.Random(seed))
        assert codes(in_pieces) == codes(whole)
        assert other.audio == state.audio


def test_a_kept_state_can_be_returned_to(speaker):
    state = speaker.feed(TEXT, begin(speaker))
    for _ in range(4):
        _, state = speaker.step(state)
    kept = speaker.end(state)
    first, _ = finish(speaker, kept)
    finish(speaker, speaker.end(speaker.feed(encode("something else"), state)))
    assert finish(speaker, kept)[0] == first


def test_an_utterance_knows_nothing_of_an_earlier_one(speaker):
    before, _ = say(speaker, TEXT)
    say(speaker, encode("a quite different text, spoken in between"))
    assert say(speaker, TEXT)[0] == before


def test_the_seed_decides(speaker):
    state = speaker.end(speaker.feed(TEXT, begin(speaker)))
    runs = [
        finish(speaker, replace(state, sampling=replace(LIVELY, seed=seed)))[0]
        for seed in (1, 1, 2)
    ]
    assert runs[0] == runs[1] != runs[2]


def test_speech_waits_for_text_and_starts_without_all_of_it(speaker):
    state = begin(speaker)
    assert state.wants_text
    assert speaker.step(state)[0] is None
    few = speaker.feed(TEXT[: state.n_missing], state)
    assert not few.wants_text
    spoken, few = speaker.step(few)
    assert spoken is not None
    assert few.wants_text  # one text token for every speech token
    assert few.n_missing == 1


def test_prefilling_early_changes_nothing(speaker):
    eager = begin(speaker)
    for number in TEXT[:5]:
        _, eager = speaker.step(speaker.feed([number], eager))
    late = speaker.feed(TEXT[:5], begin(speaker))
    ends = [speaker.end(speaker.feed(TEXT[5:], state)) for state in (eager, late)]
    assert finish(speaker, ends[0])[1].audio == finish(speaker, ends[1])[1].audio


def test_the_end_lets_a_short_text_be_said(speaker):
    state = speaker.end(speaker.feed(TEXT[:2], begin(speaker)))
    assert not state.wants_text
    assert finish(speaker, state)[0]


def test_going_on_without_text_fills_the_gap_and_takes_the_rest_later():
    speaker = make_speaker()
    state = speaker.feed(TEXT[:3], begin(speaker))
    n_gap = state.n_missing
    assert n_gap > 3
    spoken, state = speaker.step(speaker.go_on(state))
    assert spoken is not None
    state = speaker.feed(TEXT[3:5], state)
    assert state.text[-2 - n_gap :] == (*[SPECIAL.text_pad] * n_gap, *TEXT[3:5])
    assert state.n_text == 5
    assert speaker.go_on(speaker.end(state)).text == state.text


def test_it_does_not_stop_before_the_text_has_ended(speaker):
    speaker.talker.head.weight[-1] = 0
    speaker.talker.head.weight[-1, :] = 40 * speaker.talker.head.weight[:-1].abs().amax(0)
    state = speaker.feed(TEXT, begin(speaker))
    n = 0
    while not state.wants_text:
        spoken, state = speaker.step(state)
        n += spoken is not None
    assert not state.finished
    assert n > 10


def test_it_stops_at_the_limit_and_does_not_call_the_text_said():
    speaker = make_speaker(max_tokens=12)
    said, state = say(speaker, TEXT)
    assert (len(said), state.stopped) == (12, "limit")
    assert state.alignment.heard(state.n_codes) < len(TEXT)


def test_a_text_of_nothing_is_finished_at_once(speaker):
    state = speaker.end(begin(speaker))
    assert state.finished
    assert speaker.step(state) == (None, state)


def test_no_text_can_follow_the_end(speaker):
    with pytest.raises(ValueError, match="ended"):
        speaker.feed(TEXT, speaker.end(speaker.feed(TEXT, begin(speaker))))


def test_every_code_knows_a_word_and_time_goes_forward(speaker):
    said, state = say(speaker, TEXT, random.Random(2))
    tokens = [token for spoken in said for token in spoken.tokens]
    assert len(tokens) == len(codes(said)) == state.n_codes
    assert tokens == sorted(tokens)
    assert set(tokens) <= set(range(len(TEXT)))


def test_an_utterance_heard_to_its_end_was_heard_whole(speaker):
    _, state = say(speaker, TEXT)
    if state.stopped == "end":
        assert state.alignment.heard(state.n_codes) == len(TEXT)
        assert state.alignment.heard(state.n_codes // 2) < len(TEXT)


def test_after_a_cut_the_same_is_said_again(speaker):
    said, state = say(speaker, TEXT)
    for n_codes in (0, 1, 7, state.n_codes):
        cut = speaker.cut(state, n_codes)
        assert cut.n_codes in (n_codes, n_codes - 1)  # a token is cut whole
        kept = codes(said)[: cut.n_codes]
        assert kept + codes(finish(speaker, cut)[0]) == codes(said)


def test_a_cut_beyond_what_was_said_is_refused(speaker):
    _, state = say(speaker, TEXT)
    with pytest.raises(ValueError, match="not among"):
        speaker.cut(state, state.n_codes + 1)


def test_thinker_states_and_speaker_change_what_is_said(speaker):
    plain = speaker.end(speaker.feed(TEXT, begin(speaker)))
    thinker = torch.randn(5, CONFIG.thinker_dim, generator=torch.Generator().manual_seed(0)) * 20
    informed = speaker.end(speaker.feed(TEXT, begin(speaker, thinker)))
    assert codes(finish(speaker, plain)[0]) != codes(finish(speaker, informed)[0])


def test_a_voice_without_a_moment_of_speech_starts_with_the_text():
    speaker = make_speaker()
    state = speaker.begin(speaker.voice(VoicePrompt.of(torch.randn(6))), None, LIVELY)
    assert state.n_missing == 1
    assert speaker.step(speaker.feed(TEXT[:1], state))[0] is not None


def test_preview_leaves_the_moment_of_speech_out():
    speaker = make_speaker(LAYOUTS["preview"])
    voice = speaker.voice(make_prompt())
    assert (voice.text, voice.speech) == ((), ())


def test_the_voice_sets_the_tempo_and_utterances_correct_it():
    speaker = make_speaker()
    fast = speaker.voice(make_prompt("hello you there. " * 12, n_codes=200)).tempo
    slow = speaker.voice(make_prompt("hi", n_codes=200)).tempo
    assert fast.codes_a_syllable < Tempo().codes_a_syllable < slow.codes_a_syllable
    _, state = say(speaker, TEXT)
    expected = state.alignment.learned()
    assert speaker.begin(speaker.voice(make_prompt()), tempo=expected).alignment.tempo == expected


def test_a_prompt_of_unknown_codes_is_refused():
    prompt = VoicePrompt.of(torch.randn(6), "hi", torch.tensor([3, 4095]))
    with pytest.raises(ValueError, match="no codec code 4095"):
        make_speaker().voice(prompt)


def test_a_table_without_rows_for_all_speech_tokens_is_refused():
    """As of a text model, whose table has a few rows more than its tokenizer."""
    talker = Talker(replace(CONFIG, vocabulary=CONFIG.text_vocabulary + 9), SPECIAL.audio_eos)
    with pytest.raises(CheckpointError, match="rows for 9 speech tokens, .* BPE has 30"):
        Speaker(talker, make_bpe(), SPECIAL, LAYOUTS["v1.5"], encode, piece)


def test_rows_that_only_round_the_table_off_are_never_said():
    config = replace(CONFIG, vocabulary=CONFIG.vocabulary + 200)
    torch.manual_seed(0)
    talker = Talker(config, SPECIAL.audio_eos).eval().requires_grad_(False)
    speaker = Speaker(talker, make_bpe(), SPECIAL, LAYOUTS["v1.5"], encode, piece, max_tokens=60)
    said, state = say(speaker, TEXT)
    assert said
    assert max(state.audio) < CONFIG.vocabulary
