"""The set-up scripts: what they say when the machine lacks something, and what make would do."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TARGETS = ["install", "demo", "test", "serve", "bench-accuracy", "bench-latency", "train-nano"]


def script(path: Path, text: str) -> Path:
    path.write_text(f"#!/bin/bash\n{text}\n")
    path.chmod(0o755)
    return path


def make_venv(tmp_path: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    inherited = {key: os.environ[key] for key in ("HOME", "PATH") if key in os.environ}
    return subprocess.run(
        ["/bin/bash", str(ROOT / "deploy" / "make_venv.sh")],
        env={**inherited, "VENV": str(tmp_path / "venv"), **environment},
        capture_output=True,
        text=True,
    )


def test_an_old_python_is_refused_by_name(tmp_path):
    old = script(
        tmp_path / "python3", 'if [ "$1" = --version ]; then echo Python 3.8.1; fi; exit 1'
    )
    refused = make_venv(tmp_path, PYTHON=str(old))
    assert refused.returncode == 1
    assert refused.stderr == f"PYTHON={old} is not a Python >= 3.10.\n"


def test_a_machine_with_old_pythons_only_is_told_what_to_install(tmp_path):
    text = 'if [ "$1" = --version ]; then echo Python 3.8.1; exit 0; fi; exit 1'
    for name in ("python3", "python"):
        script(tmp_path / name, text)
    refused = make_venv(tmp_path, PATH=str(tmp_path))
    assert refused.returncode == 1
    assert "needs Python 3.10 or newer; found: Python 3.8.1" in refused.stderr
    assert "make PYTHON=" in refused.stderr


@pytest.mark.parametrize("target", TARGETS)
def test_every_promised_target_is_there_and_puts_torch_first(target, tmp_path):
    planned = subprocess.run(
        ["make", "-n", target, f"VENV={tmp_path / 'venv'}"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    installs = [line for line in planned.splitlines() if "pip" in line and " install " in line]
    assert installs[0].endswith('--quiet "torch==2.13.0"')
    assert all('"torch==2.13.0"' in line for line in installs[1:]), "the pin holds for the rest"
