"""The layers of a network whose outputs are maps, found by its family's declared stages."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
from flax import linen as nn

from jaxcls.errors import UserError, did_you_mean


@dataclass(frozen=True)
class Target:
    """A layer whose output is a map, or tokens that lie on one.

    Attributes:
        name: its path, `backbone.layer4.1`.
        shape: of its output, N = 1.
        dtype: of its output.
        grid: (H', W') of the map.
        extra: how many tokens before the map's belong to no place (class token, registers).
        index: which of its outputs, where it gives several.
        calls: how often it is called; the last call counts.
    """

    name: str
    shape: tuple[int, ...]
    dtype: Any
    grid: tuple[int, int]
    extra: int = 0
    index: int = 0
    calls: int = 1

    def on_map(self, outputs: Any) -> Any:
        """Outputs (N, H', W', D) or tokens (N, L, D) -> (N, H', W', D)."""
        return outputs if outputs.ndim == 4 else outputs[:, self.extra :].reshape(len(outputs), *self.grid, -1)


class Targets(Mapping[str, Target]):
    """All layers of a network whose outputs are maps, by their names, in the order of their calls.

    Args:
        classifier: an unbound module with a `backbone`.
        image_shape: (H, W, C).
        num_extra_tokens: how many tokens come before those of the map; None: all that are more than its places.

    Raises:
        UserError: the network does not take such images.
    """

    def __init__(self, classifier: nn.Module, image_shape: Sequence[int], num_extra_tokens: int | None = None) -> None:
        self._backbone: Any = getattr(classifier, "backbone", None)
        self._extra = num_extra_tokens
        self._found: dict[str, Target] = {}
        self._grid: tuple[int, int] | None = None
        images = jax.ShapeDtypeStruct((1, *image_shape), jnp.float32)
        variables = jax.eval_shape(classifier.init, jax.random.key(0), images)

        def forward(variables: Any, images: Any) -> Any:
            with nn.intercept_methods(self._note):
                return classifier.apply(variables, images)

        jax.eval_shape(forward, variables, images)

    def _note(self, call: Any, args: Any, kwargs: Any, context: nn.module.InterceptorContext) -> Any:
        output = call(*args, **kwargs)
        name = ".".join(context.module.path) if context.method_name == "__call__" else ""
        if name.startswith("backbone."):
            leaves = sorted(enumerate(jax.tree.leaves(output)), key=lambda pair: -pair[1].ndim)  # maps before tokens
            for index, leaf in leaves:
                if target := self._target(name, index, leaf):
                    self._found.pop(name, None)  # the last call's place in the order
                    self._found[name] = target
                    break
        return output

    def _target(self, name: str, index: int, leaf: Any) -> Target | None:
        calls = self._found[name].calls + 1 if name in self._found else 1
        if leaf.ndim not in (3, 4) or len(leaf) != 1:  # windows, or the pixels within patches, in place of images
            return None
        if leaf.ndim == 4 and min(leaf.shape[1:3]) > 1:
            self._grid = leaf.shape[1:3]
            return Target(name, leaf.shape, leaf.dtype, leaf.shape[1:3], 0, index, calls)
        if leaf.ndim == 4:
            return None
        extra = self._extra
        grid = self._grid if self._grid and math.prod(self._grid) <= leaf.shape[1] else None
        if grid is None:
            side = math.isqrt(leaf.shape[1] - (extra or 0))
            grid = (side, side)
        extra = leaf.shape[1] - math.prod(grid) if extra is None else extra
        if math.prod(grid) + extra != leaf.shape[1] or extra > leaf.shape[1] // 2:
            return None
        return Target(name, leaf.shape, leaf.dtype, grid, extra, index, calls)

    def __getitem__(self, name: str) -> Target:
        """The layer of a name, without `backbone.` too; `stage2` is the last block of the second stage."""
        if name.startswith("stage") and name[5:].isdecimal():
            return self.last_of(int(name[5:]))
        found = self._found.get(name) or self._found.get(f"backbone.{name}")
        if found is None:
            hint = did_you_mean(name, (one.removeprefix("backbone.") for one in self._found))
            raise UserError(f"--target_layers: {name!r} gives no map; {hint}--preview_model lists those that do")
        return found

    def __iter__(self) -> Any:
        return iter(self._found)

    def __len__(self) -> int:
        return len(self._found)

    @property
    def stages(self) -> dict[int, list[str]]:
        """Stage, from 1 -> the names of its blocks, in order."""
        layout = getattr(self._backbone, "layout", None)
        blocks: dict[int, list[str]] = {}
        for name in self._found:
            inner = name.removeprefix("backbone.")
            stage = layout.block_of(inner) if layout else None
            if stage is not None:
                blocks.setdefault(stage, []).append(name)
        return blocks

    def last_of(self, stage: int) -> Target:
        """The last block of a stage.

        Raises:
            UserError: there is no such stage.
        """
        if stage not in self.stages:
            raise UserError(f"--target_layers: no 'stage{stage}'; the family declares {sorted(self.stages)}")
        return self._found[self.stages[stage][-1]]

    def default(self) -> Target:
        """The last block; where a class token is among its tokens, the norm that it begins with, or the block before.

        The head does not see the last block's other tokens, so that their gradient is zero.

        Raises:
            UserError: no layer gives a map.
        """
        if not self._found:
            raise UserError("no layer of the backbone gives a map of more than one place; larger images may")
        stages = self.stages
        blocks = [name for stage in sorted(stages) for name in stages[stage]] or list(self._found)
        last = self._found[blocks[-1]]
        if not last.extra:
            return last
        inner = (target for name, target in self._found.items() if name.startswith(f"{last.name}."))
        first = next(inner, None)
        if first is not None and first.shape == last.shape:
            return first
        return self._found[blocks[-2]] if len(blocks) > 1 else last
