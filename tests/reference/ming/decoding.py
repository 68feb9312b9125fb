"""The recorded flow models and vocoders, and the voices they were recorded with."""

import json

import pytest
from safetensors.torch import load_file

from vivavoce.models.ming.checkpoint import TensorDict
from vivavoce.models.ming.flow import VoicePrompt
from vivavoce.models.ming.flow_files import FlowSettings, load_flow
from vivavoce.models.ming.vocoder_files import load_vocoder


def needed(vectors, *names):
    """Skip where a folder has no such vectors."""
    for name in names:
        if not (vectors / f"{name}.io.safetensors").is_file():
            pytest.skip(f"no {name} in {vectors}")


def config(vectors, name):
    return json.loads((vectors / f"{name}.json").read_text(encoding="utf-8"))["config"]


def tensors(vectors, name):
    return TensorDict(load_file(vectors / f"{name}.weights.safetensors"), name)


def recorded_flow(vectors, name):
    said = config(vectors, name)
    hift = said.get("hift", {})
    given = {
        "head_dim": said["estimator"]["attention_head_dim"],
        "n_steps": said["flow"]["n_timesteps"],
        "guidance": said["cfm"]["cfm_params"]["inference_cfg_rate"],
        "chunk": said["encoder"].get("static_chunk_size"),
        "rate_hz": hift.get("sampling_rate"),
    }
    settings = FlowSettings(**{name: value for name, value in given.items() if value})
    return load_flow(tensors(vectors, name), settings)


def recorded_vocoder(vectors, name):
    return load_vocoder(tensors(vectors, name), config(vectors, name)["hift"]["sampling_rate"])


def voice(io, prompted):
    if not prompted:
        return VoicePrompt(io["embedding"])
    return VoicePrompt(io["embedding"], tuple(io["prompt_token"][0].tolist()), io["prompt_feat"][0])
