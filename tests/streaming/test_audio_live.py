"""The sound card for real: PortAudio on a virtual card, with a second card as referee.

Figures depend on the machine. A trial in which the virtual card ran dry or over says nothing of
ours: it is repeated. A figure may be missed, and what a trial asserts may fail, three times at
most; on a machine that is busy with other work (load above 4), or that never lets the card run, it
is reported and not held against us.
"""

from __future__ import annotations

import itertools
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import numpy as np
import pytest

from tests.streaming.sounds import human, tone
from tests.streaming.test_vad import KINDS
from tests.support import virtual_audio
from vivavoce.streaming.device_pyaudio import PyAudioBackend
from vivavoce.streaming.devices import BLOCK_SAMPLES, Backend, make_backend
from vivavoce.streaming.endpoint import SpeechDetector, SpeechStarted
from vivavoce.streaming.frames import Frame, Pcm
from vivavoce.streaming.resample import resample
from vivavoce.streaming.soundcard import SoundCard
from vivavoce.streaming.vad import make_vad

pytestmark = [
    pytest.mark.audio_live,
    pytest.mark.skipif(virtual_audio.missing() is not None, reason=str(virtual_audio.missing())),
]

RATE_HZ = virtual_audio.RATE_HZ
SETTLE_S = 2.2  # after opening, before time stamps are relied on
BUSY = 4.0
MOST_MISSES, MOST_VOID = 3, 8  # trials
CALM_S = 1.0  # after a void trial


@pytest.fixture(scope="module", params=["sounddevice", "pyaudio"])
def backend(request: pytest.FixtureRequest) -> Iterator[Backend]:
    pytest.importorskip(request.param)
    card = virtual_audio.VirtualCard()
    try:
        with virtual_audio.seen_by_portaudio(card):
            made = make_backend(request.param)
            yield made
            if isinstance(made, PyAudioBackend):  # or PortAudio knows this card's devices for ever
                made._host.terminate()
    finally:
        card.close()


@dataclass
class Ear:
    """Keeps the frames it hears, with the moment each came in."""

    frames: list[Frame] = field(default_factory=list)
    came_s: list[float] = field(default_factory=list)

    def __call__(self, frame: Frame) -> None:
        self.came_s.append(time.monotonic())
        self.frames.append(frame)

    def sound(self) -> Pcm:
        return np.concatenate([frame.pcm for frame in list(self.frames)])


@dataclass
class Stage:
    """The daemon's card, and the referee's: its voice at the microphone, its ear at the speaker."""

    daemon: SoundCard
    referee: SoundCard
    ear: Ear

    @property
    def cards(self) -> tuple[SoundCard, ...]:
        """Both, for `measure`."""
        return self.daemon, self.referee


@pytest.fixture
def on_stage(backend: Backend) -> Iterator[Callable[[Callable[[Frame], None]], Stage]]:
    opened: list[SoundCard] = []

    def open_both(on_frame: Callable[[Frame], None]) -> Stage:
        ear = Ear()
        daemon = SoundCard(backend, on_frame, microphone="va_mic", loudspeaker="va_speaker")
        opened.append(daemon)
        referee = SoundCard(
            backend,
            ear,
            microphone="va_speaker_mon",
            loudspeaker="va_mic_in",
            rate_hz=RATE_HZ,
            frame_ms=10,
        )
        opened.append(referee)
        time.sleep(SETTLE_S)
        return Stage(daemon, referee, ear)

    yield open_both
    for card in opened:
        card.close()


def measure(
    cards: tuple[SoundCard, ...], trial: Callable[[], dict[str, float]], limits: dict[str, float]
) -> None:
    """Holds each figure of a trial on these cards to its limit, as the module says."""
    reports: list[str] = []
    n_misses = n_void = 0
    while n_misses < MOST_MISSES and n_void < MOST_VOID:
        load, n_before = os.getloadavg()[0], n_lost(cards)
        try:
            figures: object = (found := trial())
            held = all(found[name] <= limit for name, limit in limits.items())
        except AssertionError as error:  # what a card that stalls can cause as well
            figures, held = error, False
        n_xruns = n_lost(cards) - n_before
        reports.append(f"load {load:.1f}, {n_xruns} xruns: {figures}")
        print(reports[-1])
        if held:
            return
        if n_xruns:
            n_void += 1
            time.sleep(CALM_S)
        else:
            n_misses += 1
    verdict = f"missed {limits}: {'; '.join(reports)}"
    if n_misses < MOST_MISSES:
        pytest.skip(f"this machine does not keep a virtual card running, {verdict}")
    if load > BUSY:
        pytest.skip(f"not held against a busy machine, {verdict}")
    pytest.fail(verdict)


def n_lost(cards: tuple[SoundCard, ...]) -> int:
    """Blocks that any stream of the cards lost or missed so far."""
    return sum(card.n_underflows + card.n_overflows for card in cards)


def lag(recorded: Pcm, reply: Pcm) -> int:
    """Where in the recording the reply begins, by its correlation with it."""
    size = 1 << (len(recorded) + len(reply)).bit_length()
    spectrum = np.fft.rfft(recorded, size) * np.conj(np.fft.rfft(reply, size))
    return int(np.argmax(np.fft.irfft(spectrum, size)[: len(recorded)]))


def speak(card: SoundCard, pcm: Pcm, generation: int) -> None:
    card.playout.open(generation, RATE_HZ)
    card.playout.write(generation, pcm)
    card.playout.finish(generation)


def hiss(seconds: float, seed: int) -> Pcm:
    generator = np.random.default_rng(seed)
    return (generator.normal(size=round(seconds * RATE_HZ)) * 0.1).clip(-1, 1).astype(np.float32)


def test_every_sample_arrives_and_the_clock_of_what_was_heard_is_right(on_stage):
    """5 s of noise: nothing lost, and `heard` names the sample that the referee's ear has."""
    stage = on_stage(lambda frame: None)
    turn = itertools.count(1)

    def trial() -> dict[str, float]:
        generation, reply = next(turn), hiss(5.0, 7)
        first_frame, claims = len(stage.ear.frames), []
        speak(stage.daemon, reply, generation)
        while (heard := stage.daemon.playout.heard(generation)) < len(reply):
            claims.append((stage.daemon.playout.now_s(), heard))
            time.sleep(0.05)
        time.sleep(0.2)
        start = stage.ear.frames[first_frame].start
        recorded = stage.ear.sound()[start:]
        begin = lag(recorded, reply[:RATE_HZ])
        assert begin + len(reply) <= len(recorded), "the ear has not heard all of it yet"
        lost = np.abs(recorded[begin : begin + len(reply)] - reply) > 0.01
        zero_s = stage.referee.capture.time_of(start + begin)
        middle = [(t, h) for t, h in claims if 0 < h < len(reply)]
        assert zero_s is not None and middle
        errors = [abs(h - (t - zero_s) * RATE_HZ) * 1000 / RATE_HZ for t, h in middle]
        return {
            "samples that differ": int(lost.sum()),
            "median error of heard, ms": round(float(np.median(errors)), 2),
            "worst error of heard, ms": round(max(errors), 2),
        }

    limits = {"samples that differ": 0, "median error of heard, ms": 5}
    measure(stage.cards, trial, {**limits, "worst error of heard, ms": 30})


def test_a_pause_costs_no_sample(on_stage):
    stage = on_stage(lambda frame: None)
    turn = itertools.count(1)

    def trial() -> dict[str, float]:
        reply, first_frame = hiss(1.0, 9), len(stage.ear.frames)
        speak(stage.daemon, reply, next(turn))
        time.sleep(0.3)
        stage.daemon.playout.pause()
        time.sleep(0.3)
        stage.daemon.playout.resume()
        time.sleep(1.0)
        recorded = stage.ear.sound()[stage.ear.frames[first_frame].start :]
        head, tail = reply[: RATE_HZ // 5], reply[-RATE_HZ // 5 :]
        inserted = lag(recorded, tail) - lag(recorded, head) - (len(reply) - len(tail))
        odd = inserted % BLOCK_SAMPLES  # the device pauses by whole blocks
        return {
            "samples lost or repeated": min(odd, BLOCK_SAMPLES - odd),
            "pause off by, ms": abs(inserted * 1000 / RATE_HZ - 300),
        }

    measure(stage.cards, trial, {"samples lost or repeated": 0, "pause off by, ms": 60})


def test_round_trip_through_both_directions(on_stage):
    """From handing a click to the loudspeaker until the microphone's frame holds it."""
    stage = on_stage(lambda frame: None)
    turn = itertools.count(1)

    def trial() -> dict[str, float]:
        trips_ms = []
        for _ in range(8):
            n_before, wrote_s = len(stage.ear.frames), time.monotonic()
            speak(stage.daemon, tone(0.01, 1000, RATE_HZ), next(turn))
            time.sleep(0.15)
            loud = (
                came_s
                for frame, came_s in zip(
                    stage.ear.frames[n_before:], stage.ear.came_s[n_before:], strict=False
                )
                if np.abs(frame.pcm).max() > 0.1
            )
            trips_ms.append((next(loud, wrote_s + 1) - wrote_s) * 1000)
        return {"median round trip, ms": round(float(np.median(trips_ms)), 1)}

    measure(stage.cards, trial, {"median round trip, ms": 80})
    stage.daemon.close()
    assert stage.daemon.playout.heard(1) == 480, "a closed card still knows what was heard"


@pytest.mark.parametrize("kind", KINDS)
def test_a_voice_silences_the_reply(on_stage, kind):
    """A man begins to speak over a reply; the speech detector stops it, sample-true."""
    detector = SpeechDetector(make_vad(kind))
    triggers: list[float] = []
    busy_s: list[float] = []
    heard_frames: list[Frame] = []
    stage: Stage | None = None

    def on_frame(frame: Frame) -> None:
        heard_frames.append(frame)
        for event in detector.feed(frame.pcm):
            if isinstance(event, SpeechStarted) and stage is not None:
                stage.daemon.playout.stop()
                triggers.append(stage.daemon.playout.now_s())
        busy_s.append(time.thread_time())

    stage = on_stage(on_frame)
    turn = itertools.count(1)
    voice = resample(human()[6000:16_000], 16_000, RATE_HZ) * 2
    shares: list[float] = []

    def trial() -> dict[str, float]:
        generation, n_triggers = next(turn), len(triggers)
        began = stage.daemon.playout.now_s()
        first, first_busy = len(heard_frames), len(busy_s) - 1
        first_ear = len(stage.ear.frames)
        speak(stage.daemon, tone(3.0, 440, RATE_HZ), generation)
        time.sleep(0.3)
        speak(stage.referee, voice, generation)
        time.sleep(2.0)
        assert triggers[n_triggers:], "the voice was not heard"
        taken = np.concatenate([frame.pcm for frame in heard_frames[first:]])
        onset = heard_frames[first].start + int(np.argmax(np.abs(taken) > np.abs(taken).max() / 10))
        onset_s = stage.daemon.capture.time_of(onset) or 0.0
        ear_start = stage.ear.frames[first_ear].start
        loud = np.flatnonzero(np.abs(stage.ear.sound()[ear_start:]) > 0.02)
        assert len(loud), "the reply was not heard"
        silent_s = stage.referee.capture.time_of(ear_start + int(loud[-1]) + 1) or 0.0
        shares.append((busy_s[-1] - busy_s[first_busy]) / (0.02 * (len(heard_frames) - first)))
        assert began < onset_s < silent_s
        return {
            "trigger after onset, ms": round((triggers[n_triggers] - onset_s) * 1000),
            "silence after trigger, ms": round((silent_s - triggers[n_triggers]) * 1000),
            "silence after onset, ms": round((silent_s - onset_s) * 1000),
            "DSP thread, % of a core": round(shares[-1] * 100, 2),
        }

    limits = {"silence after trigger, ms": 80, "silence after onset, ms": 250}
    measure(stage.cards, trial, {**limits, "DSP thread, % of a core": 10})
