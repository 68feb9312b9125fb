"""One step of the encoder and joint stages on random speech: every part learns."""

import random

import numpy as np
import pytest
import torch

from training import encoder, joint, loop, speech_pool
from training.augment import CLEAN
from training.encoder import make_batch
from training.phones import UNKNOWN
from training.shipped import save_half
from training.speech_pool import SpokenTurn
from vivavoce.models.nano.config import EncoderConfig, NanoConfig, ThinkerConfig
from vivavoce.models.nano.hearing import Ear
from vivavoce.models.nano.text import Text
from vivavoce.models.nano.thinker import AUDIO, Thinker

TEXT = Text.shipped()
SMALL = NanoConfig(
    encoder=EncoderConfig(dim=16, n_heads=2, n_blocks=2, ffn_dim=32, phone_block=1),
    thinker=ThinkerConfig(dim=16, n_heads=2, n_layers=1, expert_dim=8, shared_dim=8),
)
TURN = ("turn on the kitchen light", "light_on kitchen", "okay the kitchen light is on")


@pytest.fixture(autouse=True)
def small_and_apart(tmp_path, monkeypatch):
    """Tiny random models, also in place of the shipped ones, and no checkpoint of anybody's."""
    monkeypatch.setenv(loop.RUNS_VARIABLE, str(tmp_path))
    for stage in (encoder, joint):
        monkeypatch.setattr(stage, "NanoConfig", lambda: SMALL)
    monkeypatch.setattr(joint, "NANO", tmp_path)
    torch.manual_seed(0)
    save_half(Ear(SMALL, TEXT), tmp_path / "ear.safetensors")
    save_half(Thinker(SMALL.thinker), tmp_path / "thinker.safetensors")


def turns(n, labelled=True):
    rng = np.random.default_rng(0)
    made = []
    for i in range(n):
        pcm = (3000 * rng.standard_normal(12_000 + 2_000 * i)).astype(np.int16)
        starts = np.arange(0, len(pcm), 1_500) if labelled else None
        classes = rng.integers(1, 40, len(starts)) if labelled else None
        history = [["and in the bedroom", "light_on bedroom", "okay the light is on", "en"]] * (
            i % 2
        )
        made.append(SpokenTurn(pcm, starts, classes, *TURN, "en", history))
    return made


def batch(n=4, labelled=True, mask=True):
    made = turns(n, labelled)
    others = [turn.pcm.astype(np.float32) for turn in made]
    return make_batch(made, np.random.default_rng(1), CLEAN, TEXT, others, mask)


def gradients(stage, speech):
    """Loss and figures of one step, and the share of each module's parameters that moved."""
    loss, figures = stage.loss(speech, 400)
    loss.backward()
    for module in stage.modules.values():
        for parameter in module.parameters():
            assert parameter.grad is None or bool(torch.isfinite(parameter.grad).all())
    reached = {
        name: np.mean([p.grad is not None and bool(p.grad.any()) for p in module.parameters()])
        for name, module in stage.modules.items()
    }
    return loss, figures, reached


def test_labels_and_frames_of_a_batch_agree():
    speech = batch()
    assert speech.phones.shape == (4, speech.mel.shape[1] // 4)
    assert int(speech.n_frames.max()) == speech.phones.shape[1]
    for phones, n in zip(speech.phones, speech.n_frames.tolist(), strict=True):
        assert n % 2 == 0
        assert (phones[:n] != UNKNOWN).all() and (phones[n:] == UNKNOWN).all()
    assert int(speech.target_lengths.sum()) == len(speech.targets)


def test_a_step_of_the_joint_stage_reaches_every_part():
    stage = joint.stage(torch.device("cpu"), ["en"])
    loss, figures, reached = gradients(stage, batch())
    assert torch.isfinite(loss)
    assert set(figures) == {"said", "ctc", "phone"}
    assert reached["encoder"] > 0.95
    # The projector's last layer starts at zero, so that its first one learns a step later.
    assert reached["projector"] >= 0.5
    assert reached["thinker"] > 0.9


@pytest.mark.parametrize("n", [1, 2, 3])
def test_a_batch_may_be_small(n):
    stage = joint.stage(torch.device("cpu"), ["en"])
    loss, _ = stage.loss(batch(n), 0)
    assert torch.isfinite(loss)


def test_without_checkpoints_training_goes_on_from_the_shipped_weights(tmp_path):
    ear, thinker = Ear(SMALL, TEXT), Thinker(SMALL.thinker)
    save_half(ear, tmp_path / "ear.safetensors")
    save_half(thinker, tmp_path / "thinker.safetensors")
    started = joint.stage(torch.device("cpu"), ["en"]).modules
    for name, module in (("encoder", ear.encoder), ("thinker", thinker)):
        wanted = {key: t.half().float() for key, t in module.state_dict().items()}
        torch.testing.assert_close(started[name].state_dict(), wanted, rtol=0, atol=0)


def test_after_a_step_the_whole_projector_learns():
    stage = joint.stage(torch.device("cpu"), ["en"])
    parameters = [p for module in stage.modules.values() for p in module.parameters()]
    optimizer = torch.optim.SGD(parameters, 0.1)
    gradients(stage, batch())
    optimizer.step()
    optimizer.zero_grad()
    assert gradients(stage, batch())[2]["projector"] == 1.0


@pytest.mark.parametrize("module", [encoder, joint])
def test_speech_without_phone_labels_trains_too(module):
    stage = module.stage(torch.device("cpu"), ["en"])
    loss, figures, _ = gradients(stage, batch(labelled=False))
    assert torch.isfinite(loss) and loss > 0
    assert figures["phone"] == 0.0 and figures["ctc"] > 0


def test_a_text_longer_than_its_speech_does_no_harm():
    speech = batch(2)
    long = torch.tensor(TEXT.encode("turn on the kitchen light " * 30))
    speech.targets = torch.cat([long, speech.targets])
    speech.target_lengths[0] += len(long)
    loss, _, _ = gradients(encoder.stage(torch.device("cpu"), ["en"]), speech)
    assert torch.isfinite(loss)


def test_a_turn_ends_a_sequence_with_its_own_audio_in_place(monkeypatch):
    monkeypatch.setattr(joint, "THINKER_SHARE", 1.0)
    speech = batch()
    n_positions = speech.phones.shape[1] // 2
    positions = torch.arange(4.0)[:, None, None].expand(4, n_positions, 16)  # says whose it is
    thinker = joint.stage(torch.device("cpu"), ["en"]).modules["thinker"]
    ended = []
    for part in joint.sequences(speech, TEXT, random.Random(0), ["en"]):
        x = joint.embed(part, positions, thinker)
        for row, first, length, utterance in part.audio:
            assert (part.modality[row, first : first + length] == AUDIO).all()
            assert (x[row, first : first + length] == utterance).all()
            assert length == int(speech.n_frames[utterance]) // 2
        last = {row: utterance for row, _, _, utterance in part.audio}
        ended += last.values()
    assert sorted(ended) == [0, 1, 2, 3]


def test_a_language_without_speech_is_named():
    with pytest.raises(FileNotFoundError, match="no train speech in 'yue'"):
        next(speech_pool.endless("train", ["yue"], random.Random(0)))
