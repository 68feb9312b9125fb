from __future__ import annotations

import hashlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.streaming.sounds import tone
from vivavoce.streaming.codecs import (
    CODECS,
    Decoder,
    bytes_per_sample,
    decode,
    encode,
    from_int16,
    to_int16,
)

EVERY_VALUE = np.arange(-32768, 32768).astype(np.int16)

# Codes of every 16-bit value in rising order, and the 16-bit values of every code as
# little-endian bytes, from the g711.c of Sun Microsystems (as built into Python's audioop).
REFERENCE = {
    "ulaw": (
        "81d633c9e6972a18c74a58720b96cb8ca0bdd096d4060b646dd708c3b846019a",
        "3dab54339e520bb2c924826e3b72a917a2b612e9fd12fc867500f1d983a75827",
    ),
    "alaw": (
        "38488f6fd710f4686360edc4d38639f96c491595ef93f8eb8d62d5e07ca6ce7b",
        "e04788d110e58ff8c70c93b8480190d973e3b67876b6119abbaec766cc75c174",
    ),
}


@pytest.mark.parametrize("codec", REFERENCE)
def test_g711_agrees_with_the_reference_for_every_value_and_code(codec):
    encoded = encode(codec, from_int16(EVERY_VALUE))
    decoded = to_int16(decode(codec, bytes(range(256)))).astype("<i2").tobytes()
    digests = tuple(hashlib.sha256(data).hexdigest() for data in (encoded, decoded))
    assert digests == REFERENCE[codec]


def test_g711_anchors():
    assert decode("ulaw", b"\xff\x7f").tolist() == [0, 0]
    assert to_int16(decode("ulaw", b"\x80\x00")).tolist() == [32124, -32124]
    assert to_int16(decode("alaw", b"\xd5\x55\xaa\x2a")).tolist() == [8, -8, 32256, -32256]


def test_every_16_bit_value_survives_pcm16():
    np.testing.assert_array_equal(to_int16(from_int16(EVERY_VALUE)), EVERY_VALUE)
    data = EVERY_VALUE.astype("<i2").tobytes()
    assert encode("pcm16", decode("pcm16", data)) == data


def test_pcm16_is_little_endian():
    assert encode("pcm16", np.array([1 / 32768, -1.0], np.float32)) == b"\x01\x00\x00\x80"


def test_what_is_too_loud_is_clipped_and_what_is_no_number_is_silent():
    wild = np.array([2.0, -2.0, np.nan, np.inf, -np.inf], np.float32)
    assert to_int16(wild).tolist() == [32767, -32768, 0, 32767, -32768]


@pytest.mark.parametrize(("codec", "at_least_db"), [("pcm16", 85), ("ulaw", 35), ("alaw", 35)])
def test_a_tone_keeps_its_quality(codec, at_least_db):
    sound = tone(0.5, 440, 8000)
    error = decode(codec, encode(codec, sound)) - sound
    assert 10 * np.log10(np.mean(sound**2) / np.mean(error**2)) > at_least_db


@given(
    st.sampled_from(CODECS),
    st.binary(max_size=200),
    st.lists(st.integers(0, 9), min_size=1, max_size=6).filter(any),
)
def test_decoding_does_not_depend_on_how_the_bytes_were_cut(codec, data, sizes):
    decoder, parts, at, turn = Decoder(codec), [np.zeros(0, np.float32)], 0, 0
    while at < len(data):
        n = sizes[turn % len(sizes)]
        parts.append(decoder.feed(data[at : at + n]))
        at, turn = at + n, turn + 1
    whole = len(data) - len(data) % bytes_per_sample(codec)
    np.testing.assert_array_equal(np.concatenate(parts), decode(codec, data[:whole]))
    assert decoder.carry == data[whole:]
    decoder.reset()
    assert decoder.carry == b""


def test_half_a_sample_is_an_error_outside_a_stream():
    with pytest.raises(ValueError, match="3 bytes"):
        decode("pcm16", b"abc")


def test_an_unknown_codec_is_refused_by_name():
    with pytest.raises(ValueError, match="mp3.*pcm16, ulaw, alaw"):
        Decoder("mp3")
