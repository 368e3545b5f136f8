"""Numbers of each class, and matrices, where a line or a curve is wanted; the JSON log has them as they are."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any

import numpy as np

_LISTED = 10  # numbers by class that a line holds


def scalars(numbers: Mapping[str, Any], classes: Sequence[str]) -> dict[str, float]:
    """Each single number; a vector as one of each class, `recall/cat`; no matrix.

    Characters that not all programs take become `_`; where that makes two names equal, they end in the class's index.

    Args:
        numbers: name -> number, or array.
        classes: the classes' names, in the order of a vector.
    """
    found: dict[str, float] = {}
    for name, value in numbers.items():
        values = np.atleast_1d(value)
        if values.ndim > 1 or values.dtype.kind not in "biuf":
            continue
        entries = [name] if np.ndim(value) == 0 else [f"{name}/{one}" for one in _names(classes, len(values))]
        for i, (entry, number) in enumerate(zip(entries, values.tolist(), strict=True)):
            tag = re.sub(r"[^\w\-. /]", "_", entry)
            found[f"{tag}_{i}" if tag in found else tag] = float(number)
    return found


def texts(numbers: Mapping[str, Any], classes: Sequence[str]) -> list[str]:
    """`name: value` of each; of more than ten classes the least and the most, of a matrix its size."""
    found = []
    for (name, _), group in groupby(numbers.items(), key=lambda item: _group(item[0])):
        members = dict(group)
        if len(members) > _LISTED:
            own = [one.partition("/")[2] for one in members]
            found.append(f"{name}: {_span(np.asarray(list(members.values())), own)}")
        else:
            found += [f"{one}: {_text(value, classes)}" for one, value in members.items()]
    return found


def _group(name: str) -> tuple[str, bool]:
    """What the numbers of one metric by class have in common, and whether that is what it is."""
    return name.partition("/")[0], "/" in name


def _text(value: Any, classes: Sequence[str]) -> str:
    if isinstance(value, float | np.floating):
        return f"{value:.4f}"
    values = np.asarray(value)
    if values.ndim == 0 or values.dtype.kind not in "iuf":
        return str(value)
    if values.ndim > 1:
        return " x ".join(map(str, values.shape))
    if len(values) > _LISTED:
        return _span(values, _names(classes, len(values)))
    return f"[{' '.join(_text(one, classes) for one in values.tolist())}]"


def _span(values: np.ndarray, names: Sequence[str]) -> str:
    """The least and the most, with their classes."""
    known = np.flatnonzero(~np.isnan(values))
    if not len(known):
        return "nan"
    least, most = (int(known[pick(values[known])]) for pick in (np.argmin, np.argmax))
    return " to ".join(f"{_text(values[i].item(), ())} ({names[i]})" for i in (least, most))


def _names(classes: Sequence[str], count: int) -> Sequence[str]:
    return classes if len(classes) == count else [str(i) for i in range(count)]
