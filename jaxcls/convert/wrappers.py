"""Weights out of what they are saved in: training scripts put a dict around them, and parallel wrappers a prefix."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from jaxcls.convert.readers import Tensor, read_file
from jaxcls.errors import UserError

# Averaged weights come first, as they do where a run of ours kept some.
_KEYS = ("state_dict_ema", "model_ema", "ema", "state_dict", "model_state_dict", "model_state", "model", "teacher")
_META = "meta"


@dataclass(frozen=True)
class Weights:
    """What a file holds of a model.

    Attributes:
        state_dict: name -> array or unread `Tensor`.
        meta: MMClassification's notes (`CLASSES`, `epoch`, `iter`, …), empty where there are none.
        key: where in the file the weights were, e.g. `state_dict`; empty where they are the whole.
    """

    state_dict: dict[str, Any]
    meta: dict[str, Any]
    key: str

    @property
    def where(self) -> str:
        """The same for a message."""
        return f", under {self.key!r}" if self.key else ""


def read_weights(path: str | Path) -> Weights:
    """The weights in a file, unread.

    Raises:
        UserError: it cannot be read, or holds none.
    """
    saved = read_file(path)
    meta = saved.get(_META) if isinstance(saved, Mapping) else None
    keys: list[str] = []
    while not _is_state_dict(saved):
        key = _wrapper(saved)
        if key is None or len(keys) > 3:
            raise UserError(f"{path} holds no weights by their names{_contents(saved)}")
        saved = saved[key]
        keys.append(key)
    state_dict = {str(name): value for name, value in saved.items()}
    return Weights(_without_averages(state_dict), meta if isinstance(meta, dict) else {}, ".".join(keys))


def _is_array(value: Any) -> bool:
    return isinstance(value, Tensor | np.ndarray)


def _is_state_dict(saved: Any) -> bool:
    return isinstance(saved, Mapping) and any(_is_array(value) for value in saved.values())


def _wrapper(saved: Any) -> str | None:
    """The key under which the weights are: a known one, or the only one that holds a state dict."""
    if not isinstance(saved, Mapping):
        return None
    for key in _KEYS:
        if isinstance(saved.get(key), Mapping) and saved[key]:
            return key
    holding = [key for key, value in saved.items() if _is_state_dict(value)]
    return holding[0] if len(holding) == 1 else None


def _contents(saved: Any) -> str:
    if not isinstance(saved, Mapping):
        return f": it is a {type(saved).__name__}"
    keys = ", ".join(repr(str(key)[:40]) for key in list(saved)[:20])
    return f": it has {keys or 'nothing'}; expected a state dict, or one under {', '.join(_KEYS)}"


def _without_averages(state_dict: dict[str, Any]) -> dict[str, Any]:
    """Without the buffers of MMCV's EMAHook: as it saves, the plain names hold the averages, they the raw weights."""
    buffers = {f"ema_{name.replace('.', '_')}" for name in state_dict}
    return {name: value for name, value in state_dict.items() if name not in buffers}
