"""What WebRTC's voice activity detector remembers, copied out and put back.

The `webrtcvad` package offers no such call, but its detector is one C struct without pointers
whose last word is a mark set when it is initialised. The mark is looked for before any copy, so
a build with another layout gives an error and never a wrong state.

Source: WebRTC common_audio/vad/vad_core.h, `VadInstT`; `kInitCheck` in vad_core.c.
"""

from __future__ import annotations

import ctypes
from typing import Any


class _VadInst(ctypes.Structure):
    """`VadInstT`: 6 frequency bands, 2 Gaussians each; every type has a fixed width."""

    _fields_ = [
        ("vad", ctypes.c_int32),
        ("downsampling_filter_states", ctypes.c_int32 * 4),
        ("state_48_to_8", ctypes.c_int32 * 40),
        ("noise_and_speech_means_and_stds", ctypes.c_int16 * (4 * 12)),
        ("frame_counter", ctypes.c_int32),
        ("over_hang", ctypes.c_int16),
        ("num_of_speech", ctypes.c_int16),
        ("index_vector", ctypes.c_int16 * (16 * 6)),
        ("low_value_vector", ctypes.c_int16 * (16 * 6)),
        ("mean_value", ctypes.c_int16 * 6),
        ("upper_state", ctypes.c_int16 * 5),
        ("lower_state", ctypes.c_int16 * 5),
        ("hp_filter_state", ctypes.c_int16 * 4),
        ("over_hang_max_1", ctypes.c_int16 * 3),
        ("over_hang_max_2", ctypes.c_int16 * 3),
        ("individual", ctypes.c_int16 * 3),
        ("total", ctypes.c_int16 * 3),
        ("init_flag", ctypes.c_int32),
    ]


_INITIALISED = 42
_CAPSULE_NAME = b"WebRtcVadPtr"


def read(detector: Any) -> bytes:
    """The memory of a `webrtcvad.Vad` as bytes."""
    return bytes(_struct(detector))


def write(detector: Any, memory: bytes) -> None:
    """Puts `memory`, from `read`, into a `webrtcvad.Vad`."""
    if len(memory) != ctypes.sizeof(_VadInst):
        raise ValueError(f"{ctypes.sizeof(_VadInst)} bytes expected, got {len(memory)}")
    ctypes.memmove(ctypes.addressof(_struct(detector)), memory, len(memory))


def _struct(detector: Any) -> _VadInst:
    pointer_in = ctypes.pythonapi.PyCapsule_GetPointer
    pointer_in.restype = ctypes.c_void_p
    pointer_in.argtypes = [ctypes.py_object, ctypes.c_char_p]
    inst = _VadInst.from_address(pointer_in(detector._vad, _CAPSULE_NAME))
    if inst.init_flag != _INITIALISED:
        raise RuntimeError("this build of webrtcvad keeps its state in a layout we do not know")
    return inst
