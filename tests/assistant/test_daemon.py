"""What a daemon refuses before it loads anything."""

import pytest
from websockets.asyncio.client import connect

from tests.support.scripted_model import ScriptedModel
from vivavoce.assistant.daemon import Daemon
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
