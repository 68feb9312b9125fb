"""espeak-ng as a C library: samples, word events and phone events in one synchronous call.

One process, one thread: the library keeps its voice and its output in global state. Every
process that calls `speak` loads its own copy on first use.

The structures follow `speak_lib.h` of espeak-ng 1.51.
"""

from __future__ import annotations

import ctypes
import functools
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soxr

from . import speakers
from .utterance import RATE_HZ, Utterance

_SYNCHRONOUS = 2  # espeak_AUDIO_OUTPUT: deliver samples to the callback before Synth returns
_PHONE_EVENTS, _DONT_EXIT = 0x0001, 0x8000  # initialisation options
_UTF8, _END_PAUSE = 0x0001, 0x1000  # synthesis flags
_RATE, _PITCH, _RANGE = 1, 3, 4  # espeak_PARAMETER
_LIST_END, _WORD, _PHONE = 0, 1, 7  # espeak_EVENT_TYPE
_CHARACTER = 1  # espeak_POSITION_TYPE
_NOT_SPOKEN = " \t\n.,;:!?\"'()。，、；：！？“”"


class _Id(ctypes.Union):
    _fields_ = [("number", ctypes.c_int), ("name", ctypes.c_char_p), ("string", ctypes.c_char * 8)]


class _Event(ctypes.Structure):
    _fields_ = [
        ("type", ctypes.c_int),
        ("unique_identifier", ctypes.c_uint),
        ("text_position", ctypes.c_int),
        ("length", ctypes.c_int),
        ("audio_position", ctypes.c_int),
        ("sample", ctypes.c_int),
        ("user_data", ctypes.c_void_p),
        ("id", _Id),
    ]


_Callback = ctypes.CFUNCTYPE(
    ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.POINTER(_Event)
)


@dataclass(frozen=True)
class EspeakVoice:
    """A voice by file name, with its prosody.

    Args:
        file: voice file and variant, such as "gmw/en-US+f3", or "gmw/en-US+speaker17" for one
            of our own speakers.
        rate_wpm: words per minute, 80..450.
        pitch: base pitch, 0..99.
        pitch_range: liveliness of the melody, 0..99.
    """

    file: str
    rate_wpm: int = 175
    pitch: int = 50
    pitch_range: int = 50


class _Engine:
    """The loaded library and what its callback collected for the current text."""

    def __init__(self) -> None:
        self._library = ctypes.CDLL("libespeak-ng.so.1")
        self._chunks: list[np.ndarray] = []
        self._word_events: list[tuple[int, int, int]] = []
        self._phone_events: list[tuple[int, str]] = []
        self._start(None)
        # Again, with the same data and our own speakers.
        self._folder = tempfile.TemporaryDirectory(prefix="vivavoce-espeak-")
        self._variants = speakers.data_folder(self._data_path(), Path(self._folder.name))
        self._library.espeak_Terminate()
        self.rate_hz = self._start(self._folder.name.encode())
        self._callback = _Callback(self._collect)  # must outlive every Synth call
        self._library.espeak_SetSynthCallback(self._callback)
        self._file = ""

    def _start(self, folder: bytes | None) -> int:
        """Load the data in `folder`, or where it is installed; gives the rate in Hz."""
        options = _PHONE_EVENTS | _DONT_EXIT
        rate_hz: int = self._library.espeak_Initialize(_SYNCHRONOUS, 0, folder, options)
        if rate_hz <= 0:
            raise RuntimeError("espeak-ng could not start: is espeak-ng-data installed?")
        return rate_hz

    def _data_path(self) -> Path:
        path = ctypes.c_char_p()
        self._library.espeak_Info(ctypes.byref(path))
        return Path((path.value or b"").decode())

    def _collect(self, samples, n_samples: int, events) -> int:  # type: ignore[no-untyped-def]
        if n_samples > 0:
            self._chunks.append(np.ctypeslib.as_array(samples, (n_samples,)).copy())
        i = 0
        while events[i].type != _LIST_END:
            event = events[i]
            # After many voices every clause ends with a word event at no position.
            if event.type == _WORD and event.text_position > 0:
                self._word_events.append((event.sample, event.text_position - 1, event.length))
            elif event.type == _PHONE:
                phone = bytes(event.id.string).split(b"\0")[0].decode("utf-8", "replace")
                self._phone_events.append((event.sample, phone))
            i += 1
        return 0

    def _load(self, file: str) -> None:
        """Make a voice the current one."""
        number, name = speakers.number_of(file), file
        if number is not None:
            variant = f"{speakers.PREFIX}-{os.getpid()}"  # a forked process has the same folder
            (self._variants / variant).write_text(speakers.describe(number), encoding="ascii")
            name = f"{file.partition('+')[0]}+{variant}"
        if self._library.espeak_SetVoiceByName(name.encode()) != 0:
            raise ValueError(f"espeak-ng has no voice file {file!r}")
        self._file = file

    def pronounce(self, text: str, file: str) -> str:
        """The phone names of a text, as espeak-ng writes them with tones and stress."""
        if file != self._file:
            self._load(file)
        translate = self._library.espeak_TextToPhonemes
        translate.restype = ctypes.c_char_p
        translate.argtypes = [ctypes.POINTER(ctypes.c_void_p), ctypes.c_int, ctypes.c_int]
        buffer = ctypes.create_string_buffer(text.encode("utf-8"))
        left, said = ctypes.c_void_p(ctypes.addressof(buffer)), ""
        while left.value:  # a clause a call
            said += translate(ctypes.byref(left), _UTF8, 0).decode("utf-8", "replace")
        return said

    def run(self, text: str, voice: EspeakVoice) -> tuple[np.ndarray, list, list]:
        """Gives int16 samples at rate_hz, word events and phone events."""
        self._chunks, self._word_events, self._phone_events = [], [], []
        if voice.file != self._file:
            self._load(voice.file)
        for parameter, value in (
            (_RATE, voice.rate_wpm),
            (_PITCH, voice.pitch),
            (_RANGE, voice.pitch_range),
        ):
            self._library.espeak_SetParameter(parameter, value, 0)
        buffer = ctypes.create_string_buffer(text.encode("utf-8"))
        status = self._library.espeak_Synth(
            buffer, len(buffer), 0, _CHARACTER, 0, _UTF8 | _END_PAUSE, None, None
        )
        if status != 0:
            raise RuntimeError(f"espeak-ng failed with status {status}")
        samples = np.concatenate(self._chunks) if self._chunks else np.zeros(0, np.int16)
        return samples, self._word_events, self._phone_events


@functools.cache
def _engine() -> _Engine:
    return _Engine()


def pronounce(text: str, file: str) -> str:
    """How a voice file reads a text: espeak-ng's phone names, such as "X'Au214_|" for 好."""
    return _engine().pronounce(text, file)


def speak(text: str, voice: EspeakVoice) -> Utterance:
    """Synthesise `text`; words and phones carry 16 kHz sample times."""
    engine = _engine()
    samples, word_events, phone_events = engine.run(text, voice)
    pcm = soxr.resample(samples.astype(np.float32) / 32768, engine.rate_hz, RATE_HZ, quality="LQ")
    scale = RATE_HZ / engine.rate_hz
    end = min(len(pcm), round(_last_sound(phone_events, len(samples)) * scale))
    phones = [
        (min(round(sample * scale), len(pcm)), phone or "_") for sample, phone in phone_events
    ]
    return Utterance(pcm.astype(np.float32), _words(text, word_events, scale, end), phones)


def _last_sound(phone_events: list[tuple[int, str]], n_samples: int) -> int:
    """The sample where the final pause starts."""
    end = n_samples
    for sample, phone in reversed(phone_events):
        if phone.strip("_:;"):
            break
        end = sample
    return end


def _words(
    text: str, events: list[tuple[int, int, int]], scale: float, end: int
) -> list[tuple[str, int, int]]:
    """Word events to (word, start, end); a word ends where the next one starts."""
    # One event may cover more than its length says ("it" of "it's", "in" of "in the").
    stops = [at for _, at, _ in events[1:]] + [len(text)]
    found = [
        (text[at:stop].strip(_NOT_SPOKEN), round(sample * scale))
        for (sample, at, _), stop in zip(events, stops, strict=True)
    ]
    found = [(word, start) for word, start in found if word]
    ends = [start for _, start in found[1:]] + [end]
    return [
        (word, start, max(start, stop)) for (word, start), stop in zip(found, ends, strict=True)
    ]
