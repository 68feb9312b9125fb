"""One transformer layer for one new position on the CPU, in one call of decode_layer.cpp.

What the layer's modules do one after the other, at the speed of memory: activations stay in fp32
between the weights, nothing is copied, all threads are given work until the end. Everything else
(several positions, gradients, a GPU, no compiler) is the modules' own matter: they ask `usable`
first.

Letters: D width, E experts, I their width.
"""

from __future__ import annotations

import ctypes
from collections.abc import Container, Sequence
from ctypes import POINTER, Structure, c_double, c_long, c_void_p

import torch
from torch import Tensor, nn

from .attention import Attention
from .feed_forward import SwiGlu
from .few_rows import KINDS, MAX_VECTORS, Matrix, functions, usable
from .kv_cache import KvCache
from .moe import RoutedMixture
from .rotary import RotaryTable

ACTIVATIONS = {torch.float32: KINDS[torch.float32], torch.bfloat16: KINDS[torch.bfloat16]}

# The structures of decode_layer.cpp.


class _Numbers(Structure):
    _fields_ = [("values", c_void_p), ("kind", c_long)]


class _Matrix(Structure):
    _fields_ = [("weights", c_void_p), ("scales", c_void_p), ("cols", c_long)]


class _Stored(Structure):
    _fields_ = [("matrix", _Matrix), ("kind", c_long), ("rows", c_long)]


class _Networks(Structure):
    _fields_ = [("matrices", POINTER(_Matrix)), ("kind", c_long), ("n", c_long)]
    _fields_ += [("hidden", c_long)]


class _Layer(Structure):
    _fields_ = [(name, c_long) for name in ("dim", "n_heads", "n_kv_heads", "head_dim", "top_k")]
    _fields_ += [(name, c_double) for name in ("attention_eps", "network_eps")]
    _fields_ += [(name, _Numbers) for name in ("attention_norm", "network_norm", "qkv_bias")]
    _fields_ += [(name, _Stored) for name in ("qkv", "out", "router")]
    _fields_ += [(name, _Networks) for name in ("experts", "always")]


class _Position(Structure):
    _fields_ = [(name, c_void_p) for name in ("x", "y", "keys", "values", "cos", "sin")]
    _fields_ += [(name, c_long) for name in ("kind", "capacity", "length", "modality", "threads")]


class DecodeLayer:
    """The weights of one pre-norm layer, where they lie. They must not move afterwards."""

    def __init__(
        self,
        attention_norm: nn.RMSNorm,
        attention: Attention,
        network_norm: nn.RMSNorm,
        network: SwiGlu | RoutedMixture,
    ) -> None:
        mixture = network if isinstance(network, RoutedMixture) else None
        always = network if mixture is None else mixture.shared
        self._known = attention.n_heads <= MAX_VECTORS * attention.n_kv_heads
        self._kept_alive: list[object] = []
        self._layer = _Layer(
            attention.out.out_features,
            attention.n_heads,
            attention.n_kv_heads,
            attention.head_dim,
            0 if mixture is None else mixture.top_k,
            attention_norm.eps,
            network_norm.eps,
            self._numbers(attention_norm.weight),
            self._numbers(network_norm.weight),
            self._numbers(attention.qkv.bias),
            self._stored(_matrix(attention.qkv)),
            self._stored(_matrix(attention.out)),
            self._stored(None if mixture is None else Matrix(mixture.routers.data.flatten(0, 1))),
            self._networks([] if mixture is None else mixture.every_matrix()),
            self._networks([_gated(always)]),
        )

    def usable(self, x: Tensor, cache: KvCache) -> bool:
        """Whether x [B, T, D] behind `cache` is one position that is served best here."""
        return (
            x.shape[:2] == (1, 1)
            and self._known
            and x.dtype in ACTIVATIONS
            and cache.dtype in (None, x.dtype)
            and usable(x, x.dtype)
        )

    def step(
        self, x: Tensor, cache: KvCache, table: RotaryTable, modality: int = 0
    ) -> tuple[Tensor, KvCache]:
        """The next position x [1, 1, D] → [1, 1, D] and the cache with it."""
        layer, x = self._layer, x.contiguous()
        y = torch.empty_like(x)
        cos, sin = (part.contiguous() for part in table)
        longer = cache.longer(1, x.new_empty(1, layer.n_kv_heads, 0, layer.head_dim))
        keys, values = longer.keys_values()
        places = (part.data_ptr() for part in (x, y, keys, values, cos, sin))
        position = _Position(
            *places,
            ACTIVATIONS[x.dtype],
            keys.stride(1) // layer.head_dim,
            cache.length,
            modality,
            torch.get_num_threads(),
        )
        functions().decode_layer(ctypes.byref(layer), ctypes.byref(position))
        return y, longer

    def _numbers(self, values: Tensor | None) -> _Numbers:
        if values is None:
            return _Numbers()
        self._keep(values, ACTIVATIONS)
        return _Numbers(values.data_ptr(), KINDS.get(values.dtype, 0))

    def _stored(self, matrix: Matrix | None) -> _Stored:
        if matrix is None:
            return _Stored()
        place = self._place(matrix)
        return _Stored(place, KINDS.get(matrix.weights.dtype, 0), matrix.weights.shape[0])

    def _networks(self, networks: Sequence[tuple[Matrix, Matrix, Matrix]]) -> _Networks:
        if not networks:
            return _Networks()
        matrices, weights = [m for network in networks for m in network], networks[0][0].weights
        table = (_Matrix * len(matrices))(*map(self._place, matrices))
        self._kept_alive.append(table)
        self._known = self._known and len({m.weights.dtype for m in matrices}) == 1
        return _Networks(table, KINDS.get(weights.dtype, 0), len(networks), weights.shape[0])

    def _place(self, matrix: Matrix) -> _Matrix:
        self._keep(matrix.weights, KINDS)
        self._kept_alive.append(matrix)
        return _Matrix(*matrix.pointers, matrix.columns)

    def _keep(self, values: Tensor, kinds: Container[torch.dtype]) -> None:
        self._known = self._known and values.dtype in kinds and values.is_contiguous()
        self._kept_alive.append(values)


def _matrix(linear: nn.Module) -> Matrix:
    """The weights of a linear layer, quantised or not."""
    return Matrix(linear.weight.data, getattr(linear, "scales", None))


def _gated(network: SwiGlu) -> tuple[Matrix, Matrix, Matrix]:
    """Gate, up and down of a network that stores the first two as one."""
    both = _matrix(network.gate_up)
    scales = (None, None) if both.scales is None else both.scales.chunk(2)
    gate, up = map(Matrix, both.weights.chunk(2), scales)
    return gate, up, _matrix(network.down)
