"""The command line: what scripts rely on, and what a user's mistake says."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import urllib.request
from importlib import metadata
from pathlib import Path

import pytest
from typer.testing import CliRunner

from vivavoce.assistant import cli
from vivavoce.streaming.wavfile import read_wav

ROOT = Path(__file__).parents[2]
VOICES = ROOT / "demo" / "voices"
COMMAND = [sys.executable, "-c", "from vivavoce.assistant.cli import main; main()"]
KEYS = [
    "heard",
    "actions",
    "said",
    "language",
    "speech_end_ms",
    "first_audio_ms",
    "audio_ms",
    "interrupted",
]


@pytest.fixture
def complaint(monkeypatch, capsys):
    """Runs the command and gives the one sentence it ends with."""

    def run(*arguments: str) -> str:
        monkeypatch.setattr(sys, "argv", ["vivavoce", *arguments])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        out, err = capsys.readouterr()
        assert ended.value.code == 2 and out == ""
        assert err.startswith("vivavoce: ") and err.count("\n") == 1, err
        return err

    return run


@pytest.fixture
def serving(tmp_path):
    """Starts `vivavoce serve`; gives the process and the line it printed."""
    started = []

    def start(*options: str) -> tuple[subprocess.Popen[str], str]:
        log = (tmp_path / f"log{len(started)}").open("w+")
        process = subprocess.Popen(
            [*COMMAND, "serve", "--no-audio", "--port", "0", *options],
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        )
        started.append((process, log))
        assert process.stdout is not None
        return process, process.stdout.readline()

    yield start
    for process, log in started:
        if process.poll() is None:
            process.kill()
        process.wait()
        log.close()


# --- mistakes --------------------------------------------------------------------------------


def test_a_users_mistake_is_one_sentence_and_exit_code_two(complaint, tmp_path):
    assert "--api-key" in complaint("serve", "--host", "0.0.0.0")
    assert "There is no preset 'nan'" in complaint("serve", "--preset", "nan")
    assert "No such file" in complaint("serve", "--config", str(tmp_path / "absent.toml"))
    assert "choose one of: nano" in complaint("serve", "--model", "gpt")
    assert "not both" in complaint("talk", "--input", "a.wav", "--inputs", "b.txt")
    assert "Cannot read" in complaint("talk", "--inputs", str(tmp_path / "absent.txt"))
    assert "holds no recorded session" in complaint("replay", str(tmp_path))


def test_talk_says_when_nobody_answers(complaint):
    recording = str(VOICES / "hello.wav")
    message = complaint("talk", "--url", "127.0.0.1:9", "--input", recording)
    assert "No daemon answers at ws://127.0.0.1:9/v1/realtime" in message


def test_a_list_of_recordings_is_checked_before_anything_is_spoken(complaint, tmp_path):
    listed = tmp_path / "list.txt"
    listed.write_text(f"# comment\n{VOICES / 'hello.wav'}\nmissing.wav\n")
    assert "names missing.wav, which is not there" in complaint("talk", "--inputs", str(listed))
    listed.write_text("\n")
    assert "names no recordings" in complaint("talk", "--inputs", str(listed))


def test_no_sound_card_is_said_plainly(complaint, monkeypatch):
    from vivavoce.assistant import sound
    from vivavoce.streaming.devices import DeviceUnavailable

    def no_backend(name: str) -> None:
        raise DeviceUnavailable("sound needs the PortAudio library: apt install libportaudio2")

    monkeypatch.setattr(sound, "try_backend", no_backend)
    assert "--input FILE.wav" in complaint("talk", "--url", "127.0.0.1:9")


# --- what commands show ----------------------------------------------------------------------


@pytest.mark.parametrize(
    "command",
    [
        *("serve", "talk", "demo", "replay", "devices", "doctor", "config show"),
        *("models list", "models download", "models verify", "voices list", "voices add"),
    ],
)
def test_every_command_explains_itself(command):
    shown = CliRunner().invoke(cli.app, [*command.split(), "--help"])
    assert shown.exit_code == 0 and "Usage" in shown.stdout


def test_config_show_is_a_valid_file_that_hides_the_key(tmp_path, monkeypatch):
    monkeypatch.setenv("VIVAVOCE_SERVER__API_KEY", "sesame")
    monkeypatch.setenv("VIVAVOCE_SERVER__PORT", "4321")
    run = CliRunner()
    shown = run.invoke(cli.app, ["config", "show", "--preset", "smart-speaker"]).stdout
    assert "sesame" not in shown and "port = 4321" in shown
    monkeypatch.delenv("VIVAVOCE_SERVER__PORT")
    path = tmp_path / "shown.toml"
    path.write_text(shown)
    assert run.invoke(cli.app, ["config", "show", "--config", str(path)]).stdout == shown


# --- the daemon ------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_serve_prints_one_line_and_ends_on_a_signal(serving, number):
    process, line = serving()
    assert line.startswith("ready ws://127.0.0.1:") and line.endswith("/v1/realtime\n")
    port = line.split(":")[2].split("/")[0]
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/ready", timeout=5) as reply:
        assert json.load(reply)["status"] == "ready"
    process.send_signal(number)
    rest, _ = process.communicate(timeout=15)
    assert process.returncode == 0 and rest == ""


@pytest.mark.slow
def test_a_port_in_use_is_one_sentence(serving, complaint):
    _, line = serving()
    port = line.split(":")[2].split("/")[0]
    assert "Address already in use" in complaint(
        "serve", "--no-audio", "--port", port, "--log-level", "error"
    )


def test_the_version_is_shown(capsys, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["vivavoce", "--version"])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == 0
    assert capsys.readouterr().out == f"vivavoce {metadata.version('vivavoce')}\n"


# --- conversations ---------------------------------------------------------------------------


def turns(*arguments: str) -> list[dict[str, object]]:
    run = subprocess.run(
        [*COMMAND, "talk", "--json", *arguments], capture_output=True, text=True, check=True
    )
    return [json.loads(line) for line in run.stdout.splitlines()]


@pytest.mark.slow
def test_talk_holds_one_conversation_and_writes_the_replies(tmp_path):
    reply = tmp_path / "reply.wav"
    inputs = ["--input", str(VOICES / "hello.wav"), "--input", str(VOICES / "time.wav")]
    lines = turns(*inputs, "--pace", "0", "--output", str(reply))
    assert [list(line) for line in lines] == [KEYS, KEYS]
    assert all(line["heard"] and line["said"] and line["audio_ms"] for line in lines)
    pcm, rate_hz = read_wav(reply)
    assert len(pcm) * 1000 / rate_hz == pytest.approx(
        sum(line["audio_ms"] for line in lines), abs=3
    )


@pytest.mark.slow
def test_each_listed_recording_is_a_fresh_conversation_with_a_running_daemon(serving, tmp_path):
    _, line = serving()
    url = line.split()[1]
    listed = tmp_path / "list.txt"
    listed.write_text("\n".join(str(VOICES / f"{name}.wav") for name in ("kitchen", "bedroom")))
    lines = turns("--inputs", str(listed), "--url", url, "--pace", "0")
    assert [list(line) for line in lines] == [KEYS, KEYS]


@pytest.mark.slow
def test_a_recording_that_cannot_be_spoken_does_not_end_the_others(tmp_path):
    (tmp_path / "junk.wav").write_text("junk")
    names = [str(VOICES / "hello.wav"), "junk.wav", str(VOICES / "time.wav")]
    listed = tmp_path / "list.txt"
    listed.write_text("\n".join(names))
    run = subprocess.run(
        [*COMMAND, "talk", "--json", "--inputs", str(listed), "--pace", "0"],
        capture_output=True,
        text=True,
    )
    first, junk, last = (json.loads(line) for line in run.stdout.splitlines())
    assert list(first) == list(last) == KEYS and last["said"]
    assert list(junk) == [*KEYS, "input", "error"]
    assert junk["input"].endswith("junk.wav") and "not a WAV file" in junk["error"]
    assert run.returncode == 1
    assert run.stderr == "vivavoce: 1 of 3 recordings could not be spoken.\n"
