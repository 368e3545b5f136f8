"""A small variant of each backbone, a family a file: the tests of all families read this table."""

from __future__ import annotations

import functools
import importlib
import pkgutil
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn

from jaxcls.models import build_classifier
from tests.models.families.family import Family

FAMILIES: dict[str, Family] = {}
for _module in pkgutil.iter_modules(__path__, f"{__name__}."):
    FAMILIES |= getattr(importlib.import_module(_module.name), "FAMILIES", {})


def classifier(name: str, num_classes: int = 8, **changes: Any) -> nn.Module:
    """The small variant, `changes` among its backbone's arguments."""
    family = FAMILIES[name]
    head = {"type": family.head}
    if family.width is not None:
        head |= {"num_classes": num_classes, "in_channels": family.width}
    backbone = {"type": name, **family.arguments, **changes}
    return build_classifier({"type": "ImageClassifier", "backbone": backbone, "neck": family.neck, "head": head})


def images(name: str, count: int = 8, size: int | None = None) -> np.ndarray:
    """Random images for it, (count, H, W, C) float32."""
    family = FAMILIES[name]
    shape = (count, *[size or family.size] * 2, family.channels)
    return np.random.default_rng(0).standard_normal(shape).astype(np.float32)


@functools.cache
def shapes(name: str) -> Any:
    """The variables' shapes, which are the same whatever is frozen or computed twice."""
    spec = jax.ShapeDtypeStruct(images(name, 1).shape, jnp.float32)
    return jax.eval_shape(classifier(name).init, jax.random.key(0), spec)
