"""A trained classifier in the form that it is quickest in: branches merged, BatchNorm folded into convolutions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn
from flax import traverse_util
from flax.errors import ScopeParamShapeError
from jax import Array

from jaxcls.errors import UserError
from jaxcls.models.classifier import Batches, ImageClassifier
from jaxcls.models.layers import BatchNorm, Conv, Linear
from jaxcls.models.layers.fuse import norm_as_affine

Variables = Mapping[str, Any]
Path = tuple[str, ...]


class DeployedClassifier(nn.Module):
    """A classifier some of whose norms have become biases; it is for evaluation alone.

    Attributes:
        classifier: as it was trained, its branches merged.
        biases: paths of the norms that only add their `bias`; the rest of them is in the layers before them.
    """

    classifier: ImageClassifier
    biases: frozenset[Path] = frozenset()

    @property
    def backbone(self) -> nn.Module:
        """The classifier's."""
        return self.classifier.backbone

    def __call__(self, images: Array) -> Array:
        """Logits (N, K), float32, without softmax."""
        return self._run(self.classifier, images)

    def extract_feat(self, images: Array, stage: str = "neck") -> Any:
        """As `ImageClassifier.extract_feat`, in evaluation mode."""
        return self._run(self.classifier.extract_feat, images, stage)

    def evaluate(
        self, images: Array | Batches, labels: Array, mask: Array | None = None, average: str = "scores"
    ) -> tuple[Array, dict[str, Any]]:
        """As `ImageClassifier.evaluate`."""
        return self._run(self.classifier.evaluate, images, labels, mask, average)

    def forward_test(self, images: Array | Batches, average: str = "scores") -> Array:
        """As `ImageClassifier.forward_test`: scores (N, K)."""
        return self._run(self.classifier.forward_test, images, average)

    @nn.nowrap
    def _run(self, method: Any, *arguments: Any) -> Any:
        with nn.intercept_methods(self._add_bias):
            return method(*arguments)

    @nn.nowrap
    def _add_bias(self, call: Any, args: Any, kwargs: Any, context: nn.module.InterceptorContext) -> Any:
        module = context.module
        if context.method_name != "__call__" or not isinstance(module, BatchNorm) or module.path[1:] not in self.biases:
            return call(*args, **kwargs)
        return args[0] + module.get_variable("params", "bias").astype(args[0].dtype)


def deploy(
    classifier: ImageClassifier, variables: Variables, image_shape: tuple[int, int, int] | None = None
) -> tuple[DeployedClassifier, dict[str, Any]]:
    """The classifier in its quickest form, and its variables; logits are equal to rounding.

    Backbones and heads with branches merge them (`switch_to_deploy`); then each BatchNorm that sees nothing but what a
    convolution or linear layer gives is folded into that layer.

    Args:
        classifier: an unbound module.
        variables: `params` and `batch_stats`.
        image_shape: (H, W, C) of images that it takes; None: found by trying usual ones.

    Raises:
        UserError: it takes no images of that shape, or of a usual one.
    """
    variables = jax.device_get(dict(variables))
    for part in ("backbone", "head"):
        if hasattr(getattr(classifier, part), "switch_to_deploy"):
            own = {name: tree[part] for name, tree in variables.items() if part in tree}
            switched, own = getattr(classifier, part).switch_to_deploy(own)
            classifier = classifier.clone(parent=None, **{part: switched})
            variables = {name: {**tree, part: own.get(name, {})} for name, tree in variables.items()}
    params, stats = (traverse_util.flatten_dict(variables.get(name, {})) for name in ("params", "batch_stats"))
    folded = _foldable(classifier, variables, image_shape)
    for norm, (layer, eps) in folded.items():
        affine = {name: params.pop((*norm, name)) for name in ("scale", "bias")}
        statistics = {name: stats.pop((*norm, name)) for name in ("mean", "var")}
        factor, summand = norm_as_affine(affine, statistics, eps)
        params[*layer, "kernel"] = np.float32(params[*layer, "kernel"] * factor)
        if (*layer, "bias") in params:
            summand = summand + params[*layer, "bias"] * factor
            params[*layer, "bias"] = np.zeros(len(factor), np.float32)
        params[*norm, "bias"] = np.float32(summand)
    trees = {"params": params, "batch_stats": stats}
    inner = {name: {"classifier": traverse_util.unflatten_dict(tree)} for name, tree in trees.items()}
    return DeployedClassifier(classifier, frozenset(folded)), inner


def _foldable(
    classifier: ImageClassifier, variables: Variables, image_shape: tuple[int, int, int] | None
) -> dict[Path, tuple[Path, float]]:
    """Norms whose input is one layer's output, each of both called once: path -> (the layer's path, eps)."""
    made: dict[int, Path] = {}
    found: dict[Path, tuple[Path, float]] = {}
    calls: Counter[Path] = Counter()
    kept: list[Any] = []  # so that no two outputs have the same id

    def watch(call: Any, args: Any, kwargs: Any, context: nn.module.InterceptorContext) -> Any:
        module, result = context.module, call(*args, **kwargs)
        if context.method_name == "__call__" and isinstance(module, Conv | Linear | BatchNorm):
            calls[module.path] += 1
            if not isinstance(module, BatchNorm):
                made[id(result)] = module.path
                kept.append(result)
            elif id(args[0]) in made:
                found[module.path] = (made[id(args[0])], module.eps)
        return result

    shapes = jax.tree.map(lambda leaf: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype), variables)
    for shape in [image_shape] if image_shape else _usual_shapes(classifier):
        for record in (made, found, calls):
            record.clear()
        try:
            with nn.intercept_methods(watch):
                jax.eval_shape(classifier.apply, shapes, jax.ShapeDtypeStruct((1, *shape), jnp.float32))
        except (UserError, ScopeParamShapeError):  # not for images of that shape
            continue
        return {norm: (layer, eps) for norm, (layer, eps) in found.items() if calls[norm] == calls[layer] == 1}
    raise UserError(f"deploy: {type(classifier.backbone).__name__} takes no images of {image_shape or 'a usual shape'}")


def _usual_shapes(classifier: ImageClassifier) -> list[tuple[int, int, int]]:
    backbone = classifier.backbone
    own, channels = getattr(backbone, "img_size", None), getattr(backbone, "in_channels", None)
    sizes = [(own, own) if isinstance(own, int) else own] if own else [(224, 224), (32, 32), (299, 299)]
    return [(*size, count) for size in sizes for count in ((channels,) if channels else (3, 1))]
