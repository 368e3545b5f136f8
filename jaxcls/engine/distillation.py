"""Whether a teacher fits a student, and what brings the two together."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn
from jax import Array

from jaxcls.data.pipeline import Dataset
from jaxcls.data.sources.base import digest
from jaxcls.data.sources.files import some
from jaxcls.data.transforms import Normalize
from jaxcls.engine.log import get_logger
from jaxcls.engine.network import Network
from jaxcls.engine.step.teacher import Teacher
from jaxcls.errors import UserError, refuse
from jaxcls.models.distillation import Distillation
from jaxcls.models.heads.cls_head import WITHOUT_TEACHER, Head

WHERE = "model.train_cfg.distill"


@dataclass(frozen=True)
class Trained:
    """A teacher by itself.

    Attributes:
        source: where it is from, for messages.
        classifier: an unbound module.
        variables: its own, NumPy arrays.
        classes: names.
        image_shape: (H, W, C) of its images.
        normalize: of its images, or None.
        by_number: its classes go by number where all names differ and there are as many, as those of a file of others.
    """

    source: str
    classifier: nn.Module
    variables: Mapping[str, Any]
    classes: Sequence[str]
    image_shape: Sequence[int]
    normalize: Normalize | None
    by_number: bool = False

    @cached_property
    def fingerprint(self) -> str:
        """Of all its arrays."""
        leaves = jax.tree_util.tree_leaves_with_path(self.variables)
        parts = ((jax.tree_util.keystr(path), np.ascontiguousarray(leaf)) for path, leaf in leaves)
        return digest(
            *(part for path, leaf in parts for part in (path.encode(), str(leaf.shape).encode(), leaf.tobytes()))
        )


def settings(model: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """A model config's `train_cfg.distill`, or None."""
    return (model.get("train_cfg") or {}).get("distill")


def distillation_of(node: Mapping[str, Any]) -> Distillation:
    """What a config's node says beside its `teacher`.

    Raises:
        UserError: a value that is not allowed.
    """
    return Distillation(**{key: value for key, value in node.items() if key != "teacher"})


def build_teacher(trained: Trained, network: Network, dataset: Dataset, node: Mapping[str, Any]) -> Teacher:
    """The teacher of a student.

    Its classes are matched with the student's by their names. Images get its own normalisation in place of the
    student's, and its own size by bilinear interpolation.

    Args:
        trained: what teaches.
        network: the student.
        dataset: the training data.
        node: the config's `train_cfg.distill`.

    Raises:
        UserError: it does not fit; all problems at once.
    """
    columns, problems = _columns(trained, dataset.classes)
    refuse([*problems, *_problems(trained, network)])
    see = view(trained.normalize, dataset.normalize, trained.image_shape, network.image_shape)
    return Teacher(trained.classifier, trained.variables, distillation_of(node), see, columns)


def check_head(network: Network) -> None:
    """Refuses a student without a teacher whose head needs one.

    Raises:
        UserError: it needs one.
    """
    if network.head is not None and network.head.needs_teacher:
        raise UserError(f"model.head: {type(network.head).__name__}: {WITHOUT_TEACHER}")


def _columns(trained: Trained, classes: Sequence[str]) -> tuple[tuple[int, ...] | None, list[str]]:
    """Where the student's classes stand among the teacher's, None where they are the same; and what is wrong."""
    own = tuple(trained.classes)
    if own == tuple(classes):
        return None, []
    if trained.by_number and len(own) == len(classes) and not set(own) & set(classes):
        get_logger().warning(
            "%s.teacher: %s and data.train name their classes differently: they go by their numbers",
            *(WHERE, trained.source),
        )
        return None, []
    if set(own) != set(classes) or len(set(own)) != len(own):
        lacks, others = [name for name in classes if name not in own], [name for name in own if name not in classes]
        parts = [f"it lacks {some(lacks)}"] * bool(lacks) + [f"it has {some(others)} besides"] * bool(others)
        reason = "; ".join(parts) or "some of its names are there twice"
        return None, [f"{WHERE}.teacher: {trained.source} has other classes than data.train: {reason}"]
    return tuple(own.index(name) for name in classes), []


def _problems(trained: Trained, network: Network) -> Iterator[str]:
    """Of the heads and the channels."""
    where, head = f"{WHERE}.teacher: {trained.source}", getattr(trained.classifier, "head", None)
    if isinstance(head, Head) and head.multi_label:
        yield f"{where} gives any number of labels an image; a teacher gives one"
    if network.head is None or not hasattr(network.classifier, "forward_distill"):
        yield f"{WHERE}: needs an ImageClassifier with a head that derives from jaxcls' Head"
    elif network.head.multi_label:
        yield f"{WHERE}: {type(network.head).__name__} is for any number of labels an image; distillation is for one"
    if trained.image_shape[-1] != network.image_shape[-1]:
        yield f"{where} sees {trained.image_shape[-1]} channels, the student {network.image_shape[-1]}"


def view(
    own: Normalize | None, other: Normalize | None, shape: Sequence[int] = (), other_shape: Sequence[int] = ()
) -> Callable[[Array], Array] | None:
    """Images (N, H, W, C) of the other normalisation and shape (H, W, C) -> own ones; None: they are the same."""
    same_values, size = _values(own) == _values(other), tuple(shape[:2])
    if same_values and size == tuple(other_shape[:2]):
        return None

    def see(images: Array) -> Array:
        if not same_values:
            images = _pixels(images, other)
            images = images if own is None else own.on_device(images)
        if images.shape[1:3] == size or not size:
            return images
        return jax.image.resize(images, (len(images), *size, images.shape[-1]), "bilinear")

    return see


def _values(normalize: Normalize | None) -> Any:
    return normalize and (tuple(normalize.mean), tuple(normalize.std), normalize.bgr)


def _pixels(images: Array, normalize: Normalize | None) -> Array:
    """Normalised images -> 0..255, RGB."""
    if normalize is None:
        return images
    images = images * jnp.asarray(normalize.std, images.dtype) + jnp.asarray(normalize.mean, images.dtype)
    return images[..., ::-1] if normalize.bgr else images
