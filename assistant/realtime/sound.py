"""Sound on the wire: base64 of 16-bit PCM or G.711, at the session's rate."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator
from dataclasses import dataclass, field

from ...streaming.codecs import CodecName, Decoder, decode, encode
from ...streaming.frames import Pcm
from ...streaming.resample import Resampler, resample
from .faults import PeerFault
from .settings import AudioFormat, PcmFormat, rate_hz

MAX_APPEND_BYTES = 15 * 1024 * 1024

_PIECE_BYTES = 256 * 1024

_CODECS: dict[str, CodecName] = {"audio/pcm": "pcm16", "audio/pcmu": "ulaw", "audio/pcma": "alaw"}


def codec_of(audio_format: AudioFormat) -> CodecName:
    """The codec behind a wire format."""
    return _CODECS[audio_format.type]


def audio_bytes(text: str, param: str) -> bytes:
    """The bytes in a client's base64. Raises PeerFault."""
    if len(text) > (MAX_APPEND_BYTES + 2) // 3 * 4:
        raise PeerFault("invalid_value", f"{param} holds more than 15 MiB of sound", param)
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise PeerFault("invalid_value", f"{param} is not valid base64", param) from None


@dataclass
class InputStream:
    """The client's sound, cut anywhere: a half sample waits for its other half."""

    format: AudioFormat = field(default_factory=PcmFormat)
    _decoder: Decoder = field(init=False)

    def __post_init__(self) -> None:
        self._decoder = Decoder(codec_of(self.format))

    @property
    def rate_hz(self) -> int:
        return rate_hz(self.format)

    def switch(self, audio_format: AudioFormat) -> None:
        """From now on sound comes in another format; half a sample of the old one is dropped."""
        if audio_format != self.format:
            self.format = audio_format
            self._decoder = Decoder(codec_of(audio_format))

    def feed(self, text: str) -> Iterator[Pcm]:
        """The samples [n] in the next base64, in pieces so small that nobody waits long.

        Raises:
            PeerFault: before the first piece, or not at all.
        """
        data = audio_bytes(text, "audio")
        for at in range(0, len(data), _PIECE_BYTES):
            yield self._decoder.feed(data[at : at + _PIECE_BYTES])

    def reset(self) -> None:
        """The buffer was emptied: a half sample in it too."""
        self._decoder.reset()


def whole_sound(text: str, audio_format: AudioFormat, param: str) -> Pcm:
    """The sound of a whole item, samples [n] at the format's rate. Raises PeerFault."""
    data = audio_bytes(text, param)
    codec = codec_of(audio_format)
    if codec == "pcm16" and len(data) % 2:
        raise PeerFault("invalid_value", f"{param} ends inside a 16-bit sample", param)
    return decode(codec, data)


def as_format(pcm16: bytes, from_hz: int, audio_format: AudioFormat) -> bytes:
    """A whole sound, 16-bit PCM at from_hz, as the wire's bytes."""
    pcm = resample(decode("pcm16", pcm16), from_hz, rate_hz(audio_format))
    return encode(codec_of(audio_format), pcm)


class OutputStream:
    """One response's sound on its way out: 16-bit PCM in, the wire's bytes out.

    Args:
        from_hz: rate of the PCM fed.
        audio_format: what the client gets.
    """

    def __init__(self, from_hz: int, audio_format: AudioFormat) -> None:
        self._codec = codec_of(audio_format)
        self._resampler = Resampler(from_hz, rate_hz(audio_format))
        self._as_it_is = self._codec == "pcm16" and from_hz == rate_hz(audio_format)

    def feed(self, pcm16: bytes) -> bytes:
        if self._as_it_is:
            return pcm16
        return encode(self._codec, self._resampler.feed(decode("pcm16", pcm16)))

    def flush(self) -> bytes:
        """What the resampler held back; the stream is over."""
        return encode(self._codec, self._resampler.flush())
