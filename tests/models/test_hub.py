"""Downloads from a hub on this machine: what is fetched, gone on with, refused and said."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from huggingface_hub import constants

from tests.support.tiny_hub import TinyHub
from vivavoce.models import hub
from vivavoce.models.hub import HubError

REPO = "somebody/Ming-Tiny"
SHARD = os.urandom(300_000)
FILES = {
    "config.json": b'{"model_type": "bailingmm"}',
    "model-00001-of-00001.safetensors": SHARD,
    "model.safetensors.index.json": json.dumps(
        {"weight_map": {"a": "model-00001-of-00001.safetensors"}}
    ).encode(),
    "talker/flow_stream.pt": os.urandom(2000),
    "talker/mlp/kept.bin": b"not at the root",
    "talker/flow.decoder.estimator.fp32.onnx": os.urandom(2000),
    "transformer/diffusion.safetensors": os.urandom(5000),
    "vae/deep/er.safetensors": os.urandom(5000),
    "modeling_bailingmm.py": b"raise SystemExit",
    "assets/logo.png": b"png",
}
KEPT = {
    "config.json",
    "model-00001-of-00001.safetensors",
    "model.safetensors.index.json",
    "talker/flow_stream.pt",
    "talker/mlp/kept.bin",
}


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch) -> Path:
    folder = tmp_path / "cache"
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(folder))
    monkeypatch.setattr(hub, "LARGE_BYTES", 100_000)
    monkeypatch.setattr(constants, "DOWNLOAD_CHUNK_SIZE", 10_000)
    return folder


@pytest.fixture
def served() -> Iterator[TinyHub]:
    with TinyHub({REPO: FILES}) as server:
        yield server


def names_in(folder: Path) -> set[str]:
    return {str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file()}


def test_a_download_brings_the_model_and_leaves_out_what_is_never_loaded(served):
    told: list[tuple[int, int]] = []
    folder = hub.download(REPO, served.address, lambda *at: told.append(at))
    assert names_in(folder) == KEPT
    assert (folder / "model-00001-of-00001.safetensors").read_bytes() == SHARD
    total = sum(len(FILES[name]) for name in KEPT)
    assert told[0] == (0, total) and told[-1] == (total, total)
    assert [here for here, _ in told] == sorted(here for here, _ in told)
    assert not any("diffusion" in line or ".py" in line for line in served.asked)


def test_the_plan_says_what_is_taken_and_what_is_left(served):
    plan = hub.plan(REPO, served.address)
    assert {file.name for file in plan.files} == KEPT
    assert {file.name for file in plan.skipped} == set(FILES) - KEPT
    assert plan.n_bytes == sum(len(FILES[name]) for name in KEPT)


def test_what_is_here_is_found_without_the_hub(served):
    assert hub.cached(REPO) is None
    folder = hub.download(REPO, served.address)
    asked = len(served.asked)
    assert hub.cached(REPO) == folder
    assert len(served.asked) == asked


def test_a_folder_without_one_of_its_shards_does_not_count_as_here(served):
    folder = hub.download(REPO, served.address)
    (folder / "model-00001-of-00001.safetensors").unlink()
    assert hub.cached(REPO) is None


def broken_download(server: TinyHub) -> None:
    """A download that somebody ends with Ctrl-C when 120,000 bytes are here."""

    def impatient(here: int, total: int) -> None:
        if here >= 120_000:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        hub.download(REPO, server.address, impatient)


def test_a_lost_connection_is_taken_up_again_at_once(served):
    served.break_after["model-00001-of-00001.safetensors"] = 120_000
    folder = hub.download(REPO, served.address)
    assert (folder / "model-00001-of-00001.safetensors").read_bytes() == SHARD
    assert served.sent["model-00001-of-00001.safetensors"] == len(SHARD)


def test_an_interrupted_download_goes_on_inside_the_file(served, cache):
    broken_download(served)
    (part,) = cache.rglob("*.part")
    here = part.stat().st_size
    assert 120_000 <= here < len(SHARD)
    told: list[tuple[int, int]] = []
    folder = hub.download(REPO, served.address, lambda *at: told.append(at))
    assert told[0][0] == here
    assert served.starts["model-00001-of-00001.safetensors"][-1] == here
    assert (folder / "model-00001-of-00001.safetensors").read_bytes() == SHARD
    assert not list(cache.rglob("*.part"))


def test_a_server_that_cannot_send_the_rest_only_sends_all_again(cache):
    with TinyHub({REPO: FILES}, ranges=False) as server:
        broken_download(server)
        told: list[tuple[int, int]] = []
        folder = hub.download(REPO, server.address, lambda *at: told.append(at))
    assert (folder / "model-00001-of-00001.safetensors").read_bytes() == SHARD
    assert max(here for here, _ in told) == told[-1][0] == told[-1][1]


def test_a_damaged_file_is_thrown_away_and_named(served, cache):
    broken_download(served)
    (part,) = cache.rglob("*.part")
    part.write_bytes(bytes(part.stat().st_size))
    with pytest.raises(HubError, match="model-00001-of-00001.safetensors arrived damaged"):
        hub.download(REPO, served.address)
    assert not list(cache.rglob("*.part"))
    assert names_in(hub.download(REPO, served.address)) == KEPT


def test_two_downloads_of_one_file_do_not_mix(served, cache):
    import fcntl

    broken_download(served)
    (part,) = cache.rglob("*.part")
    with part.open("ab") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        with pytest.raises(HubError, match="another process downloads model-00001"):
            hub.download(REPO, served.address)


def test_the_users_key_is_not_given_to_a_mirror(served, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    hub.download(REPO, served.address)
    assert set(served.keys) == {None}


def test_without_room_on_the_disk_nothing_is_begun(served, monkeypatch):
    usage = type("Usage", (), {"free": 1000})
    monkeypatch.setattr(hub.shutil, "disk_usage", lambda path: usage)
    with pytest.raises(HubError, match="needs 0 MB and .* HF_HOME"):
        hub.download(REPO, served.address)
    assert not served.sent


def test_each_way_of_not_getting_a_model_says_what_to_do(served, monkeypatch):
    with pytest.raises(HubError, match="has no model somebody/else, or shows it to members"):
        hub.download("somebody/else", served.address)
    with pytest.raises(HubError, match="cannot be reached .*models download.*mirror.*folder"):
        hub.download(REPO, "http://127.0.0.1:9")
    with pytest.raises(HubError, match="begins with https://"):
        hub.download(REPO, "hf-mirror.example")
    with pytest.raises(HubError, match="no name of a model"):
        hub.download("a/b/c", served.address)


def test_offline_by_wish_is_told_apart(monkeypatch, served):
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(HubError, match="HF_HUB_OFFLINE"):
        hub.download(REPO, served.address)


def test_the_config_alone_can_be_read(served):
    assert hub.read_config(REPO, served.address) == {"model_type": "bailingmm"}
    assert not served.sent.get("model-00001-of-00001.safetensors")
