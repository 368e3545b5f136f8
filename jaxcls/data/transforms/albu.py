"""Albumentations' transforms (https://albumentations.ai), an optional dependency."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from jaxcls.data.transforms.base import ImageTransform
from jaxcls.errors import UserError, close_names


class Albu(ImageTransform):
    """Applies a list of Albumentations' transforms to the image.

    Args:
        transforms: their configs: `type`, a name in `albumentations`, and its arguments; `transforms` in it may hold
            further ones, as in `OneOf`.
        keymap: of the original's samples, which hold more: `{"img": "image"}` or None.

    Raises:
        UserError: albumentations 2 or later is not installed, a name is not in it, or an argument is refused.
    """

    def __init__(self, transforms: Sequence[Mapping[str, Any]], keymap: Mapping[str, str] | None = None) -> None:
        try:
            import albumentations
        except ImportError as error:
            raise UserError("Albu needs albumentations 2 or later: pip install albumentations") from error
        if not hasattr(albumentations.Compose, "set_random_seed"):
            raise UserError(f"Albu needs albumentations 2 or later, got {albumentations.__version__}")
        if keymap and dict(keymap) != {"img": "image"}:
            raise UserError(f"keymap={keymap!r}: only the image is transformed; expected {{'img': 'image'}} or None")
        self._compose = albumentations.Compose([_build(config, albumentations) for config in transforms])

    def transform(self, image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """(H, W, C) -> whatever the transforms make of it."""
        compose = copy.deepcopy(self._compose)  # it holds its random state, and other threads use it too
        compose.set_random_seed(int(rng.integers(2**31)))
        return compose(image=np.ascontiguousarray(image))["image"]


def _build(config: Any, albumentations: Any) -> Any:
    if not isinstance(config, Mapping):
        raise UserError(f"transforms: {config!r}: expected a dict with the type of an albumentations class")
    arguments = dict(config)
    name = arguments.pop("type", None)
    if not isinstance(getattr(albumentations, str(name), None), type):
        raise UserError(f"transforms: {name!r} is not in albumentations; {close_names(str(name), dir(albumentations))}")
    if "transforms" in arguments:
        arguments["transforms"] = [_build(inner, albumentations) for inner in arguments["transforms"]]
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("error", message="Argument")  # albumentations only warns of unknown arguments
            return getattr(albumentations, name)(**arguments)
    except (TypeError, ValueError, UserWarning) as error:
        raise UserError(f"transforms: {name}: {error}") from error
