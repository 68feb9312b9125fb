"""The same through a sound card: the real daemon on PulseAudio, in real time.

    a person  -> va_mic_in --+-> daemon's microphone
                             |
    va_speaker <- daemon     |
        '---- echo, 30 ms ---'

Two recorders listen at both ends and stamp what they get by one clock. Whatever lies between the
first sample of a voice and the last of the reply is counted: both devices, resampling, threads,
and the model in its own time.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from benchmarks.latency.report import Figure
from benchmarks.latency.timing import percentile
from tests.support import virtual_audio
from vivavoce.assistant.errors import UserError
from vivavoce.streaming.acoustics import active_dbfs
from vivavoce.streaming.devices import DEVICE_HZ
from vivavoce.streaming.frames import Pcm
from vivavoce.streaming.levels import dbfs
from vivavoce.streaming.resample import resample
from vivavoce.streaming.wavfile import read_wav

from .voices import REPO, Recording

PART = "through the virtual sound card"
ECHO_MS, ECHO_PERCENT = 30, 60  # PulseAudio counts volume as the cube root: 60 % is -13 dB
QUESTION_DBFS, ABOVE_ECHO_DB = -24.0, 6.0
SOUNDS_DBFS = -55.0
FRAME = DEVICE_HZ // 100
READY_S, REPLY_S, GONE_S = 120.0, 12.0, 1.0
EARLIEST_S = 0.9


@dataclass
class CardRun:
    """What came of it.

    Args:
        silence_ms: from the first sample of an interruption to the last sound of the reply.
        n_missed: interruptions after which the reply spoke on.
        spoken_s: length of the replies that nobody interrupted.
        n_false: barge-ins in those.
    """

    silence_ms: list[float] = field(default_factory=list)
    n_missed: int = 0
    spoken_s: float = 0.0
    n_false: int = 0


class Ear(threading.Thread):
    """Records one end of the card, with the time of its samples."""

    def __init__(self, card: virtual_audio.VirtualCard, sink: str) -> None:
        super().__init__(name=f"ear-{sink}", daemon=True)
        self._process = subprocess.Popen(
            ["parec", f"--device={sink}.monitor", f"--rate={DEVICE_HZ}", "--channels=1"]
            + ["--format=s16le", "--latency-msec=10"],
            env={**os.environ, **card.env},
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        self._chunks: list[bytes] = []
        self._n_bytes = 0
        self._zero_s = float("inf")
        self.start()

    def run(self) -> None:
        assert self._process.stdout is not None
        while chunk := os.read(self._process.stdout.fileno(), 4096):
            self._n_bytes += len(chunk)
            # the chunk that was delayed least says when sample 0 was
            zero_s = time.monotonic() - self._n_bytes / 2 / DEVICE_HZ
            self._zero_s = min(self._zero_s, zero_s)
            self._chunks.append(chunk)

    def close(self) -> None:
        self._process.terminate()
        self._process.wait(timeout=5)
        self.join(timeout=5)

    def since(self, time_s: float) -> Pcm:
        """All from `time_s` (monotonic) on."""
        whole = np.frombuffer(b"".join(self._chunks), dtype="<i2").astype(np.float32) / 32768
        return whole[max(round((time_s - self._zero_s) * DEVICE_HZ), 0) :]

    def sounds(self, within_s: float = 0.1) -> bool:
        """Whether there was sound just now."""
        return bool(dbfs(self.since(time.monotonic() - within_s)) > SOUNDS_DBFS)


class Stage:
    """The daemon, the card and both ears."""

    def __init__(self, card: virtual_audio.VirtualCard, url: str) -> None:
        self.card = card
        self.speaker, self.microphone = Ear(card, "va_speaker"), Ear(card, "va_mic_in")
        self._url = url

    def close(self) -> None:
        self.speaker.close()
        self.microphone.close()

    def count(self, name: str) -> float:
        """One of the daemon's counters."""
        address = self._url.replace("ws://", "http://").partition("/v1")[0] + "/metrics"
        with urllib.request.urlopen(address, timeout=10) as answer:
            lines = answer.read().decode().splitlines()
        return sum(float(line.split()[-1]) for line in lines if line.startswith(f"vivavoce_{name}"))

    def ask(self, question: Recording) -> bool:
        """Ask, and wait until the reply sounds."""
        self._until(lambda: not self.speaker.sounds(GONE_S), REPLY_S)
        self.card.say(at_level(question, QUESTION_DBFS))
        time.sleep(question.voiced_s)
        return self._until(self.speaker.sounds, REPLY_S)

    def listen(self) -> float:
        """Wait until the reply is over; how long it was, seconds."""
        began_s = time.monotonic()
        self._until(lambda: not self.speaker.sounds(GONE_S), 3 * REPLY_S)
        return time.monotonic() - began_s - GONE_S

    def interrupt(self, voice: Recording, level_dbfs: float) -> float | None:
        """Speak over the reply; ms until it was silent for good, None when it spoke on."""
        told_s = time.monotonic()
        sound = at_level(voice, level_dbfs)
        self.card.say(sound)
        time.sleep(voice.voiced_s + 1.0)
        heard = self.microphone.since(told_s - 0.2)
        first_s = _found_at(heard, sound) / DEVICE_HZ - 0.2
        frames = self.speaker.since(told_s + first_s)[: int((voice.voiced_s + 0.2) * DEVICE_HZ)]
        loud = [i for i in range(len(frames) // FRAME) if _level(frames, i) > SOUNDS_DBFS]
        over = not loud or (loud[-1] + 1) * FRAME < len(frames) - DEVICE_HZ // 4
        return 10.0 * (loud[-1] + 1 if loud else 0) if over else None

    @staticmethod
    def _until(condition: Callable[[], bool], within_s: float) -> bool:
        limit_s = time.monotonic() + within_s
        while not condition() and time.monotonic() < limit_s:
            time.sleep(0.02)
        return condition()


def hold(n: int, preset: str) -> CardRun:
    """`n` replies that nobody interrupts, and `n` that somebody does.

    Raises:
        UserError: there can be no virtual card here, or the daemon does not start.
    """
    if (why := virtual_audio.missing()) is not None:
        raise UserError(f"There is no virtual sound card: {why}.")
    run, question, voices = CardRun(), _demo("joke"), [_demo("kitchen"), _demo("sum")]
    with _stage(preset) as stage:
        for _ in range(n):
            before = stage.count("barge_ins_total")
            if stage.ask(question):
                run.spoken_s += stage.listen()
                run.n_false += round(stage.count("barge_ins_total") - before)
        for index in range(n):
            if not stage.ask(question):
                continue
            began_s = time.monotonic()
            time.sleep(EARLIEST_S)
            echo_dbfs = active_dbfs(stage.microphone.since(began_s), DEVICE_HZ)
            found = stage.interrupt(voices[index % 2], echo_dbfs + ABOVE_ECHO_DB)
            if found is None:
                run.n_missed += 1
            else:
                run.silence_ms.append(found)
            stage.listen()
    return run


def figures(run: CardRun) -> list[Figure]:
    """What is told of it; the machine's speed has a part in these."""
    n = len(run.silence_ms) + run.n_missed
    caught = 100 * sum(ms <= 1000 for ms in run.silence_ms) / n if n else float("nan")
    return [
        Figure(PART, "own speech", run.spoken_s, "s"),
        Figure(PART, "false barge-ins in it", run.n_false, "", 0.0),
        Figure(PART, "people who interrupted", n, "people"),
        Figure(PART, "silent for good within 1 s", caught, "%", None, 95.0),
        Figure(PART, "first sample → silence, all devices, p50", percentile(run.silence_ms, 50)),
        Figure(PART, "first sample → silence, all devices, p95", percentile(run.silence_ms, 95)),
    ]


@contextlib.contextmanager
def _stage(preset: str) -> Iterator[Stage]:
    card = virtual_audio.VirtualCard(echo_ms=ECHO_MS, echo_percent=ECHO_PERCENT)
    try:
        with _daemon(card, preset) as url:
            stage = Stage(card, url)
            try:
                time.sleep(3.0)  # stamps settle, and the ears get their first sound
                yield stage
            finally:
                stage.close()
    finally:
        card.close()


@contextlib.contextmanager
def _daemon(card: virtual_audio.VirtualCard, preset: str) -> Iterator[str]:
    """`vivavoce serve` on the card; gives its address."""
    settings = {
        "VIVAVOCE_BARGE_IN__MODE": preset,
        "VIVAVOCE_AUDIO__INPUT_DEVICE": "va_mic",
        "VIVAVOCE_AUDIO__OUTPUT_DEVICE": "va_speaker",
        "VIVAVOCE_LOG__LEVEL": "warning",
    }
    command = [sys.executable, "-m", "vivavoce.assistant.cli", "serve", "--port", "0"]
    with tempfile.TemporaryFile("w+", encoding="utf-8") as log:
        process = subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=log,
            env={**os.environ, **card.env, **settings},
        )
        try:
            assert process.stdout is not None
            word, _, url = process.stdout.readline().decode().strip().partition(" ")
            if word != "ready":
                log.seek(0)
                last = (log.read().strip().splitlines() or ["no word"])[-1]
                raise UserError(f"The daemon did not start: {last}")
            yield url
        finally:
            process.terminate()
            process.wait(timeout=20)


def _demo(name: str) -> Recording:
    pcm, rate_hz = read_wav(REPO / f"demo/voices/{name}.wav")
    return Recording.of(name, pcm, rate_hz)


def at_level(recording: Recording, level_dbfs: float) -> Pcm:
    """A recording for the card, [n] at 48 kHz."""
    sound = recording.sound
    gain = 10 ** ((level_dbfs - active_dbfs(sound, DEVICE_HZ)) / 20)
    return np.clip(sound * np.float32(gain), -1.0, 1.0)


def _found_at(heard: Pcm, sound: Pcm) -> int:
    """Where in `heard` a sound begins: the peak of their correlation, at 16 kHz precision."""
    low = [resample(pcm, DEVICE_HZ, 16_000) for pcm in (heard, sound)]
    size = 1 << (len(low[0]) + len(low[1])).bit_length()
    spectra = [np.fft.rfft(pcm, size) for pcm in low]
    matched = np.fft.irfft(spectra[0] * np.conj(spectra[1]), size)[: len(low[0])]
    return 3 * int(np.argmax(matched))


def _level(frames: Sequence[float] | Pcm, index: int) -> float:
    return dbfs(np.asarray(frames[index * FRAME : (index + 1) * FRAME], dtype=np.float32))
