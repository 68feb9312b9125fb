"""The talker against the reference: embeddings, and the logits of every step.

Tolerance 1e-4: two implementations in fp32 were seen 1e-5 apart; a wrong position rule or a
missing speaker row gives more than 0.5.
"""

import pytest
import torch

from .talker_vectors import TalkerVectors, for_every_case

TOLERANCE = {"rtol": 0, "atol": 1e-4}


def pytest_generate_tests(metafunc):
    for_every_case(metafunc)


@pytest.fixture
def recorded(talker_case, vectors):
    name, case = talker_case
    of = TalkerVectors(vectors, name)
    return of, of.case(case)


def prefix(of, case, talker):
    """The embedded prefix: header, BOS and whatever the reference prefilled after it."""
    audio, text = case.ids("prefix_audio_ids"), case.ids("prefix_text_ids")
    n_thinker = case.facts["thinker_prefix_len"]
    header = of.layout.header(of.special, n_thinker)
    assert audio[: len(header)] == text[: len(header)] == header
    assert audio[len(header)] == of.special.audio_bos
    speaker = case.io["speaker_embedding"][0]
    x = talker.embed_header(header, speaker, case.thinker)
    return torch.cat([x, talker.embed(audio[len(header) :], text[len(header) :])], dim=1)


@torch.inference_mode()
def test_the_summed_embeddings_are_the_references(recorded):
    of, case = recorded
    x = prefix(of, case, of.talker())
    torch.testing.assert_close(x, case.io["prefix_inputs_embeds"], **TOLERANCE)


@torch.inference_mode()
def test_the_logits_of_every_step_are_the_references(recorded):
    of, case = recorded
    talker = of.talker()
    x = prefix(of, case, talker)
    n_header = 7 + case.facts["thinker_prefix_len"]
    hidden, caches = talker.step(x, of.layout.positions(0, x.shape[1], n_header), talker.initial())
    ours = [talker.logits(hidden[0, -1])]
    position = x.shape[1]
    for audio, text in zip(
        case.ids("step_audio_input_ids"), case.ids("step_text_ids"), strict=True
    ):
        y = talker.embed([audio], [text])
        at = of.layout.positions(position, position + 1, n_header)
        hidden, caches = talker.step(y, at, caches)
        ours.append(talker.logits(hidden[0, -1]))
        position += 1
    torch.testing.assert_close(torch.stack(ours), case.io["step_logits"], **TOLERANCE)


def test_positions_are_the_references(recorded):
    of, case = recorded
    n_header = 7 + case.facts["thinker_prefix_len"]
    n_prefix = len(case.ids("prefix_audio_ids"))
    expected = case.ids("prefix_position_ids")
    ours = of.layout.positions(0, n_prefix, n_header)
    assert ours == (expected * n_prefix if len(expected) == 1 else expected)
    n_steps = len(case.ids("step_position_ids"))
    steps = of.layout.positions(n_prefix, n_prefix + n_steps, n_header)
    assert steps == case.ids("step_position_ids")


def test_stopping_is_forbidden_where_the_reference_forbids_it(recorded):
    of, case = recorded
    n_header = 7 + case.facts["thinker_prefix_len"]
    n_told = len(case.ids("prompt_speech_bpe_ids")) if of.name == "v1" else 0
    forbidden = case.io["eos_suppressed"].tolist()
    ours = [not of.layout.may_stop(k - n_told, n_header) for k in range(len(forbidden))]
    assert ours == forbidden


@torch.inference_mode()
def test_a_head_of_speech_rows_alone_says_the_same(recorded):
    of, case = recorded
    whole, spoken = of.talker(), of.talker(whole_head=False)
    hidden = torch.randn(3, of.config.dim, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(whole.speech_logits(hidden), spoken.speech_logits(hidden))
    assert spoken.head.weight.shape[0] == of.config.vocabulary - of.config.text_vocabulary + 1
