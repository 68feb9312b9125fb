"""Tensors of released checkpoints: where they lie, and how they come into our modules.

A `TensorSource` knows names and shapes without reading a tensor; safetensors stay mapped to the
disk until a page is used. Each part of the family keeps one table "our name → theirs" and hands
it to `load_into`, which names all that does not fit in one error.
"""

from __future__ import annotations

import json
import pickle
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, Protocol

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn

N_NAMED = 8  # so many names stand in an error, the rest as a count


class CheckpointError(ValueError):
    """A checkpoint that cannot be used; the message says what is wrong with which file."""


class TensorSource(Protocol):
    """Named tensors, read one by one."""

    @property
    def origin(self) -> str:
        """What an error calls this source: a file, a folder, a part of one."""

    def keys(self) -> tuple[str, ...]:
        """The names of all tensors."""

    def shape(self, key: str) -> tuple[int, ...]:
        """The shape of one tensor, without reading it."""

    def tensor(self, key: str) -> Tensor:
        """One tensor on the CPU in its stored dtype; it may be mapped to the disk."""


@dataclass(frozen=True)
class Built:
    """A tensor made of several stored ones: `make(*inputs)`."""

    inputs: tuple[str, ...]
    make: Callable[..., Tensor]


def joined(*inputs: str) -> Built:
    """The stored tensors one below the other (first axis)."""
    return Built(inputs, lambda *parts: torch.cat(parts))


def stacked(*inputs: str) -> Built:
    """The stored tensors along a new first axis."""
    return Built(inputs, lambda *parts: torch.stack(parts))


Names = Mapping[str, "str | Built"]


class TensorDict:
    """A source over tensors in memory."""

    def __init__(self, tensors: Mapping[str, Tensor], origin: str = "tensors in memory") -> None:
        self.origin = origin
        self._tensors = dict(tensors)

    def keys(self) -> tuple[str, ...]:
        return tuple(self._tensors)

    def shape(self, key: str) -> tuple[int, ...]:
        return tuple(self.tensor(key).shape)

    def tensor(self, key: str) -> Tensor:
        return _found(self._tensors, key, self.origin)


class _Safetensors:
    """A source over the shards of a folder; their headers are read at once, tensors when asked."""

    def __init__(self, files: Iterable[Path], origin: str) -> None:
        self.origin = origin
        self._shard_of: dict[str, Any] = {}
        for path in files:
            try:
                shard = safe_open(path, framework="pt", device="cpu")
            except (SafetensorError, OSError) as error:
                raise CheckpointError(
                    f"{path} is not a readable safetensors file: {error}"
                ) from None
            for key in shard.keys():  # noqa: SIM118 - a shard is no mapping
                if key in self._shard_of:
                    raise CheckpointError(f"{origin} holds {key} in two files")
                self._shard_of[key] = shard

    def keys(self) -> tuple[str, ...]:
        return tuple(self._shard_of)

    def shape(self, key: str) -> tuple[int, ...]:
        return tuple(_found(self._shard_of, key, self.origin).get_slice(key).get_shape())

    def tensor(self, key: str) -> Tensor:
        return _found(self._shard_of, key, self.origin).get_tensor(key)


class _Prefixed:
    """The tensors of a source whose names begin with a prefix, without it."""

    def __init__(self, source: TensorSource, prefix: str) -> None:
        self.origin = f"{source.origin} ({prefix}*)" if prefix else source.origin
        self._source, self._prefix = source, prefix
        names = source.keys()
        self._keys = tuple(k[len(prefix) :] for k in names if k.startswith(prefix))

    def keys(self) -> tuple[str, ...]:
        return self._keys

    def shape(self, key: str) -> tuple[int, ...]:
        return self._source.shape(self._prefix + key)

    def tensor(self, key: str) -> Tensor:
        return self._source.tensor(self._prefix + key)


class _Folded:
    """A source whose weight-normalised tensors appear as the plain weights they stand for."""

    STYLES = (
        (".weight_g", ".weight_v"),
        (".parametrizations.weight.original0", ".parametrizations.weight.original1"),
    )

    def __init__(self, source: TensorSource) -> None:
        self.origin = source.origin
        self._source = source
        keys = source.keys()
        known = set(keys)
        self._halves: dict[str, tuple[str, str]] = {}
        for magnitude, direction in self.STYLES:
            for key in keys:
                name = key.removesuffix(magnitude)
                if name != key and name + direction in known:
                    self._halves[f"{name}.weight"] = (key, name + direction)
        used = {half for pair in self._halves.values() for half in pair}
        self._keys = (*(k for k in keys if k not in used), *self._halves)

    def keys(self) -> tuple[str, ...]:
        return self._keys

    def shape(self, key: str) -> tuple[int, ...]:
        return self._source.shape(self._halves[key][1] if key in self._halves else key)

    def tensor(self, key: str) -> Tensor:
        if key not in self._halves:
            return self._source.tensor(key)
        magnitude, direction = (self._source.tensor(half).float() for half in self._halves[key])
        axes = [axis for axis, size in enumerate(magnitude.shape) if size == 1]
        return direction * (magnitude / direction.square().sum(axes, keepdim=True).sqrt())


def open_safetensors(path: Path | str) -> TensorSource:
    """One file, or a folder: its index file decides, else every *.safetensors in it.

    Raises:
        CheckpointError: nothing there, a shard missing or unreadable.
    """
    path = Path(path)
    if path.is_file():
        return _Safetensors([path], path.name)
    indices = sorted(path.glob("*.safetensors.index.json"))
    files = _shards(path, indices[0]) if indices else sorted(path.glob("*.safetensors"))
    if not files:
        raise CheckpointError(f"there is no safetensors file in {path}")
    return _Safetensors(files, path.name)


def open_pt(path: Path | str) -> TensorSource:
    """A PyTorch file of named tensors, bare or under the key "model"; runs no code of the file."""
    content = load_pt(path)
    if isinstance(content, dict) and isinstance(content.get("model"), dict):
        content = content["model"]
    name = Path(path).name
    if not isinstance(content, dict) or not content:
        raise CheckpointError(f"{name} holds no named tensors")
    return TensorDict({k: v for k, v in content.items() if isinstance(v, Tensor)}, name)


def load_pt(path: Path | str) -> Any:
    """The content of a PyTorch file, which may hold tensors, numbers, text, lists and dicts only.

    Raises:
        CheckpointError: not there, broken, or it would run code.
    """
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError:
        raise CheckpointError(f"there is no file {path}") from None
    except pickle.UnpicklingError:
        raise CheckpointError(f"{path} holds more than tensors and is not opened") from None
    except (RuntimeError, EOFError, OSError, ValueError) as error:
        raise CheckpointError(f"{path} is not a readable PyTorch file: {error}") from None


def prefixed(source: TensorSource, prefix: str) -> TensorSource:
    """Only what begins with `prefix` ("audio."), without it."""
    return _Prefixed(source, prefix)


def fold_weight_norm(source: TensorSource) -> TensorSource:
    """Weight-normalised tensors, of either style, as plain `….weight` (arXiv 1602.07868)."""
    return _Folded(source)


def load_into(
    module: nn.Module,
    source: TensorSource,
    names: Names | None = None,
    ignore: Iterable[str] = (),
    dtype: torch.dtype | None = None,
    device: torch.device | str | None = None,
) -> None:
    """Put the source's tensors in the place of the module's parameters and persistent buffers.

    The module may have been made under `torch.device("meta")`. Tensors that need no conversion
    are not copied: they stay mapped to the disk until used.

    Args:
        module: what is to be filled.
        source: where the tensors are.
        names: stored name, or how to build the tensor, by our name; ours where not given.
        ignore: patterns (`*` matches all) of stored names that may be left over.
        dtype: of floating-point tensors; each parameter's own where not given.
        device: where the tensors go; the CPU where not given.

    Raises:
        CheckpointError: names every missing, surplus and misshapen tensor.
    """
    wanted = module.state_dict()
    recipes = {name: _recipe(name, names or {}) for name in wanted}
    known = set(source.keys())
    missing = [key for recipe in recipes.values() for key in recipe.inputs if key not in known]
    used = {key for recipe in recipes.values() for key in recipe.inputs}
    surplus = [
        key
        for key in source.keys()  # noqa: SIM118 - a source is no mapping
        if key not in used and not any(fnmatchcase(key, pattern) for pattern in ignore)
    ]
    misshapen, state = [], {}
    for name, recipe in recipes.items():
        if known.issuperset(recipe.inputs):
            tensor = recipe.make(*(source.tensor(key) for key in recipe.inputs))
            if tensor.shape != wanted[name].shape:
                shapes = f"{list(tensor.shape)} instead of {list(wanted[name].shape)}"
                misshapen.append(f"{recipe.inputs[0]} {shapes}")
            elif not (missing or surplus or misshapen):
                state[name] = _converted(tensor, dtype or wanted[name].dtype, device)
    _complain(source.origin, missing, surplus, misshapen)
    module.load_state_dict(state, assign=True)
    module.requires_grad_(False)


def _shards(folder: Path, index: Path) -> list[Path]:
    try:
        names = sorted(set(json.loads(index.read_text(encoding="utf-8"))["weight_map"].values()))
    except (ValueError, KeyError, AttributeError, TypeError):
        raise CheckpointError(f"{index} is not a readable index of safetensors files") from None
    foreign = [name for name in names if Path(name).name != name]
    if foreign:
        raise CheckpointError(f"{index} names a file outside its folder: {foreign[0]}")
    missing = [name for name in names if not (folder / name).is_file()]
    if missing:
        raise CheckpointError(f"{folder} lacks {_listed(missing)}, named in {index.name}")
    return [folder / name for name in names]


def _found(tensors: Mapping[str, Any], key: str, origin: str) -> Any:
    if key not in tensors:
        raise CheckpointError(f"{origin} lacks {key}")
    return tensors[key]


def _recipe(name: str, names: Names) -> Built:
    stored = names.get(name, name)
    return stored if isinstance(stored, Built) else Built((stored,), lambda tensor: tensor)


def _converted(tensor: Tensor, dtype: torch.dtype, device: torch.device | str | None) -> Tensor:
    return tensor.to(device or "cpu", dtype if tensor.is_floating_point() else tensor.dtype)


def _complain(origin: str, missing: list[str], surplus: list[str], misshapen: list[str]) -> None:
    faults = [("lacks", missing), ("has no use for", surplus), ("does not fit:", misshapen)]
    said = [f"{verb} {_listed(keys)}" for verb, keys in faults if keys]
    if said:
        raise CheckpointError(f"{origin} {'; '.join(said)}")


def _listed(keys: list[str]) -> str:
    more = f" and {len(keys) - N_NAMED} more" if len(keys) > N_NAMED else ""
    return ", ".join(keys[:N_NAMED]) + more
