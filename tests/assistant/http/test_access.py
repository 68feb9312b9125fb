"""Who is let in: hosts, origins and keys."""

from __future__ import annotations

import pytest
from starlette.datastructures import Headers

from vivavoce.assistant.http.access import Rules, is_loopback, key_of

LOCAL = Rules()
KEYED = Rules(host="0.0.0.0", api_key="secret", allowed_hosts=("speaker.local",))


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1:8765", "localhost", "localhost:1", "[::1]:8765", "192.168.1.7:8765", "LOCALHOST:1"],
)
def test_our_own_names_are_known(host: str) -> None:
    assert LOCAL.knows_host(host)


@pytest.mark.parametrize(
    "host", ["", "evil.example", "127.0.0.1.evil.example:8765", "localhost.evil.example", "[::1"]
)
def test_a_name_that_was_pointed_at_us_is_not(host: str) -> None:
    assert not LOCAL.knows_host(host)


def test_allowed_hosts_are_known() -> None:
    assert KEYED.knows_host("speaker.local:8765")
    assert Rules(allowed_hosts=("*",)).knows_host("any.example")


def test_no_origin_is_no_browser() -> None:
    assert LOCAL.trusts_origin(None, "127.0.0.1:8765")


@pytest.mark.parametrize(
    "origin",
    [
        "https://evil.example",
        "http://[::1",
        "null",
        "file://",
        "http://127.0.0.1:9999",
        "http://localhost:8765",
        "http://127.0.0.1:8765.evil.example",
        "chrome-extension://abc",
        "",
    ],
)
def test_a_foreign_page_may_not_reach_a_local_daemon(origin: str) -> None:
    assert not LOCAL.trusts_origin(origin, "127.0.0.1:8765")


def test_our_own_page_and_allowed_ones_may() -> None:
    assert LOCAL.trusts_origin("http://127.0.0.1:8765", "127.0.0.1:8765")
    assert Rules(allowed_origins=("https://home.example",)).trusts_origin(
        "https://home.example", "127.0.0.1:8765"
    )


def test_on_the_network_the_key_decides() -> None:
    assert KEYED.trusts_origin("https://home.example", "speaker.local:8765")
    assert not Rules(api_key="secret").trusts_origin("https://evil.example", "127.0.0.1:8765")


def test_keys_are_compared_and_without_one_any_is_taken() -> None:
    assert KEYED.accepts_key("secret")
    assert not KEYED.accepts_key("Secret")
    assert not KEYED.accepts_key(None)
    assert not KEYED.accepts_key("sécret")
    assert LOCAL.accepts_key("anything")
    assert LOCAL.accepts_key(None)


def test_a_key_comes_as_bearer_token_or_as_subprotocol() -> None:
    assert key_of(Headers({"authorization": "Bearer abc"})) == "abc"
    assert key_of(Headers({"authorization": "Basic abc"})) is None
    assert key_of(Headers({}), ["realtime", "openai-insecure-api-key.abc"]) == "abc"
    assert key_of(Headers({}), ["realtime"]) is None


@pytest.mark.parametrize(
    ("host", "local"),
    [("127.0.0.1", True), ("::1", True), ("localhost", True), ("0.0.0.0", False), ("::", False)],
)
def test_loopback_addresses(host: str, local: bool) -> None:
    assert is_loopback(host) is local
