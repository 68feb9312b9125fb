"""The devices: whether they are there and open, and where they do, how they sound.

    open -> settle -> a quiet moment -> probe sound -> a sentence -> count what was lost

Everything runs through the very streams, rates and resamplers that a conversation uses.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import numpy as np

from ...streaming.device_listing import try_backend
from ...streaming.devices import (
    BLOCK_SAMPLES,
    DEVICE_HZ,
    Backend,
    DeviceInfo,
    DeviceUnavailable,
    choose,
)
from ...streaming.frames import EMPTY, Frame, Pcm
from ...streaming.probe import Probe, Way
from ...streaming.soundcard import CardReport, SoundCard
from ..garbage import leave_the_loaded_alone
from ..settings import AudioSettings, Config
from ..sound import device_choice
from . import loudness
from .findings import Finding
from .installation import NO_SOUND

RATE_HZ = 16_000  # of the microphone in a conversation
SETTLE_S = 0.7
QUIET_S = 1.5
SPEECH_S = 3.0
LATE_S = 2.0  # what was recorded may come so much after it sounded
N_TRIES = 3
SLOW_S = 0.25  # a round trip beyond this is felt in every answer
LOUD_ECHO_DB = 0.0  # an echo louder than what was handed over drives cancellers into clipping
LATE_SHARE = 0.005  # of the blocks of a direction, or of its samples: less is not heard
FAST_DRIFT_PPM = 300.0  # crystals differ by less; this is a device that loses sound

Say = Callable[[str], None]


@dataclass(frozen=True)
class Wishes:
    """What may be done to the room.

    Args:
        speech: ask for a sentence.
        probe: play the chirps.
    """

    speech: bool = True
    probe: bool = True


@dataclass
class Tape:
    """What the microphone gave since it was opened, 16 kHz."""

    pieces: list[Pcm] = field(default_factory=list)

    def __call__(self, frame: Frame) -> None:
        self.pieces.append(frame.pcm)

    @property
    def n_samples(self) -> int:
        """Samples so far."""
        return sum(len(piece) for piece in list(self.pieces))

    def since(self, start: int) -> Pcm:
        """From that sample on."""
        return np.concatenate([EMPTY, *list(self.pieces)])[start:]


def sound(config: Config, wishes: Wishes, say: Say) -> Iterator[Finding]:
    """One finding after the other, as they are made; `say` tells the person what goes on."""
    audio = config.audio
    if not audio.enabled:
        yield Finding("sound", "skipped", NO_SOUND)
        return
    try:
        backend = try_backend(audio.backend)
        found = backend.devices()
    except DeviceUnavailable as error:
        reason, advice = _reason(error)
        yield Finding("sound library", "problem", reason, advice)
        return
    n = len(found)
    yield Finding("sound library", "ok", f"{backend.name} finds {n or 'no'} devices")
    microphone = _choose("microphone", found, audio.input_device, output=False)
    loudspeaker = _choose("loudspeaker", found, audio.output_device, output=True)
    yield from (microphone, loudspeaker)
    if microphone.state == loudspeaker.state == "ok":
        yield from _measure(config, backend, wishes, say)


def _choose(name: str, found: list[DeviceInfo], wanted: str, *, output: bool) -> Finding:
    setting = "audio.output_device" if output else "audio.input_device"
    try:
        device = choose(found, device_choice(wanted), output=output)
    except DeviceUnavailable as error:
        reason, advice = _reason(error)
        advice = f"{advice} ({setting} is {wanted!r})"
        if not found:
            advice = (
                "connect one; start the sound server (PipeWire, PulseAudio); add this user to the "
                "group audio; or run without sound (--no-audio)"
            )
        return Finding(name, "problem", reason, advice)
    text = f"{device.index}: {device.name} ({device.host})"
    if not wanted:
        text += ", the system's default"
    values = {"index": device.index, "name": device.name, "host": device.host}
    return Finding(name, "ok", text, values=values)


def _reason(error: DeviceUnavailable) -> tuple[str, str]:
    """What is wrong, and what the message itself says to do."""
    reason, _, advice = str(error).partition("; ")
    return reason, advice or "see `vivavoce devices`"


def _measure(config: Config, backend: Backend, wishes: Wishes, say: Say) -> Iterator[Finding]:
    tape, audio = Tape(), config.audio
    leave_the_loaded_alone()  # or its collection makes blocks late while they are counted
    try:
        card = SoundCard(
            backend,
            tape,
            microphone=device_choice(audio.input_device),
            loudspeaker=device_choice(audio.output_device),
            rate_hz=RATE_HZ,
            frame_ms=10,
        )
    except DeviceUnavailable as error:
        reason, advice = _reason(error)
        advice = (
            "a program that has it to itself may be in the way, also our own daemon: stop it and "
            f"try again; {advice}"
        )
        yield Finding("opening", "problem", reason, advice)
        return
    with card:
        card.playout.set_gain(audio.volume_percent / 100)
        say("listening to the room: please be quiet for a moment")
        time.sleep(SETTLE_S)
        settled, since_s = card.report(), time.monotonic()  # what opening loses says nothing
        yield from _sounds(config, card, tape, wishes, say)
        yield _lost(settled, card.report(), time.monotonic() - since_s)


def _sounds(
    config: Config, card: SoundCard, tape: Tape, wishes: Wishes, say: Say
) -> Iterator[Finding]:
    quiet = _taped(tape, tape.n_samples, round(QUIET_S * RATE_HZ))
    if not len(quiet):
        yield Finding(
            "quiet",
            "problem",
            "the microphone is open and gives nothing",
            "unplug it and plug it in again, or restart the sound server",
        )
        return
    yield loudness.quiet(quiet, config.turn.vad)
    if wishes.probe:
        yield from _way(*_probe(card, tape, say), config.audio)
    else:
        yield Finding("echo", "skipped", "no probe sound was played (--silent)")
    if wishes.speech:
        say("now please say a sentence")
        sentence = _taped(tape, tape.n_samples, round(SPEECH_S * RATE_HZ))
        yield loudness.speech(sentence, quiet, config.turn.vad)
    else:
        yield Finding("speech", "skipped", "no sentence was asked for (--no-speech)")


def _probe(card: SoundCard, tape: Tape, say: Say) -> tuple[Way | None, bool]:
    """What the chirps tell, and whether nothing was lost of them; tried again if it was."""
    probe = Probe(RATE_HZ)
    for generation in range(1, N_TRIES + 1):
        say("playing a few soft chirps" + (", once more" if generation > 1 else ""))
        n_lost = _n_lost(card)
        way = probe.analyse(_play(card, tape, generation, probe.sound))
        whole = _n_lost(card) == n_lost and (way is None or way.steady)
        if whole:
            break
    return way, whole


def _play(card: SoundCard, tape: Tape, generation: int, pcm: Pcm) -> Pcm:
    """Plays [n]; gives what came in from that moment on, [n]."""
    start = tape.n_samples
    card.playout.open(generation, RATE_HZ)
    card.playout.write(generation, pcm)
    card.playout.finish(generation)
    recorded = _taped(tape, start, len(pcm))
    return np.pad(recorded, (0, len(pcm) - len(recorded)))


def _taped(tape: Tape, start: int, n: int) -> Pcm:
    """What comes in from sample `start` on, [n]; less where the device gives no more."""
    deadline_s = time.monotonic() + n / RATE_HZ + LATE_S
    while tape.n_samples < start + n and time.monotonic() < deadline_s:
        time.sleep(0.02)
    return tape.since(start)[:n]


def _way(way: Way | None, whole: bool, audio: AudioSettings) -> Iterator[Finding]:
    """What the chirps tell, in words."""
    if way is None:
        yield Finding(
            "echo",
            "ok" if audio.echo == "none" else "warning",
            "the microphone does not hear the loudspeaker",
            "right for a headset (then set audio.echo to none); else turn the loudspeaker up, or "
            "choose the device you hear",
            {"heard": False},
        )
        return
    slow = way.latency_samples > SLOW_S * RATE_HZ
    trip_ms = way.latency_samples * 1000 / RATE_HZ
    yield Finding(
        "round trip",
        "warning" if slow else "ok",
        f"{trip_ms:.0f} ms from a sound handed over to the same sound heard",
        "wireless devices and large buffers cost time: try a cable" if slow else "",
        {"ms": round(trip_ms, 1)},
    )
    too_loud = way.loss_db < LOUD_ECHO_DB
    softer = f"{abs(way.loss_db):.0f} dB {'louder' if too_loud else 'softer'} than it was played"
    above = f"{abs(way.snr_db):.0f} dB {'above' if way.snr_db >= 0 else 'below'} the noise"
    yield Finding(
        "echo",
        "warning" if too_loud else "ok",
        f"comes back {softer}, {above}{'' if whole else '; roughly, for sound was lost'}",
        "turn the loudspeaker or the microphone down, or move them apart" if too_loud else "",
        {"heard": True, "whole": whole, "loss_db": way.loss_db, "snr_db": way.snr_db},
    )
    if whole:
        yield _drift(way.drift_ppm)
    else:
        yield Finding("clock drift", "skipped", "sound was lost while it was measured")


def _drift(ppm: float) -> Finding:
    fast = abs(ppm) > FAST_DRIFT_PPM
    advice = "a device loses sound, or they run at different rates: use one device for both"
    return Finding(
        "clock drift",
        "warning" if fast else "ok",
        f"{ppm:+.0f} ppm of the microphone's clock against the loudspeaker's",
        advice if fast else "",
        {"ppm": round(ppm, 1)},
    )


def _n_lost(card: SoundCard) -> int:
    """Blocks and samples lost so far, and devices; only whether it grows is asked."""
    report = card.report()
    sides = (report.microphone, report.loudspeaker)
    return report.n_lost + report.n_starved + sum(side.n_xruns + side.n_gone for side in sides)


def _lost(settled: CardReport, report: CardReport, measured_s: float) -> Finding:
    """What was lost since the devices had settled, `measured_s` ago."""
    pairs = ((report.microphone, settled.microphone), (report.loudspeaker, settled.loudspeaker))
    late = [now.n_xruns - before.n_xruns for now, before in pairs]
    n_xruns, n_gone = sum(late), sum(now.n_gone - before.n_gone for now, before in pairs)
    n_lost = report.n_lost - settled.n_lost
    n_samples = measured_s * DEVICE_HZ
    share = max(max(late) * BLOCK_SAMPLES, n_lost) / n_samples
    claimed_ms = round(1000 * sum(now.latency_s for now, _ in pairs), 1)
    values: dict[str, object] = {"xruns": n_xruns, "gone": n_gone, "share": round(share, 4)}
    values |= {"lost_samples": n_lost, "claimed_latency_ms": claimed_ms}
    if n_gone:
        text = f"a device went away while it was measured ({n_gone}x)"
        return Finding("lost sound", "problem", text, "check its cable and its power", values)
    text = f"blocks that came late: {n_xruns}; samples that were lost: {n_lost}"
    if share > LATE_SHARE:
        text += f" ({share:.1%} of the sound)"
        advice = "the machine is busy: close other programs, or use a smaller model"
        return Finding("lost sound", "warning", text, advice, values)
    found = f"{text}, too few to matter" if n_xruns or n_lost else "none"
    text = f"{found}; both directions together claim a latency of {claimed_ms:.0f} ms"
    return Finding("lost sound", "ok", text, values=values)
