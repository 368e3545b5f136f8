"""What a schedule names and its training never reaches; no mistake, and rarely what was meant."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import accumulate
from typing import Any


def unreached(arguments: Mapping[str, Any], total: int, unit: str) -> list[str]:
    """A sentence for each argument that names places beyond the training's end.

    Args:
        arguments: of a policy.
        total: the training's length.
        unit: in which it and the arguments count.
    """
    places: dict[str, list[int]] = {}
    if (step := arguments.get("step")) is not None:
        places["step"] = [step] if isinstance(step, int) else list(step)
    if (periods := arguments.get("periods")) is not None:
        places["periods"] = list(accumulate(periods))[:-1]  # where the others begin
    late = {name: [place for place in found if place >= total] for name, found in places.items()}
    return [
        f"{name}: {', '.join(map(str, beyond))} never comes, the training ends after {total} {unit}"
        for name, beyond in late.items()
        if beyond
    ]


def warmup_unreached(length: int, max_iters: int) -> list[str]:
    """A sentence about a warm-up that is longer than the training."""
    if length <= max_iters:
        return []
    return [f"the warm-up takes {length} iterations, the training ends after {max_iters}, before its end"]
