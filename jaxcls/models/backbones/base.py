"""What every backbone is to the rest, and what those with an `arch` share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, TypeVar

import numpy as np
from flax import linen as nn

from jaxcls.errors import UserError, close_names
from jaxcls.models.backbones.layout import Layout

Config = Mapping[str, Any]
Block = TypeVar("Block", bound=nn.Module)


class Backbone(nn.Module):
    """Images (N, H, W, C) -> a tuple of features, one for each of `out_indices`.

    Called as `backbone(images, train)`. Parameter paths are the original's checkpoint names. A family declares its
    `layout` and `num_outputs`, and reads `out_indices`, `frozen_stages` and `with_cp` through what is below.
    Where `freezes_first_stage_with_stem`, `frozen_stages` counts from 0, the stem and the first stage together.
    """

    layout: ClassVar[Layout | None] = None
    images_to_fit: ClassVar[int] = 0  # of the training data, for `fit`
    freezes_first_stage_with_stem: ClassVar[bool] = False

    def __post_init__(self) -> None:
        if "out_indices" in self.__dataclass_fields__:
            output_indices(self.out_indices, self.num_outputs)  # type: ignore[attr-defined]
        if "frozen_stages" in self.__dataclass_fields__:
            self._check_frozen_stages(self.frozen_stages)  # type: ignore[attr-defined]
        super().__post_init__()

    # what a family with the argument of that name says

    @property
    def num_outputs(self) -> int:
        """How many stages or layers `out_indices` chooses from."""
        raise NotImplementedError(f"{type(self).__name__} has out_indices and so needs num_outputs")

    @property
    def num_stages_to_freeze(self) -> int:
        """The greatest `frozen_stages`."""
        return self.num_outputs - self.freezes_first_stage_with_stem

    @property
    def frozen_through(self) -> int:
        """The last stage that is frozen, as `layout` counts them: 0 the stem, 1 the first stage; -1: nothing is."""
        frozen = getattr(self, "frozen_stages", -1)
        return frozen + 1 if self.freezes_first_stage_with_stem and frozen >= 0 else frozen

    # what a family uses

    @property
    def returned(self) -> frozenset[int]:
        """The stages or layers to return, from 0."""
        return output_indices(self.out_indices, self.num_outputs)  # type: ignore[attr-defined]

    def trains(self, stage: int, train: bool) -> bool:
        """Whether a stage (0: the stem) trains: a frozen one is as in evaluation."""
        return train and stage > self.frozen_through

    @nn.nowrap
    def checkpointed(self, block: type[Block], train: bool, arrays: int = 1) -> type[Block]:
        """`block`, its activations computed again in the backward pass where `with_cp` says so.

        It is called with `arrays` arrays and `train`, by place.
        """
        return nn.remat(block, static_argnums=(1 + arrays,)) if train and getattr(self, "with_cp", False) else block

    # what the rest asks

    def is_frozen(self, path: tuple[str, ...]) -> bool:
        """Whether the parameter at `path` (below the backbone) is in a frozen stage."""
        if self.frozen_through < 0:
            return False
        stage = self.stage_of(".".join(path))
        return stage is not None and stage <= self.frozen_through

    def stage_of(self, name: str) -> float | None:
        """The stage, from 1, of a layer; 0: the stem; infinity: what follows the stages; None: nobody knows."""
        return self.layout.stage_of(name) if self.layout else None

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

    @nn.nowrap
    def fit(self, params: Mapping[str, Any], images: np.ndarray) -> Mapping[str, Any]:
        """The first parameters, where they depend on training images: called where `images_to_fit` is not 0.

        Args:
            params: the backbone's, as initialised.
            images: (n, H, W, C) float32 as it sees them in evaluation, n up to `images_to_fit`.
        """
        return params

    @property
    def computed(self) -> Mapping[str, tuple[int, ...] | None]:
        """Buffers of the original that are no parameters here, but computed: names below the backbone -> shapes.

        None: of any shape, and what a state dict has of it is in the collection `buffers`.
        """
        return {}

    def _check_frozen_stages(self, frozen_stages: int) -> None:
        if not isinstance(frozen_stages, int) or not -1 <= frozen_stages <= self.num_stages_to_freeze:
            raise UserError(f"frozen_stages={frozen_stages!r}; allowed: -1 to {self.num_stages_to_freeze}")


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
    if not isinstance(arch, Mapping) or not set(keys) <= set(arch):
        given = dict(arch) if isinstance(arch, Mapping) else arch
        raise UserError(f"arch={given!r}; a dict needs {', '.join(keys)}")
    return arch


def variant_of(value: Any, known: Mapping[Any, Any], argument: str) -> Any:
    """`known[value]`: what an argument such as `depth` chooses.

    Raises:
        UserError: nothing of that name.
    """
    if value not in known:
        raise UserError(f"{argument}={value!r}; allowed: {', '.join(map(str, known))}")
    return known[value]


def one_a_stage(value: Any, count: int, argument: str) -> tuple[Any, ...]:
    """The first `count` of an argument that has one value a stage.

    Raises:
        UserError: no sequence, or too short a one.
    """
    if not isinstance(value, tuple | list) or len(value) < count:
        raise UserError(f"{argument}={value!r}; expected one a stage, {count} of them")
    return tuple(value[:count])


def output_indices(out_indices: int | Sequence[int], count: int, argument: str = "out_indices") -> frozenset[int]:
    """`out_indices` of `count` layers or stages, one or several, all counted from the start.

    Raises:
        UserError: one that is not there, or none at all.
    """
    indices = (out_indices,) if isinstance(out_indices, int) else out_indices
    if not isinstance(indices, tuple | list) or not indices:
        raise UserError(f"{argument}={out_indices!r}; expected one index or several, {-count} to {count - 1}")
    if not all(isinstance(index, int) and -count <= index < count for index in indices):
        raise UserError(f"{argument}={out_indices!r}; allowed: {-count} to {count - 1}")
    return frozenset(index % count for index in indices)
