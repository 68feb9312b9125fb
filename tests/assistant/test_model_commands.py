"""`vivavoce models` and `vivavoce voices`: downloads, what a folder holds, and new voices."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from huggingface_hub import constants

from tests.support.tiny_hub import TinyHub
from tests.support.tiny_ming import IMAGE_GENERATION
from vivavoce.assistant import cli

HELLO = Path(__file__).parents[2] / "demo" / "voices" / "hello.wav"
REPO = "somebody/Ming-Tiny"


@pytest.fixture(scope="module")
def written(tiny_ming) -> Path:
    return tiny_ming()


@pytest.fixture(scope="module")
def served(written) -> Iterator[TinyHub]:
    files = {str(p.relative_to(written)): p.read_bytes() for p in written.rglob("*") if p.is_file()}
    with TinyHub({REPO: files}) as hub:
        yield hub


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch) -> Path:
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.setenv("COLUMNS", "200")
    return tmp_path


@pytest.fixture
def vivavoce(monkeypatch, capsys):
    """Runs the command; gives its exit code and what it printed on stdout and stderr."""

    def run(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["vivavoce", *arguments])
        code = 0
        try:
            cli.main()
        except SystemExit as ended:
            code = int(ended.code or 0)
        return code, *capsys.readouterr()

    return run


def test_list_shows_what_is_shipped_and_what_is_on_the_hub(vivavoce):
    code, out, _ = vivavoce("models", "list")
    assert code == 0
    assert "nano" in out and "16000 Hz" in out
    assert "inclusionAI/Ming-Lite-Omni-1.5" in out and "models download" in out


def test_a_downloaded_model_can_be_verified_and_given_a_voice(vivavoce, served, home):
    code, out, err = vivavoce("models", "download", REPO, "--hub", served.address)
    folder = Path(out.strip())
    assert code == 0 and (folder / "config.json").is_file()
    assert f"{REPO}: 100 % of " in err
    assert not [name for name in IMAGE_GENERATION if (folder / name).exists()]
    assert not list(folder.rglob("*.py"))

    code, out, _ = vivavoce("models", "verify", REPO)
    assert code == 0 and "Ming-Lite-Omni v1.5" in out and "can be served" in out
    assert all(f"memory in {kind}: " in out for kind in ("bf16", "int8", "int4"))

    add = ("voices", "add", "anna", "--wav", str(HELLO), "--text", "hello", "--model", REPO)
    code, out, err = vivavoce(*add)
    assert code == 0, err
    assert (home / "data/vivavoce/voices/somebody--Ming-Tiny/anna.pt").is_file()
    code, out, _ = vivavoce("voices", "list", "--model", REPO)
    assert code == 0 and all(name in out for name in ("anna", "luna_v2", "eng_v2", "hello"))
    code, _, err = vivavoce(*add)
    assert code == 2 and "already; --replace" in err


def test_verify_names_what_is_missing_and_ends_with_one(vivavoce, written, tmp_path):
    folder = Path(shutil.copytree(written, tmp_path / "broken"))
    (folder / "model-00002-of-00003.safetensors").unlink()
    (folder / "talker" / "hift_v2.pt").unlink()
    code, out, _ = vivavoce("models", "verify", str(folder))
    assert code == 1 and "cannot be served" in out
    assert "model-00002-of-00003.safetensors" in out and "hift_v2.pt" in out


def test_verify_knows_nano_too(vivavoce):
    code, out, _ = vivavoce("models", "verify", "nano")
    assert code == 0 and "can be served" in out


def test_a_speaker_file_becomes_a_voice(vivavoce, written, tmp_path):
    folder = Path(shutil.copytree(written, tmp_path / "tiny"))
    speaker = str(folder / "data" / "spks" / "eng_v2.pt")
    code, out, _ = vivavoce("voices", "add", "eng", "--speaker", speaker, "--model", str(folder))
    assert code == 0 and "can speak as eng" in out
    assert (folder / "voices" / "eng.pt").is_file()


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (("models", "download", "gpt"), "choose one of: nano"),
        (("models", "download", "nano"), "nano is part of the package"),
        (("models", "download", REPO, "--hub", "hub.example"), "begins with https://"),
        (("models", "download", REPO, "--hub", "http://127.0.0.1:9"), "cannot be reached"),
        (("models", "verify", "/no/where"), "choose one of: nano"),
        (("models", "verify", REPO), f"vivavoce models download {REPO}"),
        (("voices", "list", "--model", "gpt"), "choose one of: nano"),
        (("voices", "add", "anna"), "--wav FILE --text TEXT"),
        (("voices", "add", "anna", "--wav", "absent.wav", "--text", "x"), "absent.wav"),
        (("voices", "add", "anna", "--wav", str(HELLO), "--text", "x"), "its own voice only"),
        (("serve", "--model", REPO, "--hub", "http://127.0.0.1:9"), "cannot be reached"),
        (("serve", "--device", "cuda", "--no-audio"), "nano takes auto or cpu for model.device"),
        (("serve", "--quantize", "int2"), "model.quantize = 'int2'"),
    ],
)
def test_a_mistake_is_one_sentence_and_exit_code_two(vivavoce, arguments, complaint):
    code, out, err = vivavoce(*arguments)
    assert code == 2 and out == ""
    assert complaint in err and err.startswith("vivavoce: ") and err.count("\n") == 1


@pytest.mark.slow
def test_serve_downloads_its_model_first_and_serves_it_by_its_name(served, home):
    command = [sys.executable, "-c", "from vivavoce.assistant.cli import main; main()", "serve"]
    options = ["--model", REPO, "--hub", served.address, "--no-audio", "--port", "0"]
    with (home / "log").open("w+") as log:
        process = subprocess.Popen(
            [*command, *options],
            env={**os.environ, "HF_HUB_CACHE": str(home / "cache"), "OMP_NUM_THREADS": "1"},
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        )
        try:
            assert process.stdout is not None
            ready = process.stdout.readline()
            log.seek(0)
            assert ready.startswith("ready ws://"), log.read()
            port = ready.split(":")[2].split("/")[0]
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/v1/models", timeout=10) as reply:
                assert [one["id"] for one in json.load(reply)["data"]] == [REPO]
        finally:
            process.terminate()
            process.wait(timeout=20)
    assert f"{REPO}: 100 % of " in (home / "log").read_text()
