"""The doctor: each check with what it is there to find, and the whole on a virtual card."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import socket
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from safetensors.numpy import load_file
from typer.testing import CliRunner

from tests.streaming.sounds import human, noise, tone
from tests.support import virtual_audio
from tests.support.scripted_model import Say, ScriptedModel
from vivavoce.assistant.cli import app
from vivavoce.assistant.config import load_config
from vivavoce.assistant.daemon import Daemon
from vivavoce.assistant.doctor import installation, loudness, model, port, sound
from vivavoce.assistant.doctor.examination import examine
from vivavoce.assistant.doctor.findings import Finding, guarded
from vivavoce.assistant.doctor.sound import Wishes
from vivavoce.assistant.settings import Config
from vivavoce.models import catalog, machine
from vivavoce.models.machine import FreeMemory
from vivavoce.models.nano.model import FOLDER as NANO
from vivavoce.models.report import PartReport, Report
from vivavoce.streaming import wake_micro
from vivavoce.streaming.device_file import FileStream, NullBackend
from vivavoce.streaming.device_side import SideReport
from vivavoce.streaming.devices import DeviceInfo, DeviceUnavailable
from vivavoce.streaming.resample import resample
from vivavoce.streaming.soundcard import CardReport

COMMAND = [sys.executable, "-m", "vivavoce.assistant.cli"]


def config(**sections: dict[str, object]) -> Config:
    return load_config(overrides=sections)


# --- the installation ------------------------------------------------------------------------


def test_this_installation_is_well():
    assert installation.python().state == "ok"
    packages = installation.packages()
    assert (packages.state, packages.advice) == ("ok", "")
    assert "torch" in packages.values and "tomli" not in packages.text


def test_packages_that_are_missing_or_old_are_named_with_the_command(monkeypatch):
    wanted = ["numpy>=99", "rich>=13", "vosk-of-nowhere>=2", "jiwer>=99; extra == 'train'"]
    monkeypatch.setattr(installation.metadata, "requires", lambda name: wanted)
    finding = installation.packages()
    assert finding.state == "problem"
    assert "vosk-of-nowhere missing, numpy" in finding.text and "rich" not in finding.text
    assert finding.advice == "pip install 'vosk-of-nowhere>=2' 'numpy>=99'"
    monkeypatch.setattr(installation.metadata, "requires", lambda name: wanted[:2])
    assert installation.packages().state == "warning"


def test_a_detector_that_is_missing_matters_as_much_as_it_is_wanted(monkeypatch):
    from vivavoce.streaming import vad

    monkeypatch.setattr(vad, "silero_available", lambda: False)
    monkeypatch.setattr(installation, "silero_available", lambda: False)
    vad._silero_network.cache_clear()
    finding = installation.voice_detector(config(turn={"vad": "webrtc"}))
    assert (finding.state, finding.advice) == ("warning", "pip install 'vivavoce[silero]'")
    finding = installation.voice_detector(config(turn={"vad": "silero"}))
    assert finding.state == "problem" and "pip install" in finding.advice


def test_a_canceller_that_is_missing_matters_as_much_as_it_is_wanted(monkeypatch):
    assert installation.echo_canceller(config(audio={"echo": "none"})).state == "ok"
    for name in [name for name in sys.modules if name.partition(".")[0] == "livekit"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "livekit", None)
    finding = installation.echo_canceller(config(audio={"echo": "auto"}))
    assert finding.state == "warning" and "livekit" in finding.advice
    assert installation.echo_canceller(config(audio={"echo": "apm"})).state == "problem"
    also = {"echo": "none", "noise_suppression": True}
    finding = installation.echo_canceller(config(audio=also))
    assert finding.state == "problem", "the daemon refuses to start"
    assert "noise suppression" in finding.text and "pip install livekit" in finding.advice
    assert installation.echo_canceller(config(audio={**also, "echo": "auto"})).state == "warning"


def test_what_only_sound_needs_is_no_problem_without_sound(monkeypatch):
    for name in [name for name in sys.modules if name.partition(".")[0] == "livekit"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "livekit", None)
    silent = {"audio": {"enabled": False, "echo": "apm"}}
    waits = {"microphone": {"activation": "wake_word", "wake_word": "/nowhere/hey.tflite"}}
    assert installation.echo_canceller(config(**silent)).state == "skipped"
    assert installation.wake_word(config(**silent, **waits)).state == "skipped"
    Daemon(config(**silent, **waits), ScriptedModel())  # it does not mind either


def woken_by(word: object) -> Config:
    return config(microphone={"activation": "wake_word", "wake_word": str(word)})


def test_the_wake_word_is_looked_at_where_it_is_waited_for(monkeypatch, tmp_path):
    assert installation.wake_word(config()).state == "skipped"
    finding = installation.wake_word(woken_by(tmp_path / "none.json"))
    assert finding.state == "problem" and "none.json" in finding.text and finding.advice
    monkeypatch.setattr(wake_micro, "_PACKAGE", "pymicro_wakeword_of_nowhere")
    finding = installation.wake_word(woken_by("hey jarvis"))
    assert finding.state == "problem"
    assert finding.advice == "install it: pip install 'vivavoce[wakeword]'"


@pytest.mark.skipif(not wake_micro.installed(), reason="the extra [wakeword] is not installed")
def test_a_wake_words_model_is_loaded_and_read(monkeypatch, tmp_path):
    finding = installation.wake_word(woken_by("hey jarvis"))
    assert finding.state == "ok" and '"hey jarvis"' in finding.text
    assert installation.wake_word(woken_by("hal")).state == "problem"
    torn = tmp_path / "torn.tflite"
    torn.write_bytes(b"no network")
    finding = installation.wake_word(woken_by(torn))
    assert finding.state == "problem" and "is no microWakeWord model" in finding.text
    assert "microphone.activation" in finding.advice

    def locked(path, *args, **options):
        raise PermissionError(13, "Permission denied", str(path))

    wanted = woken_by(torn)
    monkeypatch.setattr(wake_micro.Path, "open", locked)
    finding = installation.wake_word(wanted)
    assert finding.state == "problem" and f"{torn} cannot be read" in finding.text
    assert "chmod u+r" in finding.advice


def test_a_compiler_is_wanted_by_large_models_only(monkeypatch):
    monkeypatch.setattr(machine, "compiled_for_the_cpu", lambda: False)
    assert installation.compiler(config()).state == "ok"
    finding = installation.compiler(config(model={"name": "ming-lite-omni-1.5"}))
    assert finding.state == "warning" and "g++" in finding.advice


def test_a_check_that_falls_over_is_a_finding():
    def fall() -> Finding:
        raise ZeroDivisionError("oh")

    finding = guarded("memory", fall)
    assert (finding.check, finding.state) == ("memory", "problem")
    assert "ZeroDivisionError: oh" in finding.text and finding.advice


# --- the model -------------------------------------------------------------------------------


def test_the_model_is_there_or_it_is_said_how_to_get_it(tmp_path):
    files = sorted(NANO.glob("*.safetensors"))
    n_parameters = sum(t.size for file in files for t in load_file(file).values())
    finding, report = model.model(config())
    assert finding.state == "ok" and f"{n_parameters / 1e6:.1f} million" in finding.text
    assert report is not None and model.memory(config(), report).state == "ok"
    finding, report = model.model(config(model={"name": "ming-lite-omni-1.5"}))
    assert finding.state == "problem" and report is None
    assert "vivavoce models download" in finding.text + finding.advice
    finding, _ = model.model(config(model={"name": "gpt"}))
    assert "choose one of: nano" in finding.text
    shutil.copytree(NANO, tmp_path / "torn", ignore=shutil.ignore_patterns("talker*"))
    finding, _ = model.model(config(model={"name": str(tmp_path / "torn")}))
    assert finding.state == "problem" and "talker" in finding.text
    assert "models verify" in finding.advice


def test_a_part_that_is_not_needed_is_said_with_where_to_look(monkeypatch):
    eyes = PartReport("eyes", "visual", fault="is missing", needed=False, without="no pictures")
    monkeypatch.setattr(catalog, "examine", lambda name: Report("nano", (eyes,)))
    finding, report = model.model(config())
    assert finding.state == "warning" and "no pictures" in finding.text and report is not None
    assert "models verify nano" in finding.advice


def test_memory_that_is_short_is_said_with_the_quantisation_that_would_fit(monkeypatch):
    report = Report("Ming", (), {"bf16": 40 * 10**9, "int8": 20 * 10**9, "int4": 11 * 10**9})
    monkeypatch.setattr(machine, "free_memory", lambda device: FreeMemory(30 * 10**9))
    finding = model.memory(config(), report)
    assert finding.state == "problem"
    assert finding.text == "30.0 GB free, the model takes 40.0 GB"
    assert finding.advice == "set model.quantize: int8 takes 20.0 GB, int4 takes 11.0 GB"
    assert model.memory(config(model={"quantize": "int8"}), report).state == "ok"
    monkeypatch.setattr(machine, "free_memory", lambda device: FreeMemory(5 * 10**9))
    assert "smaller model" in model.memory(config(), report).advice


# --- the port --------------------------------------------------------------------------------


async def test_the_port_is_free_or_ours_or_somebody_elses(monkeypatch):
    with monkeypatch.context() as impatient, socket.create_server(("127.0.0.1", 0)) as stranger:
        impatient.setattr(port, "_TIMEOUT_S", 0.2)  # the stranger never answers
        taken = {"port": stranger.getsockname()[1]}
        finding = await asyncio.to_thread(port.port, config(server=taken))
        assert finding.state == "problem" and "--port" in finding.advice
    assert port.port(config(server=taken)).state == "ok"
    assert port.port(config(server={"port": 0})).state == "ok"
    assert "api_key" in port.port(config(server={"host": "0.0.0.0"})).advice
    scripted = ScriptedModel({"stop": [Say("okay")]})
    overrides = {"server": {"api_key": "sesame"}}
    async with Daemon(load_config(preset="test", overrides=overrides), scripted) as daemon:
        ours = {"port": int(daemon.url.rsplit(":", 1)[1].partition("/")[0]), "api_key": "sesame"}
        finding = await asyncio.to_thread(port.port, config(server=ours))
        assert finding.state == "ok" and "the daemon runs and answers" in finding.text


# --- the sound -------------------------------------------------------------------------------


def test_what_a_quiet_room_is_told():
    assert "muted" in loudness.quiet(np.zeros(16_000, np.float32), "webrtc").advice
    soft = noise(1.5, -60)
    assert loudness.quiet(soft, "webrtc").state == "ok"
    assert "loud" in loudness.quiet(noise(1.5, -25), "webrtc").text
    chatter = human()[:16_000] * 0.1
    assert "turn.vad" in loudness.quiet(chatter, "webrtc").advice


def test_what_a_sentence_is_told():
    room, voice = noise(1.5, -70), human()[:32_000]
    voice = voice / np.abs(voice).max() * 0.5
    assert loudness.speech(voice, room, "webrtc").state == "ok"
    assert "was something said" in loudness.speech(noise(2.0, -70), room, "webrtc").advice
    assert "clipped" in loudness.speech(np.clip(voice * 20, -1, 1), room, "webrtc").text
    assert "soft" in loudness.speech(voice * 0.05, room, "webrtc").text
    hiss = noise(1.5, loudness._loud_level(voice) - 5)
    assert "above the room" in loudness.speech(voice, hiss, "webrtc").text


class Nobody(NullBackend):
    """A library that finds nothing."""

    name = "sounddevice"

    def devices(self) -> list[DeviceInfo]:
        return []


class Busy(NullBackend):
    """A loudspeaker that another program has to itself."""

    def open_output(self, device, playout, xruns):
        raise DeviceUnavailable("the sound device 'card' cannot be opened at 48000 Hz (busy)")


class Dead(NullBackend):
    """A microphone that opens and gives nothing."""

    def open_input(self, device, capture, xruns):
        return FileStream("dead", 1.0, self.clock, lambda stream: None)


class Late(NullBackend):
    """A loudspeaker that is late for three blocks while it opens."""

    def open_output(self, device, playout, xruns):
        self.xruns = xruns
        self.be_late(3)
        return super().open_output(device, playout, xruns)

    def be_late(self, n: int) -> None:
        for _ in range(n):
            self.xruns.count(0.0)


@pytest.fixture
def short(monkeypatch):
    for name in ("SETTLE_S", "QUIET_S", "SPEECH_S"):
        monkeypatch.setattr(sound, name, 0.2)


def findings_of(monkeypatch, backend, wishes: Wishes, **audio: object) -> dict[str, Finding]:
    monkeypatch.setattr(sound, "try_backend", lambda name: backend)
    told: list[str] = []
    found = list(sound.sound(config(audio=audio), wishes, told.append))
    assert len({one.check for one in found}) == len(found)
    return {one.check: one for one in found}


def test_without_devices_it_is_said_what_to_do(monkeypatch):
    found = findings_of(monkeypatch, Nobody(), Wishes())
    assert [found[side].state for side in ("microphone", "loudspeaker")] == ["problem"] * 2
    assert "--no-audio" in found["microphone"].advice
    found = findings_of(monkeypatch, NullBackend(), Wishes(), input_device="usb")
    assert "'usb'" in found["microphone"].text and found["loudspeaker"].state == "ok"
    assert "choose one of 0: silence" in found["microphone"].advice
    assert "lost sound" not in found
    found = findings_of(monkeypatch, NullBackend(), Wishes(), enabled=False)
    assert [one.state for one in found.values()] == ["skipped"]


def test_a_device_that_does_not_open_is_a_problem(monkeypatch):
    found = findings_of(monkeypatch, Busy(), Wishes())
    assert found["opening"].state == "problem"
    assert "our own daemon: stop it" in found["opening"].advice


def test_a_microphone_that_opens_and_gives_nothing_is_a_problem(monkeypatch, short):
    monkeypatch.setattr(sound, "LATE_S", 0.1)
    found = findings_of(monkeypatch, Dead(), Wishes())
    assert found["quiet"].state == "problem" and "plug it in again" in found["quiet"].advice
    assert "round trip" not in found and "speech" not in found


def test_what_is_not_wanted_is_skipped(monkeypatch, short):
    found = findings_of(monkeypatch, NullBackend(), Wishes(speech=False, probe=False))
    assert found["echo"].state == found["speech"].state == "skipped"
    assert found["lost sound"].state == "ok" and "round trip" not in found


def test_blocks_that_come_late_while_devices_open_are_no_news(monkeypatch, short):
    backend = Late()
    found = findings_of(monkeypatch, backend, Wishes(speech=False, probe=False))
    assert found["lost sound"].state == "ok"
    quiet = loudness.quiet

    def and_late(*heard):
        backend.be_late(2)
        return quiet(*heard)

    monkeypatch.setattr(loudness, "quiet", and_late)
    found = findings_of(monkeypatch, backend, Wishes(speech=False, probe=False))
    assert found["lost sound"].state == "warning"
    assert found["lost sound"].values["xruns"] == 2


def test_a_single_late_block_is_told_and_is_no_warning():
    side = SideReport(None, 0, 0, 0, 0.0)
    settled = CardReport(side, side, 0, 0)
    once = CardReport(replace(side, n_xruns=1), replace(side, n_xruns=1), 240, 0)
    finding = sound._lost(settled, once, measured_s=8.0)
    assert finding.state == "ok" and "blocks that came late: 2" in finding.text
    often = CardReport(replace(side, n_xruns=9), side, 0, 0)
    finding = sound._lost(settled, often, measured_s=8.0)
    assert finding.state == "warning" and "(1.1% of the sound)" in finding.text and finding.advice
    lost = CardReport(side, side, 4800, 0)
    assert sound._lost(settled, lost, measured_s=8.0).state == "warning"


def test_a_loudspeaker_that_is_not_heard_is_a_warning_unless_it_is_a_headset(monkeypatch, short):
    found = findings_of(monkeypatch, NullBackend(), Wishes())
    assert found["echo"].state == "warning" and "headset" in found["echo"].advice
    assert "was something said" in found["speech"].advice


# --- the whole -------------------------------------------------------------------------------


def test_the_screen_without_a_sound_device_is_a_line_a_check_and_what_to_do(tmp_path):
    """The real command on a machine made deaf."""
    (tmp_path / "empty.conf").touch()
    deaf = {"ALSA_CONFIG_PATH": str(tmp_path / "empty.conf"), "PULSE_SERVER": "unix:/nowhere"}
    command = [*COMMAND, "doctor", "--port", "0"]
    ran = subprocess.run(
        command, env={**os.environ, **deaf}, capture_output=True, text=True, check=False, timeout=90
    )
    assert ran.returncode == 1, ran.stdout + ran.stderr
    lines = ran.stdout.splitlines()
    checks = [line.split()[1] for line in lines if line.split()[:1] in (["ok"], ["problem"])]
    assert checks[:4] == ["python", "packages", "model", "memory"]
    assert "sound library" in ran.stdout and "--no-audio" in ran.stdout
    assert "Traceback" not in ran.stderr
    assert lines[-1].endswith("the daemon would not work as configured.")
    assert len(lines) <= 24, "one screen"


def test_as_json_and_exit_code_zero_where_nothing_is_wrong(monkeypatch, short):
    monkeypatch.setattr(sound, "try_backend", lambda name: NullBackend())
    command = ["doctor", "--json", "--silent", "--no-speech", "--port", "0"]
    ran = CliRunner().invoke(app, command)
    assert ran.exit_code == 0, ran.output
    told = json.loads(ran.stdout)
    assert told["verdict"] == "warning", "digital silence"
    assert {"check", "state", "text", "advice", "values"} == set(told["checks"][0])
    assert all(one["advice"] for one in told["checks"] if one["state"] in ("warning", "problem"))


@pytest.mark.slow
@pytest.mark.audio_live
@pytest.mark.skipif(virtual_audio.missing() is not None, reason=str(virtual_audio.missing()))
def test_the_whole_on_a_card_whose_echo_is_known():
    """The loudspeaker comes back at PulseAudio's half volume, which is 18 dB less, played at
    80 %, 2 dB less; somebody speaks when asked to.
    """
    card = virtual_audio.VirtualCard(echo_ms=30, echo_percent=50)
    voice = resample(human(), 16_000, virtual_audio.RATE_HZ)
    hum = tone(8.0, 50, virtual_audio.RATE_HZ) * 0.001

    def say(text: str) -> None:
        if "quiet" in text:
            card.say(hum)  # no room is without any sound
        if "sentence" in text:
            card.say(voice / np.abs(voice).max() * 0.5)

    wanted = config(
        server={"port": 0}, audio={"input_device": "va_mic", "output_device": "va_speaker"}
    )
    try:
        with virtual_audio.seen_by_portaudio(card):
            found = {one.check: one for one in examine(wanted, Wishes(), say)}
    finally:
        card.close()
    problems = [one for one in found.values() if one.state == "problem"]
    assert not problems
    assert "va_mic (ALSA)" in found["microphone"].text
    for check in ("quiet", "speech"):
        assert found[check].state == "ok", found[check]
    assert found["echo"].values["heard"] is True
    if found["echo"].values["whole"]:  # on a busy machine all of the chirps may be torn
        assert found["echo"].values["loss_db"] == pytest.approx(20, abs=1)
        assert 20 <= float(str(found["round trip"].values["ms"])) <= 250
        assert abs(float(str(found["clock drift"].values["ppm"]))) <= 1000
