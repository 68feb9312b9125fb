"""Samples as bytes: PCM16 little-endian and the two G.711 laws.

    codec   bytes a sample   usual rate   step near silence
    pcm16   2                24 kHz       1 / 32768
    ulaw    1                 8 kHz       8 / 32768, at full scale 1024 / 32768
    alaw    1                 8 kHz       16 / 32768, at full scale 1024 / 32768

Source: ITU-T G.711; 14-bit u-law and 13-bit A-law values, scaled to 16 bits.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Literal, get_args

import numpy as np
import numpy.typing as npt

from .frames import Pcm

CodecName = Literal["pcm16", "ulaw", "alaw"]
CODECS: tuple[CodecName, ...] = get_args(CodecName)

_FULL_SCALE = 32768.0


def bytes_per_sample(codec: CodecName) -> int:
    """How many bytes one sample takes."""
    return 2 if codec == "pcm16" else 1


def to_int16(pcm: Pcm) -> npt.NDArray[np.int16]:
    """Float samples [n] as 16-bit integers, rounded to the nearest and clipped; not-a-number is
    silence.
    """
    scaled = np.nan_to_num(np.rint(pcm * _FULL_SCALE), nan=0.0, posinf=32767, neginf=-32768)
    values: npt.NDArray[np.int16] = np.clip(scaled, -32768, 32767).astype(np.int16)
    return values


def from_int16(values: npt.NDArray[np.int16]) -> Pcm:
    """16-bit integers [n] as float samples in [-1, 1)."""
    pcm: Pcm = values.astype(np.float32) / np.float32(_FULL_SCALE)
    return pcm


def encode(codec: CodecName, pcm: Pcm) -> bytes:
    """`pcm` [n] as n * bytes_per_sample bytes."""
    values = to_int16(pcm)
    if codec == "pcm16":
        return values.astype("<i2", copy=False).tobytes()
    return _encoding_table(codec)[values.view(np.uint16)].tobytes()


def decode(codec: CodecName, data: bytes) -> Pcm:
    """Whole samples from `data`; a half sample at the end is an error, see `Decoder`."""
    if codec == "pcm16":
        if len(data) % 2:
            raise ValueError(f"{len(data)} bytes are no whole number of 16-bit samples")
        return from_int16(np.frombuffer(data, dtype="<i2").astype(np.int16, copy=False))
    return from_int16(_decoding_table(codec)[np.frombuffer(data, dtype=np.uint8)])


class Decoder:
    """Decodes a stream cut anywhere, even inside a sample."""

    def __init__(self, codec: CodecName) -> None:
        if codec not in CODECS:
            raise ValueError(f"unknown codec {codec!r}; use one of {', '.join(CODECS)}")
        self.codec = codec
        self.carry = b""
        """The bytes of a sample that is not whole yet."""

    def feed(self, data: bytes) -> Pcm:
        """The samples that `data` completes."""
        joined = self.carry + data
        whole = len(joined) - len(joined) % bytes_per_sample(self.codec)
        self.carry = joined[whole:]
        return decode(self.codec, joined[:whole])

    def reset(self) -> None:
        """Drops a half sample: what follows starts afresh."""
        self.carry = b""


@lru_cache(maxsize=2)
def _decoding_table(codec: CodecName) -> npt.NDArray[np.int16]:
    """The 16-bit value of each code [256].

    A code is sign, 3 bits of segment, 4 bits of step; u-law is sent inverted, A-law with every
    other bit inverted, so that silence has many ones on the line.
    """
    codes = np.arange(256, dtype=np.int32)
    bits = codes ^ (0xFF if codec == "ulaw" else 0x55)
    segment, step = (bits >> 4) & 7, bits & 15
    if codec == "ulaw":
        size = (((step << 3) + 0x84) << segment) - 0x84
        negative = bits & 0x80 != 0
    else:
        size = np.where(segment == 0, (step << 4) + 8, ((step << 4) + 0x108) << (segment - 1) % 8)
        negative = bits & 0x80 == 0
    return np.where(negative, -size, size).astype(np.int16)


@lru_cache(maxsize=2)
def _encoding_table(codec: CodecName) -> npt.NDArray[np.uint8]:
    """The code of each 16-bit value [65536], indexed by the value's bits as unsigned."""
    values = np.arange(65536, dtype=np.uint16).view(np.int16).astype(np.int32)
    return _ulaw_code(values) if codec == "ulaw" else _alaw_code(values)


def _ulaw_code(values: npt.NDArray[np.int32]) -> npt.NDArray[np.uint8]:
    """14-bit u-law: bias 33, clip at the largest 13-bit size, segment = place of its first one."""
    size = np.minimum(np.abs(values >> 2) + 33, 0x1FFF)
    segment = np.floor(np.log2(size)).astype(np.int32) - 5
    bits = np.where(values < 0, 0x80, 0) | (segment << 4) | ((size >> (segment + 1)) & 15)
    code: npt.NDArray[np.uint8] = (bits ^ 0xFF).astype(np.uint8)
    return code


def _alaw_code(values: npt.NDArray[np.int32]) -> npt.NDArray[np.uint8]:
    """13-bit A-law: negative values as ones' complement, the two lowest segments alike."""
    size = np.where(values < 0, ~values, values) >> 3
    segment = np.maximum(np.floor(np.log2(np.maximum(size, 1))).astype(np.int32) - 4, 0)
    bits = np.where(values < 0, 0, 0x80) | (segment << 4)
    bits |= (size >> np.maximum(segment, 1)) & 15
    code: npt.NDArray[np.uint8] = (bits ^ 0x55).astype(np.uint8)
    return code
