"""Class activation maps: where in an image a network sees a class.

After the papers; jacobgil/pytorch-grad-cam is the code that they are compared with. A map follows from a layer's output
and the gradient of the class's logit with respect to it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import cv2
import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn
from jax import Array

from jaxcls.errors import UserError
from jaxcls.inspect.stages import Target

Variables = Mapping[str, Any]


def _weighted(weights: np.ndarray, outputs: np.ndarray) -> np.ndarray:
    return weights[:, None, None] * outputs


def grad_cam(outputs: np.ndarray, grads: np.ndarray) -> np.ndarray:
    """Weights are the gradient's means over the map (Selvaraju et al. 2017, arXiv:1610.02391)."""
    return _weighted(grads.mean((1, 2)), outputs)


def grad_cam_plus_plus(outputs: np.ndarray, grads: np.ndarray) -> np.ndarray:
    """Positive gradients, weighted by equation 19 (Chattopadhay et al. 2018, arXiv:1710.11063)."""
    squares = grads**2
    total = outputs.sum((1, 2), keepdims=True)
    alpha = np.where(grads != 0, squares / (2 * squares + total * squares * grads + 1e-6), 0.0)
    return _weighted((np.maximum(grads, 0) * alpha).sum((1, 2)), outputs)


def x_grad_cam(outputs: np.ndarray, grads: np.ndarray) -> np.ndarray:
    """The gradient's means, weighted by the output (Fu et al. 2020, arXiv:2008.02312)."""
    total = outputs.sum((1, 2), keepdims=True)
    return _weighted((grads * outputs / (total + 1e-7)).sum((1, 2)), outputs)


def layer_cam(outputs: np.ndarray, grads: np.ndarray) -> np.ndarray:
    """Each place has weights of its own, the positive gradients (Jiang et al. 2021, doi:10.1109/TIP.2021.3089943)."""
    return np.maximum(grads, 0) * outputs


def eigen_cam(outputs: np.ndarray, grads: np.ndarray) -> np.ndarray:
    """The output itself, to be projected; the same for all classes (Muhammad & Yeasin 2020, arXiv:2008.00299)."""
    return outputs


def eigen_grad_cam(outputs: np.ndarray, grads: np.ndarray) -> np.ndarray:
    """The output times the gradient, to be projected."""
    return outputs * grads


# name -> (outputs, grads) (N, H', W', D) -> the same shape, which is summed over D, or projected
METHODS: dict[str, Callable[[np.ndarray, np.ndarray], np.ndarray]] = {
    "GradCAM": grad_cam,
    "GradCAM++": grad_cam_plus_plus,
    "XGradCAM": x_grad_cam,
    "EigenCAM": eigen_cam,
    "EigenGradCAM": eigen_grad_cam,
    "LayerCAM": layer_cam,
}
_PROJECTED = ("EigenCAM", "EigenGradCAM")


def maps(outputs: Any, grads: Any, method: str, eigen_smooth: bool = False) -> np.ndarray:
    """The maps of a layer, (N, H', W') float64, larger where the class is seen; neither clipped nor scaled.

    Args:
        outputs: of the layer, (N, H', W', D).
        grads: of a logit with respect to them, the same shape.
        method: one of `METHODS`.
        eigen_smooth: project on the first principal component instead of summing, which takes noise away.
    """
    # In float64: XGradCAM divides by sums that may be close to 0.
    parts = METHODS[method](np.asarray(outputs, np.float64), np.asarray(grads, np.float64))
    if eigen_smooth or method in _PROJECTED:
        return np.stack([_principal(one) for one in parts])
    return parts.sum(-1)


def _principal(parts: np.ndarray) -> np.ndarray:
    """(H', W', D) -> (H', W'): the first principal component.

    Its sign is not defined: here the value that is largest by its size is positive (Chung & Ying 2025,
    doi:10.3390/app15137562, equation 13).
    """
    rows = parts.reshape(-1, parts.shape[-1])
    rows = rows - rows.mean(0)
    direction = np.linalg.svd(rows, full_matrices=False)[2][0]
    projected = (rows @ direction).reshape(parts.shape[:2])
    return projected if projected.max() >= -projected.min() else -projected


def scaled(raw: np.ndarray) -> np.ndarray:
    """Maps (N, H', W') -> 0 ... 1, each by its own largest value; what speaks against the class is 0."""
    positive = np.maximum(raw, 0)
    positive = positive - positive.min((1, 2), keepdims=True)
    return positive / (1e-7 + positive.max((1, 2), keepdims=True))


def averaged(layers: Sequence[np.ndarray], size: Sequence[int]) -> np.ndarray:
    """The mean of several layers' maps (H', W'), each made as large as the image, `size` (H, W)."""
    return np.mean([cv2.resize(one.astype(np.float32), tuple(size[1::-1])) for one in layers], axis=0)


class ClassActivations:
    """A network with a layer's outputs and the gradients of its logits with respect to them, compiled once.

    Args:
        classifier: an unbound module.
        target: the layer.
    """

    def __init__(self, classifier: nn.Module, target: Target) -> None:
        self.target = target
        self._run = jax.jit(lambda *arguments: _outputs_and_grads(classifier, target, *arguments))

    def __call__(self, variables: Variables, images: Any, classes: Sequence[int]) -> tuple[Any, list[Any], Any]:
        """What a layer gives, and what the logits' gradients with respect to it are.

        Args:
            variables: of the classifier.
            images: (N, H, W, C) as the network sees them.
            classes: k indices.

        Returns:
            outputs (N, H', W', D), for each class gradients of the same shape, and the logits (N, K).
        """
        outputs, grads, logits = self._run(variables, jnp.asarray(images), jnp.asarray(classes))
        return self.target.on_map(outputs), [self.target.on_map(one) for one in grads], logits


def _outputs_and_grads(
    classifier: nn.Module, target: Target, variables: Variables, images: Array, classes: Array
) -> tuple[Array, Array, Array]:
    def forward(shift: Array) -> tuple[Array, Array]:
        """The logits where `shift` is added to the layer's output, and that output."""
        seen: list[Array] = []

        def intercept(call: Any, args: Any, kwargs: Any, context: nn.module.InterceptorContext) -> Any:
            output = call(*args, **kwargs)
            if context.method_name != "__call__" or ".".join(context.module.path) != target.name:
                return output
            leaves, structure = jax.tree.flatten(output)
            seen.append(leaves[target.index] + shift if len(seen) == target.calls - 1 else leaves[target.index])
            leaves[target.index] = seen[-1]
            return jax.tree.unflatten(structure, leaves)

        with nn.intercept_methods(intercept):
            logits: Any = classifier.apply(variables, images)
            return logits, seen[-1]

    zeros = jnp.zeros((len(images), *target.shape[1:]), target.dtype)
    logits, pull_back, outputs = jax.vjp(forward, zeros, has_aux=True)
    if logits.ndim != 2:
        raise UserError(f"logits of shape {logits.shape}; expected (N, K), of a head without branches")
    ones = jax.nn.one_hot(classes, logits.shape[-1], dtype=logits.dtype)
    grads = jax.lax.map(lambda row: pull_back(jnp.broadcast_to(row, logits.shape))[0], ones)
    return outputs, grads, logits
