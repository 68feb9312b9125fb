"""`vivavoce devices`: a table for people, JSON for scripts, a sentence where it cannot be had."""

from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner

from vivavoce.assistant.cli import app
from vivavoce.assistant.commands import devices
from vivavoce.assistant.errors import UserError
from vivavoce.streaming.device_file import NullBackend
from vivavoce.streaming.devices import DeviceInfo, DeviceUnavailable


class Library(NullBackend):
    """Lists what it is told to."""

    def __init__(self, *found: DeviceInfo) -> None:
        super().__init__()
        self.name = "sounddevice"
        self.found = list(found)

    def devices(self) -> list[DeviceInfo]:
        return self.found


USB = DeviceInfo(3, "USB [Speakerphone]", "ALSA", 1, 2, default_input=True)
HDMI = DeviceInfo(0, "HDMI", "ALSA", 0, 8, default_output=True)


def shown(monkeypatch, library: Library, *options: str) -> str:
    monkeypatch.setattr(devices, "try_backend", lambda name: library)
    ran = CliRunner().invoke(app, ["devices", *options])
    assert ran.exit_code == 0, ran.output
    return ran.stdout


def test_the_table_has_numbers_names_channels_hosts_and_defaults(monkeypatch):
    rows = {
        cells[0]: cells[1:]
        for line in shown(monkeypatch, Library(HDMI, USB)).splitlines()
        if (cells := [cell.strip() for cell in line.strip("│").split("│")])[0].isdigit()
    }
    assert rows["0"] == ["HDMI", "ALSA", "-", "8", "loudspeaker"]
    assert rows["3"] == ["USB [Speakerphone]", "ALSA", "1", "2", "microphone"]


def test_json_is_for_scripts(monkeypatch):
    told = json.loads(shown(monkeypatch, Library(USB), "--json"))
    assert told["backend"] == "sounddevice"
    assert told["devices"][0]["name"] == "USB [Speakerphone]"
    assert told["devices"][0]["default_input"] is True
    assert json.loads(shown(monkeypatch, Library(), "--json"))["devices"] == []


def test_no_devices_and_no_library_are_sentences_with_what_to_do(monkeypatch):
    assert "--no-audio" in shown(monkeypatch, Library())

    def none(name: str) -> None:
        raise DeviceUnavailable("sound needs the package sounddevice: pip install sounddevice")

    monkeypatch.setattr(devices, "try_backend", none)
    with pytest.raises(UserError, match=r"^Sound needs .* pip install sounddevice\.$"):
        devices.devices()
