"""Python, packages, voice activity detectors, echo canceller, wake word, the C++ compiler."""

from __future__ import annotations

import platform
import sys
from importlib import metadata

from packaging.requirements import Requirement

from ...streaming.echo import EchoUnavailable, make_canceller
from ...streaming.vad import VadUnavailable, make_vad, silero_available
from ...streaming.wake import WakeWordUnavailable, make_wake_word
from ..settings import Config
from .findings import Finding, State

SHOWN = ("torch", "numpy", "transformers", "sounddevice", "websockets")
LEAST_PYTHON = (3, 10)
NO_SOUND = "audio.enabled is false: the WebSocket only"


def python() -> Finding:
    """The interpreter."""
    text = f"{platform.python_version()} on {platform.system()} {platform.machine()}"
    if sys.version_info >= LEAST_PYTHON:
        return Finding("python", "ok", text)
    least = ".".join(map(str, LEAST_PYTHON))
    return Finding("python", "problem", text, f"install Python {least} or newer")


def packages() -> Finding:
    """What the distribution needs, and whether it is there in a version that will do."""
    found: dict[str, object] = {}
    missing, old = [], []
    for line in metadata.requires("vivavoce") or []:
        wanted = Requirement(line)
        if wanted.marker is not None and not wanted.marker.evaluate({"extra": ""}):
            continue
        try:
            version = metadata.version(wanted.name)
        except metadata.PackageNotFoundError:
            missing.append(wanted)
            continue
        found[wanted.name] = version
        if not wanted.specifier.contains(version, prereleases=True):
            old.append(wanted)
    lacking = [*missing, *old]
    if lacking:
        names = ", ".join(f"{one.name} {found.get(one.name, 'missing')}" for one in lacking)
        install = " ".join(f"'{one.name}{one.specifier}'" for one in lacking)
        state: State = "problem" if missing else "warning"
        return Finding("packages", state, names, f"pip install {install}", found)
    shown = ", ".join(f"{name} {found[name]}" for name in SHOWN if name in found)
    return Finding("packages", "ok", f"{shown}; {len(found)} in all", values=found)


def voice_detector(config: Config) -> Finding:
    """The detector that is configured, and the better one."""
    check, wanted, neural = "voice detector", config.turn.vad, silero_available()
    try:
        kind = make_vad(wanted).kind
    except VadUnavailable as error:
        return Finding(check, "problem", f"{wanted} does not load", str(error))
    values = {"kind": kind, "silero": neural}
    if not neural:
        text = f"{kind}; the neural one, better in noise, is not installed"
        return Finding(check, "warning", text, "pip install 'vivavoce[silero]'", values)
    text = {"auto": f"{kind}, the best there is", "silero": "silero, as configured"}.get(
        wanted, f"{kind}, as configured; silero, better in noise, is there too"
    )
    return Finding(check, "ok", text, values=values)


def echo_canceller(config: Config) -> Finding:
    """What keeps it from hearing itself."""
    check, audio = "echo canceller", config.audio
    if not audio.enabled:
        return Finding(check, "skipped", NO_SOUND)
    wanted = "apm" if audio.echo == "auto" else audio.echo
    try:
        kind = make_canceller(
            wanted, noise_suppression=audio.noise_suppression, gain_control=audio.gain_control
        ).kind
    except EchoUnavailable as error:
        state: State = "warning" if audio.echo == "auto" else "problem"
        kind = "duck" if wanted == "apm" else wanted
        text = "none: replies are ducked and interrupted by loud voices only"
        if wanted != "apm":
            text = f"{wanted}, but no noise suppression and no gain control"
        return Finding(check, state, text, str(error), {"kind": kind})
    text = f"{kind} (livekit)" if kind == "apm" else f"{kind}, as configured"
    return Finding(check, "ok", text, values={"kind": kind})


def wake_word(config: Config) -> Finding:
    """The wake word's engine and its model, where one is waited for."""
    check, microphone = "wake word", config.microphone
    if not config.audio.enabled:
        return Finding(check, "skipped", NO_SOUND)
    if microphone.activation != "wake_word":
        text = f"not waited for: microphone.activation is {microphone.activation}"
        return Finding(check, "skipped", text)
    try:
        word = make_wake_word(microphone.wake_word, microphone.wake_threshold)
    except WakeWordUnavailable as error:
        reason, _, advice = str(error).partition("; ")
        usual = "choose another microphone.wake_word, or set microphone.activation to always"
        return Finding(check, "problem", reason, advice or usual)
    values = {"phrase": word.phrase, "threshold": word.threshold}
    text = f'"{word.phrase}", from a score of {word.threshold:.2f} on'
    return Finding(check, "ok", text, values=values)


def compiler(config: Config) -> Finding:
    """What makes the full-size models quick on a CPU."""
    from ...models.machine import compiled_for_the_cpu

    check, large = "compiler", config.model.name != "nano"
    if compiled_for_the_cpu():
        return Finding(check, "ok", "C++ functions for large models are built")
    return Finding(
        check,
        "warning" if large and config.model.device != "cuda" else "ok",
        "no C++ compiler, or switched off: full-size models are slower on the CPU"
        if large
        else f"none works; {config.model.name} does not need it, full-size models would like it",
        "apt install g++ (or set CXX), and leave VIVAVOCE_NATIVE unset" if large else "",
    )
