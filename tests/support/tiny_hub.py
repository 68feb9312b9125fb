"""A model hub on this machine that speaks just enough of the real one's HTTP API.

with TinyHub({"org/name": {"config.json": b"{}"}}) as hub:
    download("org/name", hub=hub.address)
    hub.asked   # ["HEAD /org/name/resolve/..", ...]

Files of LARGE bytes and more are told with a SHA-256, as files in large-file storage are.
`hub.break_after[name] = n` drops the connection after n bytes of a file, once; `hub.sent` counts
bytes and `hub.starts` lists from where each file was asked for.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import threading
from collections.abc import Mapping
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote, urlsplit

from typing_extensions import Self

COMMIT = "0123456789abcdef0123456789abcdef01234567"
LARGE = 1000


class TinyHub:
    """Serves repositories: {"org/name": {path: content}}."""

    def __init__(self, repos: Mapping[str, Mapping[str, bytes]], ranges: bool = True) -> None:
        self.repos = repos
        self.ranges = ranges
        self.asked: list[str] = []
        self.keys: list[str | None] = []
        self.sent: dict[str, int] = {}
        self.starts: dict[str, list[int]] = {}
        self.break_after: dict[str, int] = {}
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Handler, self))
        # It ends as soon as it looks whether it is to.
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.02,), daemon=True
        )

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _Handler(BaseHTTPRequestHandler):
    """One connection to the hub."""

    protocol_version = "HTTP/1.1"

    def __init__(self, hub: TinyHub, *connection: Any) -> None:
        self.hub = hub
        super().__init__(*connection)  # answers it at once

    def log_message(self, *_: Any) -> None:
        pass

    def do_HEAD(self) -> None:
        self._answer(body=False)

    def do_GET(self) -> None:
        self._answer(body=True)

    def _answer(self, body: bool) -> None:
        path = unquote(urlsplit(self.path).path).lstrip("/")
        self.hub.asked.append(f"{self.command} /{path}")
        self.hub.keys.append(self.headers.get("authorization"))
        parts = path.split("/")
        if parts[:2] == ["api", "models"]:
            self._api(f"{parts[2]}/{parts[3]}", parts[4:])
        elif len(parts) > 4 and parts[2] == "resolve":
            self._file(f"{parts[0]}/{parts[1]}", "/".join(parts[4:]), body)
        else:
            self._refuse("RepoNotFound")

    def _api(self, repo: str, rest: list[str]) -> None:
        if repo not in self.hub.repos:
            self._refuse("RepoNotFound")
        elif rest[:1] == ["tree"]:
            self._json([_entry("path", *item) for item in self.hub.repos[repo].items()])
        else:
            siblings = [_entry("rfilename", *item) for item in self.hub.repos[repo].items()]
            self._json({"id": repo, "sha": COMMIT, "siblings": siblings})

    def _file(self, repo: str, name: str, body: bool) -> None:
        content = self.hub.repos.get(repo, {}).get(name)
        if content is None:
            self._refuse("EntryNotFound" if repo in self.hub.repos else "RepoNotFound")
            return
        start = self._start(len(content))
        self.send_response(206 if start else 200)
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
        self.send_header("Content-Length", str(len(content) - start))
        self.send_header("ETag", f'"{_digest(content)}"')
        self.send_header("X-Repo-Commit", COMMIT)
        self.end_headers()
        if body:
            self.hub.starts.setdefault(name, []).append(start)
            self._send(name, content[start:])

    def _start(self, length: int) -> int:
        asked = self.headers.get("Range", "")
        if not (self.hub.ranges and asked.startswith("bytes=")):
            return 0
        return min(int(asked[6:].split("-")[0]), length)

    def _send(self, name: str, content: bytes) -> None:
        limit = self.hub.break_after.pop(name, None)
        content = content if limit is None else content[:limit]
        self.hub.sent[name] = self.hub.sent.get(name, 0) + len(content)
        with contextlib.suppress(ConnectionError):  # the client may go away
            self.wfile.write(content)
        if limit is not None:
            self.close_connection = True

    def _json(self, data: Any) -> None:
        text = json.dumps(data).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def _refuse(self, code: str) -> None:
        self.send_response(404)
        self.send_header("X-Error-Code", code)
        self.send_header("Content-Length", "0")
        self.end_headers()


def _entry(key: str, name: str, content: bytes) -> dict[str, Any]:
    entry: dict[str, Any] = {
        "type": "file",
        key: name,
        "oid": hashlib.sha1(content).hexdigest(),
        "blobId": hashlib.sha1(content).hexdigest(),
        "size": len(content),
    }
    if len(content) >= LARGE:
        digest = hashlib.sha256(content).hexdigest()
        entry["lfs"] = {"oid": digest, "sha256": digest, "size": len(content), "pointerSize": 130}
    return entry


def _digest(content: bytes) -> str:
    kind = hashlib.sha256 if len(content) >= LARGE else hashlib.sha1
    return kind(content).hexdigest()
