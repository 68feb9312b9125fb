"""What a daemon refuses before it loads anything."""

import os
import socket
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
import torch
from websockets.asyncio.client import connect

from tests.support.scripted_model import ScriptedModel
from vivavoce.assistant.daemon import Daemon, load_model
from vivavoce.assistant.errors import UserError
from vivavoce.assistant.settings import Config
from vivavoce.streaming import vad


def test_a_missing_detector_is_said_at_the_start_with_what_to_install(monkeypatch):
    monkeypatch.setattr(vad, "silero_available", lambda: False)
    vad._silero_network.cache_clear()
    with pytest.raises(UserError, match=r"pip install 'vivavoce\[silero\]'.*webrtc\.$"):
        Daemon(Config.model_validate({"turn": {"vad": "silero"}}))


@pytest.mark.parametrize("host", ["0.0.0.0", "192.0.2.1"])
def test_nobody_but_this_machine_may_connect_without_a_key(host):
    with pytest.raises(UserError, match="--api-key"):
        Daemon(Config.model_validate({"server": {"host": host}}))
    Daemon(Config.model_validate({"server": {"host": host, "api_key": "k"}}))


async def test_a_folder_that_cannot_hold_recordings_is_said_at_the_start(tmp_path):
    (tmp_path / "file").write_text("")
    for folder in ("file", "file/below"):
        config = Config.model_validate({"recorder": {"folder": str(tmp_path / folder)}})
        with pytest.raises(UserError, match="^Cannot record into .*file.*: .*\\.$"):
            async with Daemon(config):
                pass


async def test_recordings_are_for_their_owners_eyes_only(tmp_path):
    config = Config.model_validate(
        {
            "server": {"port": 0},
            "audio": {"enabled": False},
            "recorder": {"folder": str(tmp_path / "sessions")},
        }
    )
    async with Daemon(config, model=ScriptedModel()) as daemon, connect(daemon.url) as socket:
        await socket.recv()
        (recording,) = (tmp_path / "sessions").iterdir()
        assert recording.stat().st_mode & 0o777 == 0o700
        assert recording.parent.stat().st_mode & 0o777 == 0o700


async def test_a_taken_port_is_said_before_a_model_is_loaded():
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        taken = {"server": {"port": holder.getsockname()[1]}, "model": {"name": "there/is-none"}}
        with pytest.raises(UserError, match="Cannot listen at 127.0.0.1"):
            async with Daemon(Config.model_validate(taken)):
                pass


async def test_a_daemon_that_cannot_start_gives_its_port_back():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    daemon = Daemon(Config.model_validate({"server": {"port": port}, "model": {"name": "x y"}}))
    with pytest.raises(UserError, match="no model 'x y'"):
        async with daemon:
            pass
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", port))


@pytest.mark.parametrize(("wanted", "threads"), [(1, 1), (0, os.cpu_count())])
async def test_threads_of_the_configuration_win_over_those_of_the_environment(
    monkeypatch, wanted, threads
):
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    before = torch.get_num_threads()
    torch.set_num_threads(3)
    try:
        await load_model(Config.model_validate({"model": {"threads": wanted}}))
        with ThreadPoolExecutor(1) as worker:  # a thread begun later, as the model's is
            assert worker.submit(torch.get_num_threads).result() == threads
    finally:
        torch.set_num_threads(before)


async def test_readiness_follows_the_model():
    config = Config.model_validate({"server": {"port": 0}, "audio": {"enabled": False}})
    async with Daemon(config, model=ScriptedModel()) as daemon:
        ready = daemon.url.replace("ws:", "http:").replace("/v1/realtime", "/ready")
        async with httpx.AsyncClient() as http:
            assert (await http.get(ready)).status_code == 200
            await daemon._engine.close()
            reply = await http.get(ready)
        assert reply.status_code == 503
        assert reply.json()["reasons"] == ["the model's thread has ended"]
        async with connect(daemon.url) as socket:
            assert "not_ready" in await socket.recv()
            await socket.wait_closed()
            assert socket.close_code == 1013
