"""`device = "cuda"`: nothing takes the CPU for granted. A pretended GPU, see pretend_gpu.py."""

from __future__ import annotations

import io

import numpy as np
import pytest
import torch
from PIL import Image

from tests.support.pretend_gpu import OnGpu, pretended_gpu
from tests.support.scripted_thinker import writing
from tests.support.tiny_ming import write_tiny_ming
from vivavoce.models.dialogue import (
    AudioDelta,
    DialogueOptions,
    Message,
    ReplyOptions,
    Sampling,
    TextDelta,
    UserPicture,
)
from vivavoce.models.layers.few_rows import ExpertTable
from vivavoce.models.load_options import Blocks, LoadOptions, MingOptions
from vivavoce.models.ming.loading import load_ming

TEXT = ReplyOptions(audio=False)


def test_the_pretended_gpu_keeps_its_tensors_apart():
    with pretended_gpu():
        there, here = torch.ones(3, device="cuda"), torch.ones(3)
        assert there.device.type == "cuda" and (there + 1).tolist() == [2, 2, 2]
        assert isinstance(here.to("cuda"), OnGpu) and not isinstance(there.cpu(), OnGpu)
        for mixed in (lambda: there + here, lambda: torch.cat([here, there]), there.numpy):
            with pytest.raises(AssertionError):
                mixed()


def sound(seconds=1.0, seed=0):
    rng = np.random.default_rng(seed)
    return (0.1 * rng.standard_normal(round(16_000 * seconds))).astype(np.float32)


def png():
    content = io.BytesIO()
    Image.fromarray(np.zeros((30, 40, 3), np.uint8)).save(content, "png")
    return content.getvalue()


def modules_of(model):
    decoder = model.mouth.decoder
    yield from (model.thinker, model.ear, model.scribe, model.eye, model.mouth.speaker.talker)
    yield from (decoder.flow, getattr(decoder, "hift", None) or decoder._vocoder.hift)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("version", "quantize", "ming"),
    [
        ("v1.5", "int4", MingOptions(blocks=Blocks(0.24, 0.24, 0.12), talker_reads=True)),
        ("v1", "none", MingOptions()),
    ],
)
def test_a_whole_conversation_takes_place_there(tmp_path, version, quantize, ming):
    folder = write_tiny_ming(tmp_path / "tiny", version)
    with pretended_gpu():
        model = load_ming(folder, LoadOptions(quantize=quantize, ming=ming))
        for module in modules_of(model):
            tensors = [*module.parameters(), *module.buffers()]
            assert tensors and all(isinstance(tensor, OnGpu) for tensor in tensors)
            for one in module.modules():  # else the CPU's copy of the weights would be kept
                assert not isinstance(getattr(one, "_table", None), ExpertTable)
        history = [Message("user", "hi"), Message("assistant", "hello")]
        options = DialogueOptions(history=history, sampling=Sampling(temperature=0.5))
        dialogue = model.open(options)
        dialogue.add(UserPicture([png()]))
        dialogue.listen(sound())
        with writing(model, "hello there"):  # a short reply; how it is thought of comes below
            parts = list(dialogue.reply())
        assert any(isinstance(part, TextDelta) for part in parts)
        n_samples = sum(len(part.pcm) for part in parts if isinstance(part, AudioDelta))
        assert n_samples > 0
        dialogue.truncate(n_samples // 2)
        dialogue.listen(sound(0.5, seed=1))
        assert "".join(part.text for part in dialogue.reply(TEXT) if isinstance(part, TextDelta))
        assert model.transcribe(sound(0.5)).text
