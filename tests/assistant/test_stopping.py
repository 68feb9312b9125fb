"""Stopping the daemon while its model computes: in a process of its own, by a signal."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

from websockets.sync.client import connect

from tests.support.scripted_daemon import text_item

ROOT = Path(__file__).parents[2]
BUSY = """
import time, torch
from tests.support.scripted_model import ScriptedModel
from vivavoce.assistant import cli, engine
from vivavoce.models import catalog

class Dialogue:
    def add(self, item):
        print("computing", flush=True)
        until, x = time.monotonic() + 60, torch.ones(300, 300)
        while time.monotonic() < until:
            x = torch.tanh(x @ x)

class Busy(ScriptedModel):
    def open(self, options=None):
        return Dialogue()

engine.JOIN_S = 0.5
catalog.load = lambda name, options=None: Busy()
cli.main()
"""


def test_a_model_that_computes_on_does_not_spoil_the_exit_code() -> None:
    """Its thread cannot be ended, and once took the whole process down with SIGABRT."""
    with subprocess.Popen(
        [sys.executable, "-c", BUSY, "serve", "--no-audio", "--port", "0"],
        cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        try:
            assert process.stdout is not None
            url = process.stdout.readline().removeprefix("ready ").strip()
            with connect(url) as client:
                item = {"type": "conversation.item.create", "item": text_item("hello")}
                client.send(json.dumps(item))
                assert process.stdout.readline() == "computing\n"
                began_s = time.monotonic()
                process.send_signal(signal.SIGINT)
                _, log = process.communicate(timeout=30)
            assert process.returncode == 0, log
            assert "the model did not come back" in log
            assert time.monotonic() - began_s < 20
        finally:
            process.kill()
