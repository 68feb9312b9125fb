"""One large file from the hub, which goes on where an earlier attempt broke off.

The hub's own client keeps whole files only: a broken shard of five gigabytes would begin anew.
Here a part stays in the hub's cache beside the finished files, grows with every attempt, and is
taken when its SHA-256 is the one that the hub states:

    models--ORG--NAME/blobs/SHA256.part  →  models--ORG--NAME/blobs/SHA256
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from huggingface_hub import get_hf_file_metadata
from huggingface_hub.errors import HfHubHTTPError
from huggingface_hub.file_download import http_get
from huggingface_hub.utils import build_hf_headers

HASHED_AT_ONCE = 1 << 24  # bytes
ATTEMPTS, PAUSE_S = 3, 1.0  # connections that bring nothing, and the rest between them
Grown = Callable[[int], None]


class Broken(Exception):
    """What arrived is not what the hub announced; the message says which file."""


class Stopped(Exception):
    """The download was given up from outside."""


class Busy(Exception):
    """Another process downloads the same file."""


@dataclass(frozen=True)
class LargeFile:
    """A file to be had: its address, its place, and how to know it.

    Args:
        name: within the repository, for messages.
        blob: where it goes when it is whole.
        n_bytes: its length.
        sha256: its digest, in hexadecimal.
    """

    name: str
    url: str
    blob: Path
    n_bytes: int
    sha256: str

    @property
    def part(self) -> Path:
        """What has arrived so far."""
        return self.blob.with_name(f"{self.blob.name}.part")

    def n_bytes_here(self) -> int:
        """How much of it is on this machine."""
        for path in (self.blob, self.part):
            if path.is_file():
                return path.stat().st_size
        return 0


def fetch(file: LargeFile, token: bool | None, grown: Grown, stop: threading.Event) -> None:
    """Download what is missing of one file.

    Args:
        file: what to download, and where to.
        token: as the hub's client takes it; False sends none.
        grown: told how many bytes came; less than 0 when a server began anew.
        stop: when set, the download ends with Stopped and keeps its part.

    Raises:
        Broken, Busy, Stopped, OSError, and whatever the hub's client raises.
    """
    if file.blob.exists():
        return
    file.part.parent.mkdir(parents=True, exist_ok=True)
    with open(file.part, "ab") as raw:
        _lock(raw, file)
        _receive_patiently(file, token, _Sink(raw, grown, stop), stop)
    if _sha256(file.part) != file.sha256:
        file.part.unlink()
        raise Broken(f"{file.name} arrived damaged")
    os.replace(file.part, file.blob)


class _Sink:
    """The file the hub's client writes into: counts, and breaks off when told to."""

    def __init__(self, raw: BinaryIO, grown: Grown, stop: threading.Event) -> None:
        self._raw, self._grown, self._stop = raw, grown, stop

    def write(self, chunk: bytes) -> int:
        if self._stop.is_set():
            raise Stopped
        n_written = self._raw.write(chunk)
        self._grown(n_written)
        return n_written

    def end(self) -> int:
        """Goes to the end; gives the length."""
        return self._raw.seek(0, os.SEEK_END)

    def begin_anew(self) -> int:
        """Throws away what is here; gives the length, which is 0."""
        self.seek(0)
        self.truncate()
        return 0

    def tell(self) -> int:
        return self._raw.tell()

    def seek(self, place: int, whence: int = 0) -> int:
        return self._raw.seek(place, whence)

    def truncate(self, size: int | None = None) -> int:
        """A server that cannot send the rest only begins anew."""
        before = os.fstat(self._raw.fileno()).st_size
        after = self._raw.truncate(size)
        self._grown(after - before)
        return after

    def flush(self) -> None:
        self._raw.flush()


def _receive_patiently(
    file: LargeFile, token: bool | None, sink: _Sink, stop: threading.Event
) -> None:
    """The rest of the file, over as many connections as it takes while it grows."""
    in_vain = 0
    while True:
        here = sink.end()
        if here > file.n_bytes:  # a server that cannot send the rest sent all behind it
            here = sink.begin_anew()
        try:
            _receive(file, token, sink)
            return
        except (Stopped, HfHubHTTPError):
            raise
        except Exception:  # whatever the client's HTTP library calls a lost connection
            in_vain = 0 if here < sink.end() <= file.n_bytes else in_vain + 1
            if in_vain == ATTEMPTS:
                raise
            stop.wait(PAUSE_S)


def _receive(file: LargeFile, token: bool | None, sink: _Sink) -> None:
    """The rest of the file, from wherever the hub keeps it; keys go to the hub alone."""
    headers = build_hf_headers(token=token)
    location = get_hf_file_metadata(file.url, token=token).location
    if _host(location) != _host(file.url):
        headers.pop("authorization", None)
    http_get(
        location,
        sink,  # type: ignore[arg-type]  # as much of a file as the client needs
        resume_size=sink.tell(),
        headers=headers,
        expected_size=file.n_bytes,
    )


def _host(url: str) -> str:
    return url.split("/", 3)[2]


def _lock(raw: BinaryIO, file: LargeFile) -> None:
    try:
        fcntl.flock(raw, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise Busy(f"another process downloads {file.name}") from None


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with open(path, "rb") as raw:
        while chunk := raw.read(HASHED_AT_ONCE):
            digest.update(chunk)
    return digest.hexdigest()
