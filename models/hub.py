"""Models on the hub: what is there, what is already here, and how it comes here.

Everything lands in the hub's own cache (HF_HOME, HF_HUB_CACHE), so what another program has
downloaded is not downloaded again, and what we download others find.
"""

from __future__ import annotations

import contextlib
import errno
import json
import shutil
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

IMAGE_GENERATION = ("mlp", "connector", "transformer", "vae", "scheduler")
"""Folders of the Ming releases that a voice assistant never loads."""

SKIPPED = (
    *(f"{folder}/*" for folder in IMAGE_GENERATION),
    # code, which we never run, and builds for other runtimes
    *("*.py", "*.ipynb", "*.fp32.onnx", "*.plan", "*.engine", "*.trt"),
    *("*.gguf", "*.h5", "*.msgpack"),
    # what a model page shows
    *("assets/*", "figures/*", "*.png", "*.jpg", "*.jpeg", "*.gif", "*.svg", "*.mp4", "*.pdf"),
)
"""Patterns of files that are not downloaded; `*` matches everything, `/` too."""

LARGE_BYTES = 8_000_000  # from here on a file is worth going on with where it broke off
FILES_AT_ONCE = 4
SPARE_BYTES = 500_000_000  # disk left free
TIMEOUT_S = 20.0

Progress = Callable[[int, int], None]
"""Told (bytes here, bytes in all), now and then, from any thread."""


class HubError(ValueError):
    """A model that could not be had; the message says why and what to do."""


@dataclass(frozen=True)
class RemoteFile:
    """A file of a repository; sha256 of large ones only."""

    name: str
    n_bytes: int
    sha256: str | None


@dataclass(frozen=True)
class Plan:
    """What a download takes: the files of one commit, and those that are left out."""

    repo: str
    commit: str
    files: tuple[RemoteFile, ...]
    skipped: tuple[RemoteFile, ...]

    @property
    def n_bytes(self) -> int:
        return sum(file.n_bytes for file in self.files)

    @property
    def n_bytes_skipped(self) -> int:
        return sum(file.n_bytes for file in self.skipped)


def cached(repo: str) -> Path | None:
    """The folder of a model that is wholly on this machine; None where it is not."""
    from huggingface_hub import snapshot_download

    try:
        folder = Path(snapshot_download(repo, local_files_only=True, ignore_patterns=[*SKIPPED]))
    except (OSError, ValueError):  # not there, not whole, or no name of a repository
        return None
    return folder if _has_all_shards(folder) else None


def plan(repo: str, hub: str = "") -> Plan:
    """What a download of a model would take.

    Args:
        repo: "organisation/name".
        hub: address of the hub or of a mirror; empty takes HF_ENDPOINT, else the hub.

    Raises:
        HubError: not reachable, no such model, or an address that is none.
    """
    from huggingface_hub import HfApi

    _check_address(hub)
    with _explained(repo, hub):
        api = HfApi(endpoint=hub or None, token=_token(hub))
        info = api.model_info(repo, files_metadata=True, timeout=TIMEOUT_S)
        files = [_remote_file(sibling) for sibling in info.siblings or ()]
        skipped = tuple(file for file in files if _is_skipped(file.name))
        kept = tuple(file for file in files if not _is_skipped(file.name))
        return Plan(repo, str(info.sha), kept, skipped)


def download(repo: str, hub: str = "", progress: Progress | None = None) -> Path:
    """Bring a model here, or what is missing of it; goes on where an earlier attempt broke off.

    Args:
        repo: "organisation/name".
        hub: address of the hub or of a mirror; empty takes HF_ENDPOINT, else the hub.
        progress: told how far it is.

    Returns:
        The model's folder.

    Raises:
        HubError: it cannot be had; the message says what to do.
    """
    from huggingface_hub import snapshot_download

    wanted = plan(repo, hub)
    with _explained(repo, hub), _quiet_client():
        _fetch_large_files(wanted, hub, progress or (lambda here, total: None))
        folder = snapshot_download(
            repo,
            endpoint=hub or None,
            token=_token(hub),
            ignore_patterns=[*SKIPPED],
            max_workers=FILES_AT_ONCE,
        )
    if progress is not None:
        progress(wanted.n_bytes, wanted.n_bytes)
    return Path(folder)


def read_config(repo: str, hub: str = "") -> dict[str, Any]:
    """A repository's config.json alone: tells what a model is before gigabytes are fetched.

    Raises:
        HubError: it cannot be had, or there is none.
    """
    from huggingface_hub import hf_hub_download
    from huggingface_hub.errors import EntryNotFoundError, LocalEntryNotFoundError

    plan(repo, hub)  # says at once where the hub cannot be reached; the call below tries on
    with _explained(repo, hub), _quiet_client():
        try:
            path = hf_hub_download(repo, "config.json", endpoint=hub or None, token=_token(hub))
        except LocalEntryNotFoundError:
            raise
        except EntryNotFoundError:
            raise HubError(f"{repo} has no config.json: it is not a model of this kind") from None
    try:
        config = json.loads(Path(path).read_text(encoding="utf-8"))
    except ValueError:
        config = None
    if not isinstance(config, dict):
        raise HubError(f"the config.json of {repo} is not readable")
    return config


# --- large files ---------------------------------------------------------------------------


def _fetch_large_files(wanted: Plan, hub: str, progress: Progress) -> None:
    from . import hub_transfer

    files = _large_files(wanted, hub)
    here = sum(min(file.n_bytes_here(), file.n_bytes) for file in files)
    _check_space(wanted.n_bytes - here)
    counter = _Counter(here, wanted.n_bytes, progress)
    stop, token = threading.Event(), _token(hub)
    with ThreadPoolExecutor(FILES_AT_ONCE) as pool:
        tasks = [
            pool.submit(hub_transfer.fetch, file, token, counter.grown, stop) for file in files
        ]
        try:
            for task in as_completed(tasks):
                task.result()
        except BaseException:  # also Ctrl-C: the others shall not go on for a gigabyte more
            stop.set()
            for task in tasks:
                task.cancel()
            raise


def _large_files(wanted: Plan, hub: str) -> list[Any]:
    from huggingface_hub import constants, hf_hub_url
    from huggingface_hub.file_download import repo_folder_name

    from .hub_transfer import LargeFile

    cache = Path(constants.HF_HUB_CACHE).expanduser()
    blobs = cache / repo_folder_name(repo_id=wanted.repo, repo_type="model") / "blobs"
    return [
        LargeFile(
            file.name,
            hf_hub_url(wanted.repo, file.name, revision=wanted.commit, endpoint=hub or None),
            blobs / file.sha256,
            file.n_bytes,
            file.sha256,
        )
        for file in wanted.files
        if file.sha256 is not None and file.n_bytes >= LARGE_BYTES
    ]


class _Counter:
    """Adds up what several threads receive."""

    def __init__(self, here: int, total: int, progress: Progress) -> None:
        self._here, self._total, self._progress = here, total, progress
        self._lock = threading.Lock()
        progress(here, total)

    def grown(self, n_bytes: int) -> None:
        with self._lock:
            self._here += n_bytes
            self._progress(min(self._here, self._total), self._total)


def _check_space(n_bytes: int) -> None:
    from huggingface_hub import constants

    folder = Path(constants.HF_HUB_CACHE).expanduser()
    folder.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(folder).free
    if n_bytes > 0 and free < n_bytes + SPARE_BYTES:
        raise HubError(
            f"the download needs {in_gigabytes(n_bytes)} and {folder} has "
            f"{in_gigabytes(free)} free; make room, or set HF_HOME to a folder on another disk"
        )


# --- the hub's client ----------------------------------------------------------------------


def in_gigabytes(n_bytes: int) -> str:
    """A size for people: 12.3 GB, or 4 MB where it is small."""
    return f"{n_bytes / 1e9:.1f} GB" if n_bytes >= 1e8 else f"{n_bytes / 1e6:.0f} MB"


def _remote_file(sibling: Any) -> RemoteFile:
    lfs = getattr(sibling, "lfs", None)
    return RemoteFile(sibling.rfilename, sibling.size or 0, lfs.sha256 if lfs else None)


def _is_skipped(name: str) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in SKIPPED)


def _has_all_shards(folder: Path) -> bool:
    """Whether every file that an index of weights names is there."""
    for index in folder.rglob("*.index.json"):
        try:
            names = json.loads(index.read_text(encoding="utf-8"))["weight_map"].values()
            if not all((index.parent / name).is_file() for name in set(names)):
                return False
        except (OSError, ValueError, KeyError, AttributeError, TypeError):
            return False
    return any(folder.iterdir())


def _check_address(hub: str) -> None:
    if hub and not hub.startswith(("https://", "http://")):
        raise HubError(f"model.hub is {hub!r}, which is no address: it begins with https://")


def _token(hub: str) -> bool | None:
    """The user's key is for the hub: a mirror from our settings does not get it."""
    return None if hub.rstrip("/") in ("", "https://huggingface.co") else False


@contextlib.contextmanager
def _quiet_client() -> Iterator[None]:
    """The client draws bars of its own for each file; ours shows the whole."""
    from huggingface_hub.utils import (
        are_progress_bars_disabled,
        disable_progress_bars,
        enable_progress_bars,
    )

    if are_progress_bars_disabled():
        yield
        return
    disable_progress_bars()
    try:
        yield
    finally:
        enable_progress_bars()


@contextlib.contextmanager
def _explained(repo: str, hub: str) -> Iterator[None]:
    """What the client raises, of its own or of its HTTP library's, becomes one sentence."""
    try:
        yield
    except HubError:
        raise
    except Exception as error:  # the border to a library whose HTTP errors have no common root
        raise HubError(_sentence(error, repo, hub)) from error


def _sentence(error: Exception, repo: str, hub: str) -> str:
    from huggingface_hub import constants, errors

    from . import hub_transfer

    where = hub or constants.ENDPOINT
    if isinstance(error, errors.HFValidationError):
        return f"{repo!r} is no name of a model on the hub"
    if constants.HF_HUB_OFFLINE or isinstance(error, errors.OfflineModeIsEnabled):
        return f"{repo} is not on this machine and HF_HUB_OFFLINE forbids to fetch it; unset it"
    if isinstance(error, errors.RepositoryNotFoundError):
        return (
            f"{where} has no model {repo}, or shows it to members only: check the name, or log in "
            "with `hf auth login`"
        )
    if isinstance(error, errors.HfHubHTTPError):
        return f"{where} refused {repo}: {_first_line(error)}; {_again(repo)}"
    if isinstance(error, hub_transfer.Broken | hub_transfer.Busy):
        return f"{error}; {_again(repo)}"
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        return "the disk is full; make room, or set HF_HOME to a folder on another disk"
    if isinstance(error, PermissionError):
        return f"{error.filename} cannot be written; set HF_HOME to a folder of yours"
    return (
        f"{repo} is not (wholly) on this machine and {where} cannot be reached "
        f"({_first_line(error)}); {_again(repo)}, choose a mirror with model.hub (or HF_ENDPOINT), "
        "or copy the model's folder here and give its path"
    )


def _again(repo: str) -> str:
    return f"run `vivavoce models download {repo}` when it can be, what is here is kept"


def _first_line(error: BaseException) -> str:
    lines: Sequence[str] = str(error).strip().splitlines()
    return lines[0].rstrip(".") if lines else type(error).__name__
