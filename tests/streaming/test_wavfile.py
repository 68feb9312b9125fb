from __future__ import annotations

import struct

import numpy as np
import pytest

from tests.streaming.sounds import tone
from vivavoce.streaming.codecs import from_int16, to_int16
from vivavoce.streaming.wavfile import WavError, WavWriter, read_channels, read_wav, write_wav


def wav(form: bytes, data: bytes, extra: bytes = b"") -> bytes:
    body = b"WAVE" + b"fmt " + struct.pack("<I", len(form)) + form
    body += extra + b"data" + struct.pack("<I", len(data)) + data
    return b"RIFF" + struct.pack("<I", len(body)) + body


def form(tag: int, bits: int, n_channels: int = 1, rate_hz: int = 8000) -> bytes:
    align = n_channels * bits // 8
    return struct.pack("<HHIIHH", tag, n_channels, rate_hz, rate_hz * align, align, bits)


@pytest.mark.parametrize("encoding", ["pcm16", "float32"])
def test_what_is_written_is_read(tmp_path, encoding):
    sound = from_int16(to_int16(tone(0.1, 440, 24_000)))
    write_wav(tmp_path / "a.wav", sound, 24_000, encoding)
    read, rate_hz = read_wav(tmp_path / "a.wav")
    assert rate_hz == 24_000
    assert read.dtype == np.float32
    np.testing.assert_array_equal(read, sound)


def test_the_standard_library_reads_what_we_write(tmp_path):
    import wave

    left, right = tone(0.1, 300), tone(0.1, 500)
    write_wav(tmp_path / "a.wav", np.stack((left, right), axis=1), 16_000)
    with wave.open(str(tmp_path / "a.wav")) as file:
        assert (file.getnchannels(), file.getframerate(), file.getnframes()) == (2, 16_000, 1600)
        frames = np.frombuffer(file.readframes(1600), "<i2").reshape(-1, 2)
    np.testing.assert_array_equal(frames[:, 1], to_int16(right))


@pytest.mark.parametrize(
    ("head", "data", "values"),
    [
        (form(1, 8), bytes([0, 128, 192]), [-1, 0, 0.5]),
        (form(1, 16), struct.pack("<3h", -32768, 0, 16384), [-1, 0, 0.5]),
        (form(1, 24), b"\x00\x00\x80\x00\x00\x00\x00\x00\x40", [-1, 0, 0.5]),
        (form(1, 32), struct.pack("<3i", -(2**31), 0, 2**30), [-1, 0, 0.5]),
        (form(3, 32), struct.pack("<3f", -1, 0, 0.5), [-1, 0, 0.5]),
        (form(3, 64), struct.pack("<3d", -1, 0, 0.5), [-1, 0, 0.5]),
        (form(0xFFFE, 16) + struct.pack("<HHIH", 22, 16, 4, 1) + bytes(14), b"\x00\x40", [0.5]),
    ],
)
def test_every_usual_way_of_writing_samples_is_read(tmp_path, head, data, values):
    path = tmp_path / "a.wav"
    path.write_bytes(wav(head, data, extra=b"LIST\x03\x00\x00\x00abc\x00"))
    pcm, rate_hz = read_wav(path)
    assert rate_hz == 8000
    np.testing.assert_allclose(pcm, values)


def test_channels_are_averaged_and_rates_changed(tmp_path):
    left, right = tone(0.2, 440, 48_000), np.zeros(9600, np.float32)
    write_wav(tmp_path / "a.wav", np.stack((left, right), axis=1), 48_000, "float32")
    assert read_channels(tmp_path / "a.wav")[0].shape == (9600, 2)
    pcm, rate_hz = read_wav(tmp_path / "a.wav", 16_000)
    assert (len(pcm), rate_hz) == (3200, 16_000)
    middle = slice(500, -500)
    np.testing.assert_allclose(pcm[middle], tone(0.2, 440)[middle] / 2, atol=1e-3)


def test_a_file_is_whole_after_every_write(tmp_path):
    writer = WavWriter(tmp_path / "a.wav", 16_000)
    for n_written in (100, 200):
        writer.write(np.zeros(100, np.float32))
        assert len(read_wav(tmp_path / "a.wav")[0]) == n_written
    writer.close()
    writer.close()


def test_a_recording_cut_short_is_read_as_far_as_it_goes(tmp_path):
    path = tmp_path / "a.wav"
    write_wav(path, tone(0.1), 16_000)
    path.write_bytes(path.read_bytes()[:-801])
    assert len(read_wav(path)[0]) == 1600 - 401


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "not a WAV file"),
        (b"ID3 an mp3 perhaps", "not a WAV file"),
        (b"RIFF\x04\x00\x00\x00WAVE", "not a whole WAV file"),
        (wav(form(85, 16), b""), "format 85"),
        (wav(form(1, 16, n_channels=0), b""), "0 channels"),
        (wav(b"\x01\x00", b""), "cut short"),
    ],
)
def test_what_cannot_be_read_is_said_in_one_sentence(tmp_path, content, why):
    path = tmp_path / "bad.wav"
    path.write_bytes(content)
    with pytest.raises(WavError, match=why) as caught:
        read_wav(path)
    assert "bad.wav" in str(caught.value)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(WavError, match="nowhere.wav cannot be read: No such file"):
        read_wav(tmp_path / "nowhere.wav")
