"""microWakeWord models, run by the package pymicro-wakeword (extra `[wakeword]`).

Small quantised networks that look at three feature frames of 10 ms at a time:

    16 kHz  |160|160|160|  ->  40 features each  ->  network  ->  score, mean of the last few

A model is a description (.json: phrase, cutoff, window) beside a network (.tflite).
"""

from __future__ import annotations

import ctypes
import importlib
import importlib.util
import json
from pathlib import Path
from typing import Any

import numpy as np

from .frames import Pcm, Reblocker
from .wake import WAKE_RATE_HZ, Wake, WakeWordUnavailable

STEP_SAMPLES = 160
N_FEATURES = 40
REFRACTORY_S = 1.0  # a word is scored high for many frames, and is still one word

_INSTALL = "pip install 'vivavoce[wakeword]'"
_PACKAGE = "pymicro_wakeword"
_USUAL_CUTOFF, _USUAL_WINDOW = 0.9, 5  # of a network that comes without a description


class MicroWake:
    """One model, listening.

    Args:
        path: of its description or its network.
        threshold: score that counts, 0 to 1; 0 takes the description's.
    Raises:
        WakeWordUnavailable: the engine or the model does not work.
    """

    def __init__(self, path: Path, threshold: float = 0.0) -> None:
        engine = _engine()
        self._network = _network(engine, path)
        self._features = engine.MicroWakeWordFeatures()
        self.threshold = threshold or float(self._network.probability_cutoff)
        self._blocks = Reblocker(STEP_SAMPLES)
        self._position = 0
        self._deaf_until = 0

    @property
    def phrase(self) -> str:
        return str(self._network.wake_word).lower()

    def feed(self, pcm: Pcm) -> list[Wake]:
        return [wake for block in self._blocks.feed(pcm) for wake in self._step(block)]

    def _step(self, block: Pcm) -> list[Wake]:
        self._position += len(block)
        pcm16 = np.clip(block * 32768.0, -32768, 32767).astype("<i2").tobytes()
        found = []
        for features in self._features.process_streaming(pcm16):
            score = float(self._network.process_streaming_prob(features) or 0.0)
            if score > self.threshold and self._position >= self._deaf_until:
                self._deaf_until = self._position + round(REFRACTORY_S * WAKE_RATE_HZ)
                found.append(Wake(self._position, score))
        return found


def installed() -> bool:
    """Whether the engine is here."""
    return importlib.util.find_spec(_PACKAGE) is not None


def find_model(name: str) -> Path:
    """The file of a wake word by its name, or by its path.

    Raises:
        WakeWordUnavailable: it is not there; the message lists what is.
    """
    path = Path(name).expanduser()
    if path.suffix in (".json", ".tflite"):
        if not path.is_file():
            raise WakeWordUnavailable(f"there is no wake-word model at {name}")
        return path
    shipped = {model.stem.replace("_", " "): model for model in _shipped_models()}
    found = shipped.get(name.strip().lower().replace("_", " "))
    if found is None:
        raise WakeWordUnavailable(
            f"there is no wake word {name!r}; choose one of {', '.join(shipped)}, or give the "
            "path of a microWakeWord model (.json or .tflite)"
        )
    return found


def _shipped_models() -> list[Path]:
    """The descriptions of the models in the engine's own package."""
    spec = importlib.util.find_spec(_PACKAGE)
    if spec is None or spec.origin is None:
        raise WakeWordUnavailable(f"a wake word needs its engine; install it: {_INSTALL}")
    return sorted((Path(spec.origin).parent / "models").glob("*.json"))


def _engine() -> Any:
    try:
        return importlib.import_module(_PACKAGE)
    except (ImportError, OSError) as error:
        raise WakeWordUnavailable(
            f"the wake word's engine does not load ({error}); install it: {_INSTALL}"
        ) from error


def _network(engine: Any, path: Path) -> Any:
    """The network of a model, ready to run."""
    library = next((Path(engine.__file__).parent / "lib").glob("*tensorflowlite_c.*"), None)
    try:
        settings = _settings(path)
        _check_file(Path(settings["tflite_model"]), library)
        network = engine.MicroWakeWord(
            path.stem, trained_languages=[], libtensorflowlite_c_path=library, **settings
        )
        wanted = network.stride * N_FEATURES
        if network.lib.TfLiteTensorByteSize(network.input_tensor) != wanted:
            raise ValueError(f"its input is not {network.stride} frames of {N_FEATURES} features")
        return network
    except PermissionError as error:
        raise WakeWordUnavailable(
            f"{error.filename} cannot be read; let this user read it: chmod u+r {error.filename}"
        ) from error
    except (OSError, ValueError, KeyError, TypeError, RuntimeError) as error:
        raise WakeWordUnavailable(f"{path} is no microWakeWord model ({error})") from error


def _settings(path: Path) -> dict[str, Any]:
    """What a model's description says; the usual for a network without one."""
    description = path.with_suffix(".json")
    if not description.is_file():
        return {
            "wake_word": path.stem.replace("_", " "),
            "tflite_model": path,
            "probability_cutoff": _USUAL_CUTOFF,
            "sliding_window_size": _USUAL_WINDOW,
        }
    described = json.loads(description.read_text(encoding="utf-8"))
    return {
        "wake_word": str(described["wake_word"]),
        "tflite_model": description.parent / described["model"],
        "probability_cutoff": float(described["micro"]["probability_cutoff"]),
        "sliding_window_size": int(described["micro"]["sliding_window_size"]),
    }


def _check_file(network: Path, library: Path | None) -> None:
    """The engine crashes on a file that its own library refuses: ask the library first."""
    if library is None:
        raise FileNotFoundError("its library is missing")
    if not network.is_file():
        raise FileNotFoundError(f"{network} is missing")
    with network.open("rb"):  # or its library says no more than that it is no network
        pass
    wrapped = importlib.import_module(f"{_PACKAGE}.wakeword").TfLiteWakeWord(library).lib
    model = wrapped.TfLiteModelCreateFromFile(str(network.resolve()).encode())
    if not model:
        raise ValueError(f"{network.name} is no TensorFlow Lite network")
    wrapped.TfLiteModelDelete(ctypes.c_void_p(model))
