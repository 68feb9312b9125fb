"""A sound card without hardware: PulseAudio in user space, for live tests.

    a test plays at va_mic_in   -> arrives at the daemon's microphone   va_mic
    the daemon plays at va_speaker -> arrives at the referee's ear      va_speaker_mon

va_mic and va_speaker are the system's defaults. PortAudio reaches all four through ALSA's pulse
plug-in. With `halves` each direction has a sound server of its own and can be unplugged alone.
Debian packages: pulseaudio pulseaudio-utils libportaudio2 libasound2-plugins.
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
from typing import Literal

import numpy as np
import numpy.typing as npt

RATE_HZ = 48_000
Half = Literal["speaker", "microphone"]
_SINKS: dict[Half, str] = {"speaker": "va_speaker", "microphone": "va_mic_in"}
_CHANNELS = ["--rate=48000", "--channels=1", "--format=s16le"]

# Without a "default" device PortAudio aborts the process while it lists devices.
_ALSA = """\
pcm.va_mic         {{ type pulse; server "{microphone}"; device va_mic_in.monitor }}
pcm.va_speaker     {{ type pulse; server "{speaker}"; device va_speaker }}
pcm.va_mic_in      {{ type pulse; server "{microphone}"; device va_mic_in }}
pcm.va_speaker_mon {{ type pulse; server "{speaker}"; device va_speaker.monitor }}
pcm.!default       {{ type asym; playback.pcm va_speaker; capture.pcm va_mic }}
ctl.!default       {{ type pulse }}
"""


def missing() -> str | None:
    """Why there can be no virtual card here; None when there can."""
    wanted = ("pulseaudio", "parec", "pacat", "pactl")
    absent = [name for name in wanted if shutil.which(name) is None]
    if absent:
        return f"{', '.join(absent)} not installed (apt install pulseaudio pulseaudio-utils)"
    if find_library("portaudio") is None:
        return "PortAudio not installed (apt install libportaudio2 libasound2-plugins)"
    return None


class SoundServer:
    """One PulseAudio with null sinks, which can be stopped and started again."""

    def __init__(self, folder: Path, sinks: list[str]) -> None:
        self.address = f"unix:{folder}/native"
        self._folder = folder
        self._sinks = sinks
        self._processes: list[subprocess.Popen[bytes]] = []
        for name in ("home", "state"):
            (folder / name).mkdir(parents=True)
        null_sinks = (
            f"load-module module-null-sink sink_name={sink} rate=48000 channels=1 channel_map=mono"
            for sink in sinks
        )
        listening = f"load-module module-native-protocol-unix socket={folder}/native"
        defaults = (f"set-default-sink {sinks[0]}", f"set-default-source {sinks[-1]}.monitor")
        script = [f"{listening} auth-anonymous=1", *null_sinks, *defaults]
        (folder / "card.pa").write_text("\n".join(script) + "\n")

    def start(self) -> None:
        """Runs it until `stop`; comes back when its sinks are there."""
        private = {
            "HOME": f"{self._folder}/home",
            "XDG_RUNTIME_DIR": str(self._folder),
            "PULSE_RUNTIME_PATH": str(self._folder),
            "PULSE_STATE_PATH": f"{self._folder}/state",
            "DBUS_SESSION_BUS_ADDRESS": "",
        }
        self.spawn(
            ["pulseaudio", "-n", "-F", f"{self._folder}/card.pa", "--daemonize=no"]
            + ["--use-pid-file=no", "--exit-idle-time=-1", "--disable-shm=yes"]
            + [f"--log-target=file:{self._folder}/pulse.log"],
            private,
        )
        self._wait_for_sinks()
        # A null sink that nobody reads at low latency renders up to two seconds at once, and the
        # next stream starts badly; these readers keep each at 10 ms as long as the server runs.
        for sink in self._sinks:
            self.spawn(["parec", f"--device={sink}.monitor", *_CHANNELS, "--latency-msec=10"])

    def stop(self) -> None:
        """Ends what was started, newest first."""
        for process in reversed(self._processes):
            process.terminate()
            try:
                process.wait(timeout=5)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(timeout=5)
        self._processes.clear()

    def spawn(self, command: list[str], extra: Mapping[str, str] | None = None) -> None:
        """A client of this server, ended with it."""
        self._processes.append(
            subprocess.Popen(
                command,
                env={**os.environ, "PULSE_SERVER": self.address, **(extra or {})},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
        )

    def control(self, *command: str) -> str:
        """What pactl answers."""
        asked = subprocess.run(
            ["pactl", *command],
            env={**os.environ, "PULSE_SERVER": self.address},
            capture_output=True,
            text=True,
            check=False,
        )
        return asked.stdout

    def _wait_for_sinks(self) -> None:
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            if self._sinks[-1] in self.control("list", "short", "sinks"):
                return
            time.sleep(0.1)
        log = self._folder / "pulse.log"
        raise RuntimeError(f"pulseaudio did not start: {log.read_text() if log.exists() else ''}")


class VirtualCard:
    """A running card. `env` is what a process needs in its environment to see it.

    Args:
        halves: microphone and loudspeaker can be unplugged alone.
        echo_ms: the loudspeaker is heard by the microphone, about so much later.
        echo_percent: how loud, as PulseAudio counts volume.
        unplugged: halves that are not there from the beginning.
    """

    def __init__(
        self,
        *,
        halves: bool = False,
        echo_ms: int | None = None,
        echo_percent: int = 50,
        unplugged: tuple[Half, ...] = (),
    ) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="virtual-card-"))
        self._n_said = 0
        if halves:
            self._servers = {
                half: SoundServer(self._folder / half, [sink]) for half, sink in _SINKS.items()
            }
        else:
            server = SoundServer(self._folder / "both", list(_SINKS.values()))
            self._servers = {"speaker": server, "microphone": server}
        addresses = {half: server.address for half, server in self._servers.items()}
        (self._folder / "asound.conf").write_text(_ALSA.format(**addresses))
        self.env: Mapping[str, str] = {
            "PULSE_SERVER": addresses["speaker"],
            "ALSA_CONFIG_PATH": f"{self._folder}/asound.conf",
        }
        try:
            for half in ("speaker", "microphone") if halves else ("speaker",):
                if half not in unplugged:
                    self._servers[half].start()
            if echo_ms is not None:
                self._let_the_microphone_hear(echo_ms, echo_percent)
            time.sleep(1.0)
        except Exception:
            self.close()
            raise

    def unplug(self, half: Half) -> None:
        """Takes away the server behind it, and with it what else it serves."""
        self._servers[half].stop()

    def plug_in(self, half: Half) -> None:
        """Brings it back."""
        self._servers[half].start()

    def say(self, pcm: npt.NDArray[np.float32]) -> None:
        """Begins to play [n] at 48 kHz where the microphone hears it; comes back at once."""
        server = self._servers["microphone"]
        self._n_said += 1
        path = self._folder / f"said-{self._n_said}.raw"
        path.write_bytes((pcm * 32767).astype("<i2").tobytes())
        device = f"--device={_SINKS['microphone']}"
        server.spawn(["pacat", "--playback", "--raw", device, *_CHANNELS, str(path)])

    def suspend(self, half: Half, suspended: bool) -> None:
        """Lets a direction stall: it is there, and no sound comes or goes."""
        self._servers[half].control("suspend-sink", _SINKS[half], "1" if suspended else "0")

    def close(self) -> None:
        """Ends what was started."""
        for server in self._servers.values():
            server.stop()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _let_the_microphone_hear(self, echo_ms: int, echo_percent: int) -> None:
        server = self._servers["speaker"]
        way = [f"source={_SINKS['speaker']}.monitor", f"sink={_SINKS['microphone']}"]
        still = ["source_dont_move=1", "sink_dont_move=1"]
        latency = f"latency_msec={echo_ms}"
        server.control("load-module", "module-loopback", *way, latency, *still)
        time.sleep(0.5)
        stream = ""
        for line in server.control("list", "sink-inputs").splitlines():
            if line.startswith("Sink Input #"):
                stream = line.partition("#")[2].strip()
            elif "module-loopback" in line and "Driver" in line:
                server.control("set-sink-input-volume", stream, f"{echo_percent}%")
                return
        raise RuntimeError("the echo's way was not made")


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
