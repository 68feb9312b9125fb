"""Tiny ONNX graphs with the inputs and outputs of a checkpoint's voice networks.

Written byte by byte (protocol buffers, onnx.proto3), so that tests need no package to make them;
onnxruntime runs them like any other.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

FLOAT, INT32, INT64 = 1, 6, 7
_TYPES = {np.dtype("float32"): FLOAT, np.dtype("int32"): INT32, np.dtype("int64"): INT64}
Shape = tuple[int | str, ...]


def write_speaker_network(path: Path, n_bands: int, dim: int, seed: int) -> None:
    """Fbank frames [1, T, n_bands] → voice vector [1, dim], as `campplus.onnx`."""
    weight = np.random.default_rng(seed).normal(size=(n_bands, dim)).astype(np.float32)
    nodes = [
        _node("Mul", ["input", "input"], "power"),
        _node("ReduceMean", ["power"], "loudness", axes=[1], keepdims=0),
        _node("Sqrt", ["loudness"], "root"),
        _node("MatMul", ["root", "weight"], "output"),
    ]
    inputs = [_value("input", FLOAT, ("B", "T", n_bands))]
    outputs = [_value("output", FLOAT, ("B", dim))]
    path.write_bytes(_model(nodes, inputs, outputs, {"weight": weight}))


def write_speech_tokenizer(path: Path, n_mels: int, n_codes: int, seed: int) -> None:
    """Log-mel [1, n_mels, T] and its length [1] → codes [1, T // 2], as `speech_tokenizer_v1.onnx`.

    Of every two frames the code whose random direction they point to most.
    """
    weight = np.random.default_rng(seed).normal(size=(n_mels, n_codes)).astype(np.float32)
    constants = {
        "weight": weight - weight.mean(0),
        "zero": np.zeros(1, np.int32),
        "time": np.full(1, 2, np.int32),
    }
    nodes = [
        _node("Slice", ["feats", "zero", "feats_length", "time"], "kept"),
        _node("AveragePool", ["kept"], "halved", kernel_shape=[2], strides=[2]),
        _node("Transpose", ["halved"], "frames", perm=[0, 2, 1]),
        _node("MatMul", ["frames", "weight"], "scores"),
        _node("ArgMax", ["scores"], "best", axis=2, keepdims=0),
        _node("Cast", ["best"], "indices", to=INT32),
    ]
    inputs = [_value("feats", FLOAT, (1, n_mels, "T")), _value("feats_length", INT32, (1,))]
    outputs = [_value("indices", INT32, (1, "N"))]
    path.write_bytes(_model(nodes, inputs, outputs, constants))


# --- onnx.proto3: field numbers as in the published schema ----------------------------------


def _varint(number: int) -> bytes:
    out = b""
    while number > 127:
        out += bytes([number & 127 | 128])
        number >>= 7
    return out + bytes([number])


def _field(number: int, value: int | bytes | str) -> bytes:
    if isinstance(value, int):
        return _varint(number << 3) + _varint(value)
    data = value.encode() if isinstance(value, str) else value
    return _varint(number << 3 | 2) + _varint(len(data)) + data


def _fields(number: int, values: list[bytes] | list[str] | list[int]) -> bytes:
    return b"".join(_field(number, value) for value in values)


def _attribute(name: str, value: int | list[int]) -> bytes:
    if isinstance(value, int):
        return _field(1, name) + _field(3, value) + _field(20, 2)
    return _field(1, name) + _fields(8, value) + _field(20, 7)


def _node(kind: str, inputs: list[str], output: str, **attributes: int | list[int]) -> bytes:
    given = [_attribute(name, value) for name, value in attributes.items()]
    return _fields(1, inputs) + _field(2, output) + _field(4, kind) + _fields(5, given)


def _value(name: str, kind: int, shape: Shape) -> bytes:
    dims = [_field(1, d) if isinstance(d, int) else _field(2, d) for d in shape]
    tensor = _field(1, kind) + _field(2, _fields(1, dims))
    return _field(1, name) + _field(2, _field(1, tensor))


def _constant(name: str, values: np.ndarray) -> bytes:
    kind = _TYPES[values.dtype]
    data = values.astype(values.dtype.newbyteorder("<")).tobytes()
    return _fields(1, list(values.shape)) + _field(2, kind) + _field(8, name) + _field(9, data)


def _model(
    nodes: list[bytes], inputs: list[bytes], outputs: list[bytes], constants: dict[str, np.ndarray]
) -> bytes:
    held = [_constant(name, values) for name, values in constants.items()]
    graph = _fields(1, nodes) + _field(2, "tiny") + _fields(5, held)
    graph += _fields(11, inputs) + _fields(12, outputs)
    return _field(1, 8) + _field(7, graph) + _field(8, _field(1, "") + _field(2, 13))
