"""Opus as a C library: what a telephone call over a bad line leaves of a voice.

The library is Debian's `libopus0`, there wherever libsndfile is; `available()` says so. Constants
follow `opus_defines.h` of Opus 1.3.
"""

from __future__ import annotations

import ctypes
import functools

import numpy as np

RATE_HZ = 16_000
FRAME = 320  # samples: 20 ms
_VOIP = 2048
_SET_BITRATE, _SET_COMPLEXITY, _GET_LOOKAHEAD = 4002, 4010, 4027


@functools.cache
def _library() -> ctypes.CDLL | None:
    try:
        library = ctypes.CDLL("libopus.so.0")
    except OSError:
        return None
    library.opus_encoder_create.restype = ctypes.c_void_p
    library.opus_decoder_create.restype = ctypes.c_void_p
    return library


def available() -> bool:
    """Whether the library is installed."""
    return _library() is not None


def coded(pcm: np.ndarray, bits_per_s: int) -> np.ndarray:
    """The samples pcm [n] in [-1, 1] after a call at `bits_per_s`, 6000 and more; no delay.

    Raises:
        RuntimeError: libopus is missing, or it refused.
    """
    library = _library()
    if library is None:
        raise RuntimeError("libopus.so.0 is missing: install Debian's package libopus0")
    error = ctypes.c_int()
    encoder = ctypes.c_void_p(library.opus_encoder_create(RATE_HZ, 1, _VOIP, ctypes.byref(error)))
    decoder = ctypes.c_void_p(library.opus_decoder_create(RATE_HZ, 1, ctypes.byref(error)))
    try:
        library.opus_encoder_ctl(encoder, _SET_BITRATE, ctypes.c_int(bits_per_s))
        library.opus_encoder_ctl(encoder, _SET_COMPLEXITY, ctypes.c_int(0))
        delay = ctypes.c_int()
        library.opus_encoder_ctl(encoder, _GET_LOOKAHEAD, ctypes.byref(delay))
        return _through(library, encoder, decoder, pcm, delay.value)
    finally:
        library.opus_encoder_destroy(encoder)
        library.opus_decoder_destroy(decoder)


def _through(
    library: ctypes.CDLL,
    encoder: ctypes.c_void_p,
    decoder: ctypes.c_void_p,
    pcm: np.ndarray,
    delay: int,
) -> np.ndarray:
    n_frames = -(-(len(pcm) + delay) // FRAME)
    given = np.zeros(n_frames * FRAME, np.float32)
    given[: len(pcm)] = pcm
    taken = np.empty_like(given)
    packet = ctypes.create_string_buffer(1500)
    for i in range(n_frames):
        offset = i * FRAME * 4
        size = library.opus_encode_float(
            encoder, ctypes.c_void_p(given.ctypes.data + offset), FRAME, packet, len(packet)
        )
        n = library.opus_decode_float(
            decoder, packet, size, ctypes.c_void_p(taken.ctypes.data + offset), FRAME, 0
        )
        if size < 0 or n != FRAME:
            raise RuntimeError(f"opus failed with status {min(size, n)}")
    return taken[delay : delay + len(pcm)]
