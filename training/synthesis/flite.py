"""flite as a C library: samples and the times of words and phones, from the utterance structure.

A word here is a whitespace token of the text: the words flite makes of it (clitics such as
"'s", the parts of "21") are joined. ASCII only: other characters come out as garbage.

The structures follow `cst_wave.h` and `cst_voice.h` of flite 2.2.
"""

from __future__ import annotations

import ctypes
import functools
from dataclasses import dataclass

import numpy as np
import soxr

from .arpabet import as_espeak
from .utterance import RATE_HZ, Utterance

NAMES = ("slt", "rms", "awb", "kal", "kal16")

_CMU = {"ax": "AH", "axr": "ER", "dx": "T", "el": "AH", "em": "M", "en": "N"}
_FIRST_SOUND = b"daughter1.R:SylStructure.daughter1.daughter1.R:Segment.p.end"
_LAST_SOUND = b"daughtern.R:SylStructure.daughtern.daughtern.R:Segment.end"


class _Wave(ctypes.Structure):
    _fields_ = [
        ("type", ctypes.c_char_p),
        ("sample_rate", ctypes.c_int),
        ("num_samples", ctypes.c_int),
        ("num_channels", ctypes.c_int),
        ("samples", ctypes.POINTER(ctypes.c_short)),
    ]


class _VoiceHead(ctypes.Structure):
    _fields_ = [("name", ctypes.c_char_p), ("features", ctypes.c_void_p)]


@dataclass(frozen=True)
class FliteVoice:
    """A flite voice with its prosody.

    Args:
        name: one of NAMES.
        stretch: duration factor; above 1 is slower.
        f0_hz: mean pitch; None keeps the voice's own.
    """

    name: str
    stretch: float = 1.0
    f0_hz: float | None = None


@functools.cache
def _library() -> ctypes.CDLL:
    library = ctypes.CDLL("libflite.so.1", mode=ctypes.RTLD_GLOBAL)
    pointer, text = ctypes.c_void_p, ctypes.c_char_p
    for name, result, arguments in (
        ("flite_synth_text", pointer, [text, pointer]),
        ("utt_wave", ctypes.POINTER(_Wave), [pointer]),
        ("utt_relation", pointer, [pointer, text]),
        ("relation_head", pointer, [pointer]),
        ("item_next", pointer, [pointer]),
        ("item_daughter", pointer, [pointer]),
        ("item_feat_string", text, [pointer, text]),
        ("flite_ffeature_float", ctypes.c_float, [pointer, text]),
        ("feat_set_float", None, [pointer, text, ctypes.c_float]),
        ("feat_present", ctypes.c_int, [pointer, text]),
        ("feat_float", ctypes.c_float, [pointer, text]),
        ("feat_remove", ctypes.c_int, [pointer, text]),
        ("delete_utterance", None, [pointer]),
    ):
        function = getattr(library, name)
        function.restype, function.argtypes = result, arguments
    library.flite_init()
    return library


@functools.cache
def _voice(name: str) -> tuple[int, float, float | None]:
    """The registered voice, its own duration stretch and its own mean pitch, if it names one."""
    if name not in NAMES:
        raise ValueError(f"flite has no voice {name!r}; choose one of {', '.join(NAMES)}")
    library = _library()
    for part in ("usenglish", "cmulex"):
        ctypes.CDLL(f"libflite_{part}.so.1", mode=ctypes.RTLD_GLOBAL)
    register = getattr(ctypes.CDLL(f"libflite_cmu_us_{name}.so.1"), f"register_cmu_us_{name}")
    register.restype, register.argtypes = ctypes.c_void_p, [ctypes.c_char_p]
    address = register(None)
    features = _features(address)

    def own(feature: bytes) -> float | None:
        present = library.feat_present(features, feature)
        return library.feat_float(features, feature) if present else None

    return address, own(b"duration_stretch") or 1.0, own(b"int_f0_target_mean")


def _features(address: int) -> int:
    features: int = ctypes.cast(address, ctypes.POINTER(_VoiceHead)).contents.features
    return features


def _prepared(voice: FliteVoice) -> int:
    """The voice with its prosody: the library keeps what was set last, so all is set each time."""
    library = _library()
    address, own_stretch, own_f0_hz = _voice(voice.name)
    features, f0_hz = _features(address), voice.f0_hz or own_f0_hz
    library.feat_set_float(features, b"duration_stretch", own_stretch * voice.stretch)
    if f0_hz is None:
        library.feat_remove(features, b"int_f0_target_mean")
    else:
        library.feat_set_float(features, b"int_f0_target_mean", f0_hz)
    return address


def speak(text: str, voice: FliteVoice) -> Utterance:
    """Synthesise ASCII `text`; words and phones carry 16 kHz sample times."""
    if not text.isascii():
        raise ValueError(f"flite reads ASCII only, not {text!r}")
    library = _library()
    utterance = library.flite_synth_text(text.encode("ascii"), _prepared(voice))
    try:
        wave = library.utt_wave(utterance).contents
        samples = np.ctypeslib.as_array(wave.samples, (wave.num_samples,)).astype(np.float32)
        pcm = samples / 32768
        if wave.sample_rate != RATE_HZ:
            pcm = soxr.resample(pcm, wave.sample_rate, RATE_HZ, quality="LQ").astype(np.float32)
        return Utterance(pcm, _words(utterance, len(pcm)), as_espeak(_phones(utterance)))
    finally:
        library.delete_utterance(utterance)


def pronounce(word: str) -> list[str]:
    """The phones flite reads an ASCII word with, as CMUdict writes them, without stress."""
    library = _library()
    utterance = library.flite_synth_text(word.encode("ascii"), _voice("kal")[0])
    try:
        phones = [phone for _, phone in _phones(utterance) if phone != "pau"]
        return [_CMU.get(phone, phone.upper()) for phone in phones]
    finally:
        library.delete_utterance(utterance)


def _phones(utterance: int) -> list[tuple[int, str]]:
    """(start sample, name) of every phone, as flite calls them."""
    library, phones, start = _library(), [], 0.0
    segment = library.relation_head(library.utt_relation(utterance, b"Segment"))
    while segment:
        name = library.item_feat_string(segment, b"name").decode("ascii")
        phones.append((round(start * RATE_HZ), name))
        start = library.flite_ffeature_float(segment, b"end")
        segment = library.item_next(segment)
    return phones


def _words(utterance: int, n_samples: int) -> list[tuple[str, int, int]]:
    library, words = _library(), []
    token = library.relation_head(library.utt_relation(utterance, b"Token"))
    while token:
        if library.item_daughter(token):
            start = library.flite_ffeature_float(token, _FIRST_SOUND)
            end = library.flite_ffeature_float(token, _LAST_SOUND)
            name = library.item_feat_string(token, b"name").decode("ascii")
            first, last = (min(n_samples, round(s * RATE_HZ)) for s in (start, end))
            words.append((name, first, last))
        token = library.item_next(token)
    return words
