"""Who may import whom, read from the sources themselves (docs/architecture.md)."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ROOMS = ("assistant", "streaming", "models", "configs", "demo")
STANDARD = set(sys.stdlib_module_names)
AUDIO = {"numpy", "soxr", "sounddevice", "pyaudio", "webrtcvad", "silero_vad", "onnxruntime"}
MATHEMATICS = {"numpy", "torch", "transformers", "tokenizers", "safetensors", "onnxruntime"}
PUBLIC = ("dialogue", "catalog", "load_options", "machine", "report", "voices")  # for the daemon
FILES = {"huggingface_hub", "yaml", "PIL"}  # how models, their settings and pictures come


def imports_of(path: Path) -> Iterator[str]:
    """Every imported module: `assistant.core.events` for our own, `numpy` for the others'."""
    package = path.relative_to(ROOT).parts[:-1]
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"), str(path))):
        if isinstance(node, ast.Import):
            yield from (alias.name.removeprefix("vivavoce.") for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from _from_import(node, package)


def _from_import(node: ast.ImportFrom, package: tuple[str, ...]) -> Iterator[str]:
    if node.level:
        above = package[: len(package) - node.level + 1]
        base = ".".join([*above, *([node.module] if node.module else [])])
    else:
        base = (node.module or "").removeprefix("vivavoce.")
    if base in ("", "vivavoce"):
        yield from (alias.name for alias in node.names)
    else:
        yield base


def sources(room: str) -> list[Path]:
    found = sorted((ROOT / room).rglob("*.py"))
    assert found, f"{room} has no sources"
    return found


def offenders(paths: list[Path], allowed: set[str]) -> list[str]:
    """`file: module` for each import outside the standard library and `allowed` tops."""
    return [
        f"{path.relative_to(ROOT)}: {module}"
        for path in paths
        for module in imports_of(path)
        if module.split(".")[0] not in STANDARD | allowed
    ]


def test_models_know_neither_daemon_nor_sound():
    assert offenders(sources("models"), {"models", "configs"} | MATHEMATICS | FILES) == []


def test_streaming_knows_numpy_and_audio_libraries_only():
    assert offenders(sources("streaming"), {"streaming", "configs"} | AUDIO) == []


@pytest.mark.parametrize("room", ["models", "streaming"])
def test_below_the_daemon_there_is_no_asyncio_and_no_network(room):
    forbidden = {"asyncio", "socket", "http", "urllib", "selectors"}
    found = [
        f"{path.relative_to(ROOT)}: {module}"
        for path in sources(room)
        for module in imports_of(path)
        if module.split(".")[0] in forbidden
    ]
    assert found == []


def test_the_core_is_standard_library_only():
    for path in sources("assistant/core"):
        for module in imports_of(path):
            inside = module.startswith("assistant.core")
            assert inside or module.split(".")[0] in STANDARD - {"asyncio", "threading"}, (
                f"{path.relative_to(ROOT)} imports {module}"
            )


def test_only_the_engine_meets_a_model_and_asyncio():
    """Others may know the interface's types and the catalogue, but no tensors."""
    for path in sources("assistant"):
        tops = {module.split(".")[0] for module in imports_of(path)}
        assert not tops & {"torch", "transformers"}, path
        inner = [m for m in imports_of(path) if m.startswith("models.")]
        public = {f"models.{name}" for name in PUBLIC}
        assert set(inner) <= public, f"{path.relative_to(ROOT)} looks into {inner}"


def test_nothing_shipped_imports_training_benchmarks_or_tests():
    for room in ROOMS:
        for path in sources(room):
            tops = {module.split(".")[0] for module in imports_of(path)}
            assert not tops & {"training", "benchmarks", "tests"}, path


def test_wire_names_live_in_realtime_only():
    """Event types of the protocol are written in assistant/realtime and in the client."""
    allowed = {"realtime", "client"}
    for path in sources("assistant"):
        inside = path.relative_to(ROOT / "assistant").parts[0]
        if inside in allowed or path.name == "client.py":
            continue
        text = path.read_text(encoding="utf-8")
        assert '"response.output_audio.delta"' not in text, path
        assert '"input_audio_buffer.append"' not in text, path
