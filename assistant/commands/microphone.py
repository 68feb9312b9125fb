"""`vivavoce microphone`, `mute`, `unmute`: the microphone of a daemon that runs."""

from __future__ import annotations

import http.client
import json
import urllib.error
import urllib.request
from collections.abc import Mapping
from typing import Annotated, Any
from urllib.parse import urlsplit

import typer

from ..client.connection import LOOPBACK
from ..errors import UserError
from .options import ApiKey, ConfigFile, Preset, configuration

Url = Annotated[str, typer.Option(help="HOST:PORT of the daemon; none: as the configuration says.")]
_PATH = "/v1/microphone"
_PATIENCE_S = 10.0
_FOLLOW_PATIENCE_S = 60.0  # the daemon says how it stands every 15 s


def microphone(
    follow: Annotated[
        bool, typer.Option("--follow", help="Go on and show every change, until Ctrl-C.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One line of JSON each.")] = False,
    url: Url = "",
    api_key: ApiKey = None,
    file: ConfigFile = None,
    preset: Preset = None,
) -> None:
    """Whether the running daemon's microphone hears, and why."""
    daemon = _Daemon.configured(url, api_key, file, preset)
    show = json.dumps if as_json else in_words
    if not follow:
        print(show(daemon.ask()))
        return
    shown = None
    for status in daemon.follow():
        if status != shown:
            print(show(status), flush=True)
        shown = status


def mute(
    url: Url = "",
    api_key: ApiKey = None,
    file: ConfigFile = None,
    preset: Preset = None,
) -> None:
    """Close the running daemon's microphone; its speaker goes on."""
    print(in_words(_Daemon.configured(url, api_key, file, preset).ask({"muted": True})))


def unmute(
    url: Url = "",
    api_key: ApiKey = None,
    file: ConfigFile = None,
    preset: Preset = None,
) -> None:
    """Open the running daemon's microphone again."""
    print(in_words(_Daemon.configured(url, api_key, file, preset).ask({"muted": False})))


def in_words(status: Mapping[str, Any]) -> str:
    """A status for a reader."""
    if status["state"] == "muted":
        return "muted: the microphone's stream is closed"
    words = {
        ("waiting", ""): "waiting for "
        + (f'"{status["wake_word"]}"' if status.get("wake_word") else "the button"),
        ("open", "always"): "open: it listens all the time",
        ("open", "wake_word"): "open: it heard its wake word",
        ("open", "follow_up"): "open: it may be answered without the wake word",
        ("open", "button"): "open: the button is held",
    }.get((status["state"], status["why"]), str(status["state"]))
    return words if status["device_open"] else f"{words} (but its device is not open)"


class _Daemon:
    """A daemon's port.

    Args:
        address: http://HOST:PORT.
        api_key: sent where there is one.
    """

    def __init__(self, address: str, api_key: str) -> None:
        self._address = address
        self._headers = {"Authorization": f"Bearer {api_key}"} if api_key else {}
        local = urlsplit(address).hostname in LOOPBACK
        proxy = urllib.request.ProxyHandler({} if local else None)  # None: as the system says
        self._opener = urllib.request.build_opener(proxy)

    @classmethod
    def configured(cls, url: str, api_key: str | None, file: Any, preset: str | None) -> _Daemon:
        config = configuration(file, preset, server={"api_key": api_key}).server
        return cls(http_address(url, config.host, config.port), config.api_key)

    def ask(self, change: Mapping[str, bool] | None = None) -> dict[str, Any]:
        """The status, after a change if one is given."""
        data = None if change is None else json.dumps(change).encode()
        with self._open(_PATH, data, _PATIENCE_S) as reply:
            try:
                status = json.loads(reply.read())
            except (ValueError, OSError, http.client.HTTPException):
                status = None
        if not isinstance(status, dict) or "state" not in status:
            raise UserError(f"What answers at {self._address} is no daemon of vivavoce.")
        return status

    def follow(self) -> Any:
        """Statuses as they come."""
        with self._open(f"{_PATH}/events", None, _FOLLOW_PATIENCE_S) as reply:
            try:
                for line in reply:
                    if line.startswith(b"data:"):
                        yield json.loads(line[5:])
            except (OSError, http.client.HTTPException) as error:
                raise UserError(f"The daemon at {self._address} went away ({error}).") from None

    def _open(self, path: str, data: bytes | None, timeout_s: float) -> Any:
        headers = {**self._headers, "Content-Type": "application/json"}
        request = urllib.request.Request(self._address + path, data, headers)
        try:
            return self._opener.open(request, timeout=timeout_s)
        except urllib.error.HTTPError as error:
            raise UserError(f"The daemon says: {_reason(error)}.") from None
        except (OSError, http.client.HTTPException) as error:
            reason = getattr(error, "reason", error)
            raise UserError(
                f"No daemon answers at {self._address} ({reason}). "
                "Start one with `vivavoce serve`, or give its --url."
            ) from None


def http_address(url: str, host: str, port: int) -> str:
    """http://HOST:PORT from what a user types, or from the configuration."""
    if not url:
        shown = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)
        return f"http://[{shown}]:{port}" if ":" in shown else f"http://{shown}:{port}"
    try:
        parts = urlsplit(url if "://" in url else f"http://{url}")
    except ValueError:  # half an IPv6 address
        parts = urlsplit("")  # no address at all
    scheme = {"ws": "http", "wss": "https"}.get(parts.scheme, parts.scheme)
    if scheme not in ("http", "https") or not parts.netloc:
        raise UserError(f"{url!r} is no address of a daemon; give HOST:PORT.")
    return f"{scheme}://{parts.netloc}"


def _reason(error: urllib.error.HTTPError) -> str:
    try:
        return str(json.loads(error.read())["error"]["message"])
    except (ValueError, KeyError, TypeError, OSError):
        return f"{error.code} {error.reason}"
