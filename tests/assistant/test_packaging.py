"""What a wheel of Viva Voce contains, and that one can be installed and asked its version."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from vivavoce.assistant.toml import parse_toml

ROOT = Path(__file__).parents[2]
ROOMS = ("assistant", "streaming", "models", "configs", "demo")


def packages_on_disk() -> set[str]:
    folders = {path.parent for room in ROOMS for path in (ROOT / room).rglob("__init__.py")}
    return {"vivavoce"} | {
        ".".join(["vivavoce", *folder.relative_to(ROOT).parts]) for folder in folders
    }


def test_pyproject_lists_every_package():
    table = parse_toml((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    assert set(table["tool"]["setuptools"]["packages"]) == packages_on_disk()


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> zipfile.ZipFile:
    """Built from a copy of what git would ship, so that local leftovers cannot help."""
    source, out = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("wheel")
    listing = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    tracked = subprocess.run(listing, cwd=ROOT, capture_output=True, check=True).stdout.decode()
    for name in filter(None, tracked.split("\0")):
        if (ROOT / name).is_file() and not name.startswith(("tests/", "training/")):
            (source / name).parent.mkdir(parents=True, exist_ok=True)
            (source / name).write_bytes((ROOT / name).read_bytes())
    build = [sys.executable, "-m", "pip", "wheel", ".", "--no-deps", "--no-build-isolation"]
    subprocess.run([*build, "-q", "-w", str(out)], cwd=source, check=True, capture_output=True)
    return zipfile.ZipFile(next(out.glob("*.whl")))


@pytest.mark.slow
def test_the_wheel_holds_one_namespace_and_nothing_bare(wheel):
    tops = {name.split("/")[0] for name in wheel.namelist()}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"vivavoce"}


@pytest.mark.slow
def test_the_wheel_holds_presets_voices_and_weights(wheel):
    names = set(wheel.namelist())
    for preset in (ROOT / "configs").glob("*.toml"):
        assert f"vivavoce/configs/{preset.name}" in names
    for recording in (ROOT / "demo" / "voices").glob("*.wav"):
        assert f"vivavoce/demo/voices/{recording.name}" in names
    weights = [name for name in names if name.endswith(".safetensors")]
    assert weights and all(name.startswith("vivavoce/models/nano/") for name in weights)
    size = sum(wheel.getinfo(name).file_size for name in weights)
    assert size <= 40e6, "the shipped model must stay small"


@pytest.mark.slow
def test_the_wheel_carries_its_command_licence_and_no_development_folders(wheel):
    text = {name: None for name in wheel.namelist()}
    entry = next(name for name in text if name.endswith("entry_points.txt"))
    assert "vivavoce = vivavoce.assistant.cli:main" in wheel.read(entry).decode()
    assert any(name.endswith("licenses/LICENSE") for name in text)
    assert not [n for n in text if n.split("/")[1] in ("tests", "training", "benchmarks", "docs")]
