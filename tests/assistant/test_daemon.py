"""What a daemon refuses before it loads anything."""

import pytest

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
