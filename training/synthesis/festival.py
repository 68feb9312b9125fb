"""festival as one process that is asked in Scheme: samples and the times of words and phones.

`ked` is a speaker that flite has not, from diphones; `hts` is flite's slt, made statistically and
so of another sound. It is optional: voices.py draws from it where `available()`.

    (utt.synth (Utterance Text "turn on the light")) -> a WAV file, and lines
    W turn 0.220 0.458      word, start and end in seconds
    P t 0.294               phone and its end
    DONE
"""

from __future__ import annotations

import functools
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import scipy.io.wavfile
import soxr

from .arpabet import as_espeak
from .utterance import RATE_HZ, Utterance

_VOICES = {"ked": "voice_ked_diphone", "hts": "voice_cmu_us_slt_arctic_hts"}
_PLACES = {"ked": "english/ked_diphone", "hts": "us/cmu_us_slt_arctic_hts"}
NAMES = tuple(_VOICES)
_FOLDER = Path("/usr/share/festival/voices")
_SETUP = """
(define (vv_end item) (item.feat item "R:SylStructure.daughtern.daughtern.R:Segment.end"))
(define (vv_start item)
  (item.feat item "R:SylStructure.daughter1.daughter1.R:Segment.segment_start"))
(define (vv_show token)
  (let ((words (item.daughters token)))
    (if words (format t "W %s %f %f\\n" (item.name token) (vv_start (car words))
                      (vv_end (car (last words)))))))
(define (vv_phone segment)
  (format t "P %s %f\\n" (item.name segment) (item.feat segment "end")))
"""


@dataclass(frozen=True)
class FestivalVoice:
    """A festival voice with its prosody.

    Args:
        name: one of NAMES.
        stretch: duration factor; above 1 is slower. "hts" keeps its own.
        f0_hz: mean pitch; "hts" keeps its own.
    """

    name: str
    stretch: float = 1.0
    f0_hz: float = 105.0


@functools.cache
def available() -> bool:
    """Whether festival is installed, with all voices of NAMES."""
    program = shutil.which("festival")
    return program is not None and all((_FOLDER / p).is_dir() for p in _PLACES.values())


class _Engine:
    """The running program; it ends with ours, when its input closes."""

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="vivavoce-festival-")
        self._wave = Path(self._folder.name) / "said.wav"
        self._process = subprocess.Popen(
            ["festival", "--pipe"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        self._ask(_SETUP)
        self._name = ""

    def _ask(self, scheme: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(scheme + "\n")
        self._process.stdin.flush()

    def run(self, text: str, voice: FestivalVoice) -> tuple[np.ndarray, int, list[str]]:
        """Gives int16 samples, their rate and the lines about words and phones."""
        if voice.name != self._name:
            self._ask(f"({_VOICES[voice.name]})")
            self._name = voice.name
        if voice.name == "ked":
            self._ask(f"(Parameter.set 'Duration_Stretch {voice.stretch:.3f})")
            self._ask(
                f"(set! int_lr_params '((target_f0_mean {voice.f0_hz:.0f}) (target_f0_std 14)"
                " (model_f0_mean 170) (model_f0_std 34)))"
            )
        quoted = text.replace("\\", " ").replace('"', " ")
        self._ask(f'(set! u (utt.synth (Utterance Text "{quoted}")))')
        self._ask(f'(utt.save.wave u "{self._wave}" \'riff)')
        self._ask("(mapcar vv_show (utt.relation.items u 'Token))")
        self._ask("(mapcar vv_phone (utt.relation.items u 'Segment))")
        self._ask('(format t "DONE\\n") (fflush nil)')
        lines = self._answer()
        rate_hz, samples = scipy.io.wavfile.read(self._wave)
        return samples, rate_hz, lines

    def _answer(self) -> list[str]:
        assert self._process.stdout is not None
        lines = []
        for line in self._process.stdout:
            if line == "DONE\n":
                return lines
            lines.append(line)
        raise RuntimeError("festival ended: " + " ".join(lines[-3:]))


@functools.cache
def _engine() -> _Engine:
    return _Engine()


def speak(text: str, voice: FestivalVoice) -> Utterance:
    """Synthesise ASCII `text`; words and phones carry 16 kHz sample times.

    Raises:
        ValueError: text that is not ASCII, or a voice that does not exist.
        RuntimeError: festival stopped.
    """
    if not text.isascii():
        raise ValueError(f"festival reads ASCII only, not {text!r}")
    if voice.name not in _VOICES:
        raise ValueError(f"festival has no voice {voice.name!r}; choose one of {', '.join(NAMES)}")
    samples, rate_hz, lines = _engine().run(text, voice)
    pcm = samples.astype(np.float32) / 32768
    if rate_hz != RATE_HZ:
        pcm = soxr.resample(pcm, rate_hz, RATE_HZ, quality="LQ").astype(np.float32)
    return Utterance(pcm, _words(lines, len(pcm)), as_espeak(_phones(lines)))


def _words(lines: list[str], n_samples: int) -> list[tuple[str, int, int]]:
    """Lines to (word, start, end); before a comma the end is missing: the next start counts."""
    found = [line.split()[1:] for line in lines if line.startswith("W ")]
    starts = [min(n_samples, round(float(start) * RATE_HZ)) for _, start, _ in found]
    words = []
    for i, (name, _, end_s) in enumerate(found):
        latest = starts[i + 1] if i + 1 < len(found) else n_samples
        end = round(float(end_s) * RATE_HZ)
        words.append((name, starts[i], end if starts[i] < end <= latest else latest))
    return words


def _phones(lines: list[str]) -> list[tuple[int, str]]:
    """(start sample, name) of every phone, as festival calls them."""
    phones, start = [], 0
    for line in lines:
        if line.startswith("P "):
            _, name, end_s = line.split()
            phones.append((start, name))
            start = round(float(end_s) * RATE_HZ)
    return phones
