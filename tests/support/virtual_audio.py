"""A sound card without hardware: PulseAudio in user space, for live tests.

    a test plays at va_mic_in   -> arrives at the daemon's microphone   va_mic
    the daemon plays at va_speaker -> arrives at the referee's ear      va_speaker_mon

va_mic and va_speaker are the system's defaults. PortAudio reaches all four through ALSA's pulse
plug-in. Debian packages: pulseaudio pulseaudio-utils libportaudio2 libasound2-plugins.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from ctypes.util import find_library
from pathlib import Path

RATE_HZ = 48_000

_PULSE = """\
load-module module-native-protocol-unix socket={dir}/native auth-anonymous=1
load-module module-null-sink sink_name=va_speaker rate=48000 channels=1 channel_map=mono
load-module module-null-sink sink_name=va_mic_in rate=48000 channels=1 channel_map=mono
set-default-sink va_speaker
set-default-source va_mic_in.monitor
"""

# Without a "default" device PortAudio aborts the process while it lists devices.
_ALSA = """\
pcm.va_mic         { type pulse; device va_mic_in.monitor }
pcm.va_speaker     { type pulse; device va_speaker }
pcm.va_mic_in      { type pulse; device va_mic_in }
pcm.va_speaker_mon { type pulse; device va_speaker.monitor }
pcm.!default       { type asym; playback.pcm va_speaker; capture.pcm va_mic }
ctl.!default       { type pulse }
"""


def missing() -> str | None:
    """Why there can be no virtual card here; None when there can."""
    absent = [name for name in ("pulseaudio", "parec", "pactl") if shutil.which(name) is None]
    if absent:
        return f"{', '.join(absent)} not installed (apt install pulseaudio pulseaudio-utils)"
    if find_library("portaudio") is None:
        return "PortAudio not installed (apt install libportaudio2 libasound2-plugins)"
    return None


class VirtualCard:
    """A running card. `env` is what a process needs in its environment to see it."""

    def __init__(self) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="virtual-card-"))
        self._processes: list[subprocess.Popen[bytes]] = []
        self.env: Mapping[str, str] = {
            "PULSE_SERVER": f"unix:{self._folder}/native",
            "ALSA_CONFIG_PATH": f"{self._folder}/asound.conf",
        }
        try:
            self._start()
        except Exception:
            self.close()
            raise

    def close(self) -> None:
        """Ends what was started, newest first."""
        for process in reversed(self._processes):
            process.terminate()
            try:
                process.wait(timeout=5)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(timeout=5)
        self._processes.clear()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _start(self) -> None:
        for name in ("home", "state"):
            (self._folder / name).mkdir()
        (self._folder / "card.pa").write_text(_PULSE.format(dir=self._folder))
        (self._folder / "asound.conf").write_text(_ALSA)
        private = {
            "HOME": f"{self._folder}/home",
            "XDG_RUNTIME_DIR": str(self._folder),
            "PULSE_RUNTIME_PATH": str(self._folder),
            "PULSE_STATE_PATH": f"{self._folder}/state",
            "DBUS_SESSION_BUS_ADDRESS": "",
        }
        self._spawn(
            ["pulseaudio", "-n", "-F", f"{self._folder}/card.pa", "--daemonize=no"]
            + ["--use-pid-file=no", "--exit-idle-time=-1", "--disable-shm=yes"]
            + [f"--log-target=file:{self._folder}/pulse.log"],
            private,
        )
        self._wait_for_sinks()
        # A null sink that nobody reads at low latency renders up to two seconds at once, and the
        # next stream starts badly; these readers keep both at 10 ms for the card's whole life.
        for sink in ("va_speaker", "va_mic_in"):
            self._spawn(
                ["parec", f"--device={sink}.monitor", "--rate=48000", "--channels=1"]
                + ["--format=s16le", "--latency-msec=10"],
                {},
            )
        time.sleep(1.0)

    def _spawn(self, command: list[str], extra: Mapping[str, str]) -> None:
        self._processes.append(
            subprocess.Popen(
                command,
                env={**os.environ, **self.env, **extra},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
        )

    def _wait_for_sinks(self) -> None:
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            listed = subprocess.run(
                ["pactl", "list", "short", "sinks"],
                env={**os.environ, **self.env},
                capture_output=True,
                text=True,
                check=False,
            )
            if "va_mic_in" in listed.stdout:
                return
            time.sleep(0.1)
        log = self._folder / "pulse.log"
        raise RuntimeError(f"pulseaudio did not start: {log.read_text() if log.exists() else ''}")


@contextmanager
def seen_by_portaudio(card: VirtualCard) -> Iterator[None]:
    """Lets this process's PortAudio see the card, and nothing else."""
    before = {name: os.environ.get(name) for name in card.env}
    os.environ.update(card.env)
    import sounddevice  # only here: PortAudio reads the environment when it is initialised

    sounddevice._terminate()
    sounddevice._initialize()
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
        sounddevice._terminate()
        sounddevice._initialize()
