"""Voice activity: how likely each short stretch of sound holds speech.

One interface, two detectors:

    kind      frame at 16 kHz      answers          a frame costs   good for
    webrtc    160 samples, 10 ms   0.0 or 1.0       about   6 us    quiet rooms, nothing playing
    silero    512 samples, 32 ms   a probability    about 150 us    noise, echo residue

A detector takes sound in pieces of any size and answers once for every whole frame, so the
answers do not depend on how the sound was cut. Its state is a value that can be taken out and
put back. What a speech onset or an end is, `endpoint.py` decides.
"""

from __future__ import annotations

import importlib
import importlib.util
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal, Protocol

import numpy as np
import numpy.typing as npt

from . import webrtc_memory
from .frames import EMPTY, Pcm, Reblocker
from .levels import dbfs

VadKind = Literal["auto", "webrtc", "silero"]
VAD_RATE_HZ = 16_000


class VadUnavailable(Exception):
    """The detector asked for cannot run here; the message says what to install."""


@dataclass(frozen=True)
class Voicing:
    """What a detector says of the samples from `start` to `end` (both indices at 16 kHz)."""

    start: int
    end: int
    probability: float
    level_dbfs: float


@dataclass(frozen=True, eq=False)
class VadState:
    """All that a detector remembers: `kind` names whose it is, `position` the next frame's start.

    `waiting` are the samples that do not fill a frame yet; `memory` is the detector's own.
    """

    kind: str
    position: int
    waiting: Pcm
    memory: Any


class Vad(Protocol):
    """Any voice activity detector. Sound is 16 kHz; indices count from the first sample fed."""

    @property
    def kind(self) -> str:
        """Its name: "webrtc" or "silero"."""
        ...

    @property
    def frame_samples(self) -> int:
        """Samples per answer."""
        ...

    @property
    def position(self) -> int:
        """Samples answered for so far; those fed beyond it wait for a whole frame."""
        ...

    def feed(self, pcm: Pcm) -> list[Voicing]:
        """One answer for each frame that `pcm` [n] completes, in order."""
        ...

    def snapshot(self) -> VadState:
        """The state as a value; later feeding does not change it."""
        ...

    def restore(self, state: VadState) -> None:
        """Puts a state back, as often as wanted, into this detector or another of its kind."""
        ...

    def reset(self) -> None:
        """As if newly made: silence before index 0."""
        ...


def make_vad(kind: VadKind = "auto") -> Vad:
    """A detector by name; "auto" takes silero where it is installed and webrtc where not.

    Args:
        kind: "auto", "webrtc" or "silero".

    Raises:
        VadUnavailable: a package is missing.
    """
    if kind == "auto":
        kind = "silero" if silero_available() else "webrtc"
    if kind == "silero":
        return SileroVad()
    if kind == "webrtc":
        return WebrtcVad()
    raise ValueError(f"unknown voice activity detector {kind!r}; use auto, webrtc or silero")


class _FramedVad:
    """What both detectors share: cutting into frames, counting, and the state around `memory`."""

    kind: str
    frame_samples: int

    def __init__(self) -> None:
        self._blocks = Reblocker(self.frame_samples)
        self._position = 0

    @property
    def position(self) -> int:
        return self._position

    def feed(self, pcm: Pcm) -> list[Voicing]:
        return [self._answer(block) for block in self._blocks.feed(pcm)]

    def snapshot(self) -> VadState:
        waiting = self._blocks.waiting.copy()
        return VadState(self.kind, self._position, waiting, self._memory())

    def restore(self, state: VadState) -> None:
        if state.kind != self.kind:
            raise ValueError(f"a {state.kind} state cannot go into a {self.kind} detector")
        self._blocks.restore(state.waiting)
        self._position = state.position
        self._recall(state.memory)

    def reset(self) -> None:
        self._blocks.restore(EMPTY)
        self._position = 0
        self._forget()

    def _answer(self, block: Pcm) -> Voicing:
        start, self._position = self._position, self._position + len(block)
        return Voicing(start, self._position, self._probability(block), dbfs(block))

    def _probability(self, block: Pcm) -> float:
        raise NotImplementedError

    def _memory(self) -> Any:
        raise NotImplementedError

    def _recall(self, memory: Any) -> None:
        raise NotImplementedError

    def _forget(self) -> None:
        raise NotImplementedError


class WebrtcVad(_FramedVad):
    """WebRTC's Gaussian-mixture detector on 10 ms frames (shortest, and quickest to release).

    Args:
        aggressiveness: 0 (lets most pass) to 3 (fewest false alarms).
    """

    kind = "webrtc"
    frame_samples = 160
    _detector: Any

    def __init__(self, aggressiveness: int = 3) -> None:
        if aggressiveness not in (0, 1, 2, 3):
            raise ValueError(f"aggressiveness is 0, 1, 2 or 3, got {aggressiveness}")
        super().__init__()
        self._aggressiveness = aggressiveness
        self._forget()

    def _probability(self, block: Pcm) -> float:
        pcm16 = np.clip(block * 32768.0, -32768, 32767).astype("<i2")
        return float(self._detector.is_speech(pcm16.tobytes(), VAD_RATE_HZ))

    def _memory(self) -> bytes:
        return webrtc_memory.read(self._detector)

    def _recall(self, memory: bytes) -> None:
        webrtc_memory.write(self._detector, memory)

    def _forget(self) -> None:
        self._detector = _webrtc_module().Vad(self._aggressiveness)


class SileroVad(_FramedVad):
    """Silero's recurrent network, run by onnxruntime on one thread.

    Each frame is 512 new samples, seen with the 64 before them:

        |- 64 of the frame before -|------------ 512 new ------------|

    Source: the ONNX file shipped in the silero-vad wheel; inputs `input` [1, 576],
    `state` [2, 1, 128], `sr`; outputs probability [1, 1] and the next state.
    """

    kind = "silero"
    frame_samples = 512
    context_samples = 64
    _context: Pcm
    _state: npt.NDArray[np.float32]

    def __init__(self) -> None:
        super().__init__()
        self._network = _silero_network()
        self._rate = np.array(VAD_RATE_HZ, dtype=np.int64)
        self._forget()

    def _probability(self, block: Pcm) -> float:
        seen = np.concatenate((self._context, block))[np.newaxis]
        inputs = {"input": seen, "state": self._state, "sr": self._rate}
        probability, self._state = self._network.run(None, inputs)
        self._context = seen[0, -self.context_samples :]
        return float(probability[0, 0])

    def _memory(self) -> tuple[Pcm, npt.NDArray[np.float32]]:
        return self._context.copy(), self._state.copy()

    def _recall(self, memory: tuple[Pcm, npt.NDArray[np.float32]]) -> None:
        self._context, self._state = memory[0].copy(), memory[1].copy()

    def _forget(self) -> None:
        self._context = np.zeros(self.context_samples, dtype=np.float32)
        self._state = np.zeros((2, 1, 128), dtype=np.float32)


def silero_available() -> bool:
    """Whether both the network's file and onnxruntime are installed; imports neither."""
    return _silero_file() is not None and importlib.util.find_spec("onnxruntime") is not None


def _silero_file() -> Path | None:
    """The network's file inside the installed package, found without importing the package.

    Importing `silero_vad` would import torch and set its thread count for the whole process.
    """
    spec = importlib.util.find_spec("silero_vad")
    folders = spec.submodule_search_locations if spec else None
    files = [Path(folder) / "data" / "silero_vad.onnx" for folder in folders or ()]
    return next((file for file in files if file.is_file()), None)


@lru_cache(maxsize=1)
def _silero_network() -> Any:
    """The network, loaded once for the process: it holds no state, its runs are thread-safe."""
    file = _silero_file()
    if file is None or not silero_available():
        raise VadUnavailable(
            "the silero voice activity detector needs the packages onnxruntime and silero-vad: "
            "pip install 'vivavoce[silero]', or choose the detector webrtc"
        )
    onnxruntime = importlib.import_module("onnxruntime")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.log_severity_level = 3  # errors; loading warns of unused weights in the file
    return onnxruntime.InferenceSession(str(file), options, providers=["CPUExecutionProvider"])


def _webrtc_module() -> Any:
    try:
        return importlib.import_module("webrtcvad")
    except Exception as error:  # the old webrtcvad fails with whatever its pkg_resources raises
        raise VadUnavailable(
            f"the webrtc voice activity detector does not load ({error}): "
            "pip uninstall webrtcvad; pip install --force-reinstall webrtcvad-wheels"
        ) from error
