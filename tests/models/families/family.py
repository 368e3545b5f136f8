"""What is known of a small variant of a backbone."""

from __future__ import annotations

import dataclasses
from typing import Any

GAP = {"type": "GlobalAveragePooling"}


@dataclasses.dataclass(frozen=True)
class Family:
    """A small variant.

    Attributes:
        arguments: of the backbone.
        width: of the features that the head sees; None: the backbone gives the logits.
        neck: its config, or None.
        head: its config; classes and width are filled in.
        size: pixels down and across.
        channels: of the images.
        least: the least size of images; None: only `size` will do.
        frozen: `frozen_stages` -> beginnings of the names of all frozen parameters.
        checkpointed: blocks whose activations are computed again where it is asked for; 0: it cannot be.
        checkpointing: the argument that asks for it.
        wrong: arguments that are refused -> part of the message.
        norm_eval: whether `norm_eval` has an effect, where there is such an argument.
        unused: ends of the names of parameters that are in the original's checkpoints and do nothing.
        float32: parts of the paths of results that are float32 in half precision too: biases of positions.
        exact: whether batch statistics of this variant are stable enough to compare two precisions.
        rounding: by how much of its length bfloat16 may change a step.
        cosine: of the angle by which it may turn it, at least; less where activations are near their kinks.
    """

    arguments: dict[str, Any]
    width: int | tuple[int, int] | None
    neck: dict[str, Any] | None = dataclasses.field(default_factory=lambda: GAP)
    head: str = "LinearClsHead"
    size: int = 16
    channels: int = 3
    least: int | None = 1
    frozen: dict[int, tuple[str, ...]] = dataclasses.field(default_factory=dict)
    checkpointed: int = 0
    checkpointing: str = "with_cp"
    wrong: tuple[tuple[dict[str, Any], str], ...] = ()
    norm_eval: bool = True
    float32: tuple[str, ...] = ()
    exact: bool = True
    rounding: float = 0.05
    cosine: float = 0.98
    unused: tuple[str, ...] = ()
