"""The C++ files, compiled where a compiler is found: decoding on the CPU at memory speed.

The library is built once for a machine, in about seven seconds, and kept in the user's cache
folder. Nothing depends on it: `library()` is None where there is no compiler, or where the
environment variable VIVAVOCE_NATIVE is 0.
"""

from __future__ import annotations

import ctypes
import hashlib
import logging
import os
import platform
import shutil
import subprocess
import tempfile
from functools import lru_cache
from pathlib import Path

SOURCES = [Path(__file__).with_name(name) for name in ("few_rows.cpp", "decode_layer.cpp")]
HEADERS = [Path(__file__).with_name(name) for name in ("few_rows.h", "one_vector.h")]
FLAGS = ("-O3", "-march=native", "-fopenmp", "-shared", "-fPIC", "-std=c++17")
FLAGS += ("-ffp-contract=fast", "-fno-math-errno", "-fno-trapping-math")
COMPILERS = ("g++", "clang++", "c++")
COMPILE_TIMEOUT_S = 240

log = logging.getLogger(__name__)


@lru_cache(maxsize=1)
def library() -> ctypes.CDLL | None:
    """The compiled functions; None where they cannot be had, said once in the log."""
    if os.environ.get("VIVAVOCE_NATIVE", "1") == "0":
        return None
    compiler = _compiler()
    if compiler is None:
        log.info("no C++ compiler: decoding on the CPU takes PyTorch's own, slower, operations")
        return None
    try:
        return ctypes.CDLL(str(_built(compiler)))
    except (OSError, subprocess.SubprocessError) as error:
        log.warning("the C++ files could not be compiled, decoding will be slower: %s", error)
        return None


def _compiler() -> str | None:
    named = os.environ.get("CXX")
    return next(filter(None, map(shutil.which, [named] if named else COMPILERS)), None)


def _built(compiler: str) -> Path:
    """The library's path; compiles it unless it is there."""
    folder = _cache_folder()
    path = folder / f"native-{_fingerprint(compiler)}.so"
    if path.is_file():
        return path
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    with tempfile.NamedTemporaryFile(dir=folder, suffix=".so", delete=False) as scratch:
        unfinished = Path(scratch.name)
    try:
        command = [compiler, *FLAGS, "-o", str(unfinished), *map(str, SOURCES)]
        subprocess.run(command, check=True, capture_output=True, timeout=COMPILE_TIMEOUT_S)
        unfinished.replace(path)  # whole or not at all, also when two processes build at once
    finally:
        unfinished.unlink(missing_ok=True)
    return path


def _cache_folder() -> Path:
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "vivavoce" / "native"


def _fingerprint(compiler: str) -> str:
    """Changes with the sources, the compiler and the processor it is built for."""
    version = subprocess.run([compiler, "--version"], capture_output=True, timeout=20).stdout
    sources = [path.read_bytes() for path in (*HEADERS, *SOURCES)]
    parts = [*sources, version, " ".join(FLAGS).encode(), _processor().encode()]
    return hashlib.sha256(b"\0".join(parts)).hexdigest()[:16]


def _processor() -> str:
    """What `-march=native` depends on."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return f"{platform.machine()} {platform.processor()}"
    kept = {line for line in lines if line.startswith(("flags", "Features", "model name"))}
    return "\n".join(sorted(kept))
