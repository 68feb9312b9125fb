"""The detokeniser of a released folder: flow model, vocoder, and what the yaml file says of them.

                v1.5                            v1, Preview
flow model      flow_stream.pt (key "model")    flow.pt
vocoder         hift_v2.pt (generator.*)        hift.pt
settings        audio_detokenizer_stream.yaml   audio_detokenizer.yaml

Sizes come from the tensors, so a folder without its yaml file works with the release's settings.
"""

from __future__ import annotations

from pathlib import Path

import torch

from .checkpoint import CheckpointError, open_pt
from .detokenizer import DetokenizerSettings, StreamingDetokenizer, WholeDetokenizer
from .detokenizer_yaml import MEL_V1, MEL_V1_5, DetokenizerFile, read_detokenizer_yaml
from .flow import CausalFlow
from .flow_files import FlowSettings, is_causal, load_flow
from .vocoder_files import load_vocoder

FLOW_FILES = ("flow_stream.pt", "flow.pt")
VOCODER_FILES = ("hift_v2.pt", "hift.pt")
YAML_FILES = {True: "audio_detokenizer_stream.yaml", False: "audio_detokenizer.yaml"}


def load_detokenizer(
    folder: Path,
    settings: DetokenizerSettings | None = None,
    dtype: torch.dtype = torch.float32,
    device: torch.device | str = "cpu",
) -> StreamingDetokenizer | WholeDetokenizer:
    """The detokeniser in a folder (a checkpoint's talker/).

    Args:
        folder: where flow model, vocoder and yaml file lie, whatever the release.
        settings: of v1.5's streaming.
        dtype: of the flow model; the vocoder stays in float32.
        device: where both run.

    Raises:
        CheckpointError: a file or tensors are missing, surplus or unreadable.
    """
    flow_source = open_pt(_needed(folder, FLOW_FILES))
    hift_source = open_pt(_needed(folder, VOCODER_FILES))
    causal = is_causal(flow_source)
    file = read_detokenizer_yaml(folder / YAML_FILES[causal], MEL_V1_5 if causal else MEL_V1)
    hift = load_vocoder(hift_source, file.mel.rate_hz, device)
    flow = load_flow(flow_source, flow_settings(file), dtype, device)
    if isinstance(flow, CausalFlow):
        return StreamingDetokenizer(flow, hift, settings)
    return WholeDetokenizer(flow, hift)


def flow_settings(file: DetokenizerFile) -> FlowSettings:
    """What a yaml file says of the flow model; the releases' own values where it is silent."""
    given = {
        "head_dim": file.head_dim,
        "chunk": file.chunk,
        "n_steps": file.n_steps,
        "guidance": file.guidance,
        "rate_hz": file.mel.rate_hz,
        "hop": file.mel.hop,
    }
    return FlowSettings(**{name: value for name, value in given.items() if value is not None})


def _needed(folder: Path, names: tuple[str, ...]) -> Path:
    path = next((folder / name for name in names if (folder / name).is_file()), None)
    if path is None:
        raise CheckpointError(f"{folder} has no {' or '.join(names)}")
    return path
