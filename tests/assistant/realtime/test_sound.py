"""Sound on the wire: base64, formats, and samples that are split between messages."""

from __future__ import annotations

import base64

import numpy as np
import pytest

from vivavoce.assistant.errors import PeerFault
from vivavoce.assistant.realtime.settings import ALawFormat, MuLawFormat, PcmFormat
from vivavoce.assistant.realtime.sound import (
    MAX_APPEND_BYTES,
    InputStream,
    OutputStream,
    as_format,
    audio_bytes,
    whole_sound,
)
from vivavoce.streaming.codecs import decode, encode
from vivavoce.streaming.frames import EMPTY, Pcm

TONE = (0.5 * np.sin(np.arange(4800) * 2 * np.pi * 440 / 24000)).astype(np.float32)


def b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def fed(stream: InputStream, data: bytes) -> Pcm:
    return np.concatenate([EMPTY, *stream.feed(b64(data))])


def test_a_stream_cut_anywhere_gives_the_same_samples() -> None:
    data = encode("pcm16", TONE)
    cuts = np.random.default_rng(5).integers(0, len(data), 40)
    edges = [0, *sorted(int(cut) for cut in cuts), len(data)]
    stream = InputStream(PcmFormat())
    pieces = [fed(stream, data[a:b]) for a, b in zip(edges, edges[1:], strict=False)]
    assert np.array_equal(np.concatenate(pieces), decode("pcm16", data))


def test_half_a_sample_is_dropped_by_reset_and_by_a_new_format() -> None:
    stream = InputStream(PcmFormat())
    assert len(fed(stream, b"\x01")) == 0
    stream.reset()
    assert fed(stream, b"\x00\x40").tolist() == [0.5]
    fed(stream, b"\x01")
    stream.switch(PcmFormat(rate=16000))
    assert fed(stream, b"\x00\x40").tolist() == [0.5]
    assert stream.rate_hz == 16000


def test_the_same_format_again_keeps_the_half_sample() -> None:
    stream = InputStream(PcmFormat())
    fed(stream, b"\x00")
    stream.switch(PcmFormat())
    assert fed(stream, b"\x40").tolist() == [0.5]


def test_telephone_formats_are_read_at_8_khz() -> None:
    stream = InputStream(MuLawFormat(type="audio/pcmu"))
    assert stream.rate_hz == 8000
    assert np.abs(fed(stream, encode("ulaw", TONE)) - TONE).max() < 0.02


@pytest.mark.parametrize("text", ["?", "AAA", "AA=A", "AAAA AAAA", "äöü!", "AAAA\n"])
def test_bad_base64_is_an_error_with_its_path(text: str) -> None:
    with pytest.raises(PeerFault) as caught:
        audio_bytes(text, "audio")
    assert (caught.value.code, caught.value.param) == ("invalid_value", "audio")


def test_15_mib_are_taken_and_no_more() -> None:
    assert len(audio_bytes(b64(bytes(MAX_APPEND_BYTES)), "audio")) == MAX_APPEND_BYTES
    with pytest.raises(PeerFault, match="15 MiB"):
        audio_bytes(b64(bytes(MAX_APPEND_BYTES + 3)), "audio")


def test_a_whole_item_may_not_end_inside_a_sample() -> None:
    with pytest.raises(PeerFault):
        whole_sound(b64(b"abc"), PcmFormat(), "item.content.0.audio")
    assert len(whole_sound(b64(b"abc"), ALawFormat(type="audio/pcma"), "x")) == 3


def test_output_at_the_sessions_own_rate_is_untouched() -> None:
    data = encode("pcm16", TONE)
    stream = OutputStream(24000, PcmFormat())
    assert stream.feed(data) + stream.flush() == data


def test_output_in_another_format_has_the_same_length_and_sound() -> None:
    data = encode("pcm16", TONE)
    stream = OutputStream(24000, MuLawFormat(type="audio/pcmu"))
    out = b"".join(stream.feed(data[at : at + 480]) for at in range(0, len(data), 480))
    out += stream.flush()
    assert len(out) == 1600
    wanted = 0.5 * np.sin(np.arange(1600) * 2 * np.pi * 440 / 8000)
    assert np.abs(decode("ulaw", out) - wanted)[100:-100].max() < 0.03


def test_a_kept_sound_is_given_in_the_wires_format() -> None:
    data = encode("pcm16", TONE)
    assert as_format(data, 24000, PcmFormat()) == data
    assert len(as_format(data, 16000, PcmFormat())) == len(data) * 3 // 2
