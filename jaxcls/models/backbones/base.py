"""What every backbone is to the rest, and what those with an `arch` share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from flax import linen as nn

from jaxcls.errors import UserError, close_names

Config = Mapping[str, Any]


class Backbone(nn.Module):
    """Images (N, H, W, C) -> a tuple of features, one for each of `out_indices`.

    Called as `backbone(images, train)`. Parameter paths are the original's checkpoint names.
    """

    def is_frozen(self, path: tuple[str, ...]) -> bool:
        """Whether the parameter at `path` (below the backbone) stays as it is in training."""
        return False

    @nn.nowrap
    def resize_on_load(self, path: tuple[str, ...], value: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
        """A checkpoint's parameter for this backbone, where it depends on the size of images or windows.

        Args:
            path: the parameter's, below the backbone.
            value: as the checkpoint has it.
            shape: as this backbone has it.

        Returns:
            `value` in `shape`, or as it is where no other size explains the difference.
        """
        return value


def architectures(keys: Sequence[str], by_names: Mapping[tuple[str, ...], Sequence[Any]]) -> dict[str, dict[str, Any]]:
    """Each name's settings, from a table of names -> values of `keys`."""
    return {name: dict(zip(keys, values, strict=True)) for names, values in by_names.items() for name in names}


def settings_of(arch: str | Config, known: Mapping[str, Config]) -> Config:
    """The settings of an architecture: a name in `known`, in any case, or a dict with the same keys.

    Raises:
        UserError: an unknown name, or a dict that lacks a key.
    """
    if isinstance(arch, str):
        if arch.lower() not in known:
            raise UserError(f"arch={arch!r}; {close_names(arch, known)}, or a dict")
        return known[arch.lower()]
    keys = next(iter(known.values())).keys()
    if not set(keys) <= set(arch):
        raise UserError(f"arch={dict(arch)}; a dict needs {', '.join(keys)}")
    return arch


def output_indices(out_indices: int | Sequence[int], count: int) -> set[int]:
    """`out_indices` of `count` layers or stages, one or several, all counted from the start.

    Raises:
        UserError: one that is not there.
    """
    indices = (out_indices,) if isinstance(out_indices, int) else tuple(out_indices)
    if not all(-count <= index < count for index in indices):
        raise UserError(f"out_indices={out_indices}; allowed: {-count} to {count - 1}")
    return {index % count for index in indices}
