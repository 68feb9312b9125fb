"""WAV files: any PCM or float in, PCM16 or float32 out.

    RIFF size WAVE | fmt  size (how samples are written) | ... | data size samples

Source: Microsoft "Multiple channel audio data and WAVE files" for the extensible form.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Literal

import numpy as np
import numpy.typing as npt

from .codecs import to_int16
from .frames import Pcm
from .resample import resample

Encoding = Literal["pcm16", "float32"]

_PCM, _FLOAT, _EXTENSIBLE = 1, 3, 0xFFFE
_HEADER_BYTES = 44
_MAX_DATA_BYTES = 0xFFFFFFFF - _HEADER_BYTES


class WavError(ValueError):
    """The file is no WAV file that can be read; the message names it and says why."""


@dataclass(frozen=True)
class _Format:
    tag: int
    n_channels: int
    rate_hz: int
    bits: int


def read_wav(path: str | Path, rate_hz: int | None = None) -> tuple[Pcm, int]:
    """The sound of a WAV file as mono float32 [n], and its rate.

    Args:
        path: the file; several channels are averaged.
        rate_hz: resample to this rate; None keeps the file's own.

    Raises:
        WavError: it cannot be read, or is no WAV file.
    """
    channels, own_hz = read_channels(path)
    pcm: Pcm = channels.mean(axis=1, dtype=np.float32) if channels.shape[1] > 1 else channels[:, 0]
    if rate_hz is None or rate_hz == own_hz:
        return pcm, own_hz
    return resample(pcm, own_hz, rate_hz), rate_hz


def read_channels(path: str | Path) -> tuple[Pcm, int]:
    """The channels of a WAV file as float32 [n, n_channels], and its rate."""
    try:
        content = Path(path).read_bytes()
    except OSError as error:
        raise WavError(f"{path} cannot be read: {error.strerror}") from error
    if content[:4] != b"RIFF" or content[8:12] != b"WAVE":
        raise WavError(f"{path} is not a WAV file")
    chunks = _chunks(content)
    if "fmt " not in chunks or "data" not in chunks:
        raise WavError(f"{path} is not a whole WAV file: its format or its samples are missing")
    form = _parse_format(chunks["fmt "], path)
    flat = _to_float(chunks["data"], form, path)
    whole = len(flat) - len(flat) % form.n_channels
    return flat[:whole].reshape(-1, form.n_channels), form.rate_hz


def write_wav(path: str | Path, pcm: Pcm, rate_hz: int, encoding: Encoding = "pcm16") -> None:
    """Writes `pcm`, [n] or [n, n_channels], as a WAV file."""
    n_channels = 1 if pcm.ndim == 1 else pcm.shape[1]
    with WavWriter(path, rate_hz, n_channels, encoding) as writer:
        writer.write(pcm)


class WavWriter:
    """A WAV file that grows; its header is right after every `write`, whatever happens next.

    Args:
        path: the file, replaced if it is there.
        rate_hz: of the samples.
        n_channels: 1 takes [n]; more take [n, n_channels].
        encoding: "pcm16" or "float32".
    """

    def __init__(
        self,
        path: str | Path,
        rate_hz: int,
        n_channels: int = 1,
        encoding: Encoding = "pcm16",
    ) -> None:
        self.rate_hz = rate_hz
        self.n_channels = n_channels
        self.encoding: Encoding = encoding
        self.n_frames = 0
        self._file: BinaryIO = open(path, "wb")  # noqa: SIM115, closed by close()
        self._write_header()

    def write(self, pcm: Pcm) -> None:
        """Appends `pcm`, [n] or [n, n_channels]."""
        frames = pcm.reshape(-1, self.n_channels)
        data = to_int16(frames).astype("<i2") if self.encoding == "pcm16" else frames
        self._file.seek(0, 2)
        self._file.write(data.astype(data.dtype.newbyteorder("<")).tobytes())
        self.n_frames += len(frames)
        self._write_header()

    def close(self) -> None:
        """Ends the file; closing twice is fine."""
        self._file.close()

    def __enter__(self) -> WavWriter:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _write_header(self) -> None:
        tag, width = (_PCM, 2) if self.encoding == "pcm16" else (_FLOAT, 4)
        align = width * self.n_channels
        n_bytes = min(self.n_frames * align, _MAX_DATA_BYTES)
        self._file.seek(0)
        self._file.write(struct.pack("<4sI4s", b"RIFF", n_bytes + _HEADER_BYTES - 8, b"WAVE"))
        form = (tag, self.n_channels, self.rate_hz, self.rate_hz * align, align, width * 8)
        self._file.write(struct.pack("<4sIHHIIHH", b"fmt ", 16, *form))
        self._file.write(struct.pack("<4sI", b"data", n_bytes))
        self._file.flush()


def _chunks(content: bytes) -> dict[str, bytes]:
    """The file's chunks by name; one cut short by the end of the file counts as far as it goes.

    So does one of size 0xFFFFFFFF, which writers into a pipe leave.
    """
    found: dict[str, bytes] = {}
    at = 12
    while at + 8 <= len(content):
        name = content[at : at + 4].decode("latin-1")
        size = int.from_bytes(content[at + 4 : at + 8], "little")
        found.setdefault(name, content[at + 8 : at + 8 + size])
        at += 8 + size + size % 2
    return found


def _parse_format(chunk: bytes, path: str | Path) -> _Format:
    if len(chunk) < 16:
        raise WavError(f"{path} is not a whole WAV file: its format is cut short")
    tag, n_channels, rate_hz, _, _, bits = struct.unpack("<HHIIHH", chunk[:16])
    if tag == _EXTENSIBLE and len(chunk) >= 26:
        tag = int.from_bytes(chunk[24:26], "little")
    if not n_channels or not rate_hz:
        raise WavError(f"{path} names {n_channels} channels at {rate_hz} Hz")
    return _Format(tag, n_channels, rate_hz, bits)


def _to_float(data: bytes, form: _Format, path: str | Path) -> Pcm:
    """Interleaved samples as float32 in [-1, 1]."""
    width = form.bits // 8
    data = data[: len(data) - len(data) % width] if width else b""
    values: npt.NDArray[np.float64]
    if form.tag == _FLOAT and form.bits in (32, 64):
        values = np.frombuffer(data, f"<f{width}").astype(np.float64)
    elif form.tag == _PCM and form.bits == 8:  # the only unsigned width
        values = (np.frombuffer(data, np.uint8).astype(np.float64) - 128) / 128
    elif form.tag == _PCM and form.bits in (16, 32):
        values = np.frombuffer(data, f"<i{width}") / 2.0 ** (form.bits - 1)
    elif form.tag == _PCM and form.bits == 24:
        wide = np.zeros((len(data) // 3, 4), np.uint8)
        wide[:, 1:] = np.frombuffer(data, np.uint8).reshape(-1, 3)
        values = wide.view("<i4")[:, 0] / 2.0**31
    else:
        raise WavError(
            f"{path} holds {form.bits}-bit samples of format {form.tag}; "
            "only PCM of 8 to 32 bits and float can be read"
        )
    return values.astype(np.float32)
