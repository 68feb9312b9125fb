"""Whole utterances against the reference: every choice and every code, however the text comes.

The vectors replace sampling by the best choice, and end by force at their last step; that step
is not compared.
"""

import random

import pytest
import torch

from vivavoce.models.dialogue import Sampling
from vivavoce.models.ming.speaking import Speaker
from vivavoce.models.ming.voice_prompt import VoicePrompt

from .talker_vectors import TalkerVectors, for_every_case

GREEDY = Sampling(temperature=0)


def pytest_generate_tests(metafunc):
    for_every_case(metafunc)


@pytest.fixture
def recorded(talker_case, vectors):
    name, case = talker_case
    of = TalkerVectors(vectors, name)
    return of, of.case(case)


@pytest.fixture(params=[False, True], ids=["speech rows", "whole head"])
def speaker(request, recorded):
    of, case = recorded
    return Speaker(
        of.talker(whole_head=request.param),
        of.bpe,
        of.special,
        of.layout,
        encode=lambda text: case.facts["prompt_text_ids"] or [],
        piece=lambda number: "字",
    )


def begin(speaker, case):
    prompt = VoicePrompt.of(
        case.io["speaker_embedding"],
        case.facts["prompt_text"] or "",
        case.io.get("prompt_speech_codes"),
    )
    return speaker.begin(speaker.voice(prompt), case.thinker, GREEDY)


def expected_ids(of, case):
    """What the reference chose of its own, less the forced end."""
    n_told = len(case.ids("prompt_speech_bpe_ids")) if of.name == "v1" else 0
    return case.ids("step_sampled_ids")[n_told:-1]


def test_the_voice_prompt_becomes_the_references_tokens(recorded, speaker):
    of, case = recorded
    state = begin(speaker, case)
    told = [number - of.config.text_vocabulary for number in state.audio[1:]]
    assert told == case.ids("prompt_speech_bpe_ids")


@pytest.mark.parametrize("pieces", ["at once", "one by one", "as wanted"])
def test_every_choice_and_code_is_the_references(recorded, speaker, pieces):
    of, case = recorded
    ids, expected = expected_ids(of, case), case.ids("generated_codes")
    state, codes, text = begin(speaker, case), [], list(case.facts["text_ids"])
    if pieces == "at once":
        state, text = speaker.end(speaker.feed(text, state)), []
    while state.n_said < len(ids) and not state.finished:
        if text and (pieces == "one by one" or state.wants_text):
            state = speaker.feed([text.pop(0)], state)
        if not text and not state.ended:
            state = speaker.end(state)
        spoken, state = speaker.step(state)
        codes += spoken.codes if spoken else ()
    assert list(state.audio[state.n_told :]) == ids
    assert codes == expected


def test_going_back_to_a_state_says_the_same(recorded, speaker):
    of, case = recorded
    state = speaker.end(speaker.feed(case.facts["text_ids"], begin(speaker, case)))
    n = len(expected_ids(of, case))
    kept, chance = [state], random.Random(0)
    while state.n_said < n and not state.finished:
        state = speaker.step(state)[1]
        kept.append(state)
    for early in chance.sample(kept[:-1], 3):
        again = early
        while again.n_said < state.n_said:
            again = speaker.step(again)[1]
        assert again.audio == state.audio


@torch.inference_mode()
def test_speech_after_a_cut_is_the_same(recorded, speaker):
    of, case = recorded
    state = speaker.end(speaker.feed(case.facts["text_ids"], begin(speaker, case)))
    n = len(expected_ids(of, case))
    while state.n_said < n and not state.finished:
        state = speaker.step(state)[1]
    for n_codes in (0, state.n_codes // 2, state.n_codes):
        again = speaker.cut(state, n_codes)
        assert again.n_codes <= n_codes
        while again.n_said < state.n_said:
            again = speaker.step(again)[1]
        assert again.audio == state.audio
