"""A GPU for machines without one: tensors that say they are on it and keep apart from the CPU's.

Inside `pretended_gpu()` whatever is made on, or moved to, `cuda` becomes an OnGpu tensor. It
computes on the CPU, but like the real thing it cannot be mixed with tensors that are there, nor
be read by NumPy or through a pointer: who forgets to move something, or takes the CPU for
granted, finds out. Speed, memory and rounding of a GPU cannot be pretended.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any
from unittest import mock

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode
from torch.utils._pytree import tree_flatten, tree_map

GPU = torch.device("cuda", 0)
ABOUT_ITSELF = ("device", "is_cuda", "is_cpu", "requires_grad", "_version", "grad_fn", "is_leaf")
FOR_THE_CPU = (Tensor.numpy, Tensor.data_ptr, Tensor.__array__)
TAKES_BOTH = (Tensor.copy_, Tensor.__getitem__, Tensor.__setitem__)
"""Copies, and indexing with a small table, may have one side on the CPU."""


class OnGpu(Tensor):
    """See the module's text; `held` has the values."""

    held: Tensor

    @staticmethod
    def __new__(cls, held: Tensor) -> OnGpu:
        made = Tensor._make_wrapper_subclass(
            cls, held.shape, strides=held.stride(), dtype=held.dtype, device=GPU
        )
        made.held = held.detach()
        return made

    def __repr__(self, **_: Any) -> str:  # type: ignore[override]
        return f"OnGpu({self.held})"

    @classmethod
    def __torch_function__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if getattr(getattr(func, "__self__", None), "__name__", "") in ABOUT_ITSELF:
            with torch._C.DisableTorchFunctionSubclass():
                return func(*args, **kwargs)
        assert func not in FOR_THE_CPU, f"{func.__name__} of a tensor on the GPU"
        if func is torch._has_compatible_shallow_copy_type:
            return False  # a module that moves takes new parameters
        if func is Tensor.cpu:
            return _held(args[0]).clone()
        return _computed(func, args, kwargs, func in TAKES_BOTH)

    @classmethod
    def __torch_dispatch__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return _computed(func, args, kwargs or {})  # what C++ does by itself, as making a parameter


class _Pretence(TorchFunctionMode):
    """Makes OnGpu of what is asked for on `cuda`."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = dict(kwargs or {})
        if func is Tensor.to:
            return _moved(*args, **kwargs)
        wanted = any(_is_gpu(x) for x in (*args, *kwargs.values()))
        if not wanted or func in (torch.device, torch._C._nn._parse_to):
            return func(*args, **kwargs)
        made = func(*map(_on_cpu, args), **{name: _on_cpu(x) for name, x in kwargs.items()})
        return OnGpu(made) if isinstance(made, Tensor) else made


@contextlib.contextmanager
def pretended_gpu() -> Iterator[None]:
    """Inside there is a GPU."""
    with mock.patch.object(torch.cuda, "is_available", lambda: True), _Pretence():
        yield


def _computed(func: Any, args: Any, kwargs: Any, takes_both: bool = False) -> Any:
    """The function of what the tensors hold; its tensors are on the GPU as well."""
    given = [x for x in tree_flatten((args, kwargs))[0] if isinstance(x, Tensor)]
    here = [x for x in given if not isinstance(x, OnGpu) and x.dim()]
    assert takes_both or not here, f"{func} mixes tensors of CPU and GPU"
    made = func(*tree_map(_held, args), **tree_map(_held, kwargs))
    known = {id(x.held): x for x in given if isinstance(x, OnGpu)}  # changed in place
    return tree_map(
        lambda x: known[id(x)] if id(x) in known else OnGpu(x) if isinstance(x, Tensor) else x,
        made,
    )


def _held(x: Any) -> Any:
    return x.held if isinstance(x, OnGpu) else x


def _is_gpu(x: Any) -> bool:
    return (isinstance(x, torch.device) and x.type == "cuda") or (
        isinstance(x, str) and x.startswith("cuda")
    )


def _on_cpu(x: Any) -> Any:
    return torch.device("cpu") if _is_gpu(x) else x


def _moved(tensor: Tensor, *args: Any, **kwargs: Any) -> Tensor:
    """Tensor.to in all its forms: to a device, to a dtype, to both, to those of another tensor."""
    on_gpu, rest = isinstance(tensor, OnGpu), []
    for x in (*args, kwargs.pop("device", None)):
        if isinstance(x, Tensor):
            on_gpu = isinstance(x, OnGpu)
            rest.append(x.dtype)
        elif isinstance(x, torch.device | str):
            on_gpu = _is_gpu(x)
        elif isinstance(x, torch.dtype):
            rest.append(x)
    held = _held(tensor)
    moved = held.to(*rest, **kwargs)
    if on_gpu == isinstance(tensor, OnGpu):
        return tensor if moved is held else OnGpu(moved) if on_gpu else moved
    moved = moved.clone() if moved is held else moved  # another device is other memory
    return OnGpu(moved) if on_gpu else moved
