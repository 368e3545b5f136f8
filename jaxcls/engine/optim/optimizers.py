"""The optimisers by PyTorch's and MMClassification's names and arguments, as chains of optax's steps.

Each is a function of the learning rate, a number or a traced scalar, and its own arguments; the momentum (of Adam and
its kin: the first of `betas`) may be a traced scalar too. Weight decay reaches every parameter that the function gets:
`build` makes one such chain for each group of parameters.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import optax

from jaxcls.engine.optim.paramwise import is_depthwise, parameter_name
from jaxcls.engine.optim.ranges import BELOW_ONE, require
from jaxcls.engine.optim.transforms import (
    Scalar,
    dampen,
    scale_by_adan,
    scale_by_amsgrad,
    scale_by_clipped_trust_ratio,
    scale_by_uncorrected_adam,
)
from jaxcls.errors import UserError

PyTree = Any
Betas = tuple[Scalar, float]


def _is_on(value: Scalar) -> bool:
    return isinstance(value, jax.Array) or value != 0


def _decay(weight_decay: float) -> optax.GradientTransformation:
    """Adds `weight_decay` times the parameter."""
    return optax.add_decayed_weights(weight_decay) if weight_decay else optax.identity()


def _chain(learning_rate: Scalar, *parts: optax.GradientTransformation) -> optax.GradientTransformation:
    return optax.chain(*parts, optax.scale_by_learning_rate(learning_rate))


def sgd(
    learning_rate: Scalar,
    momentum: Scalar = 0.0,
    dampening: float = 0.0,
    weight_decay: float = 0.0,
    nesterov: bool = False,
) -> optax.GradientTransformation:
    """`torch.optim.SGD`; decay is added to the gradient before the momentum."""
    if nesterov and (dampening != 0 or not _is_on(momentum)):
        raise UserError("nesterov=True needs momentum > 0 and dampening=0")
    if not _is_on(momentum):
        return _chain(learning_rate, _decay(weight_decay))
    damped = dampen(dampening) if dampening else optax.identity()
    return _chain(learning_rate, _decay(weight_decay), damped, optax.trace(momentum, nesterov))


def adam(
    learning_rate: Scalar,
    betas: Betas = (0.9, 0.999),
    eps: float = 1e-8,
    weight_decay: float = 0.0,
    amsgrad: bool = False,
) -> optax.GradientTransformation:
    """`torch.optim.Adam` (Kingma & Ba 2015; AMSGrad: Reddi et al. 2018); decay is added to the gradient."""
    return _chain(learning_rate, _decay(weight_decay), _adam_direction(betas, eps, amsgrad))


def adamw(
    learning_rate: Scalar,
    betas: Betas = (0.9, 0.999),
    eps: float = 1e-8,
    weight_decay: float = 1e-2,
    amsgrad: bool = False,
) -> optax.GradientTransformation:
    """`torch.optim.AdamW` (Loshchilov & Hutter 2019); decay beside the gradient."""
    return _chain(learning_rate, _adam_direction(betas, eps, amsgrad), _decay(weight_decay))


def _adam_direction(betas: Betas, eps: float, amsgrad: bool = False) -> optax.GradientTransformation:
    return (scale_by_amsgrad if amsgrad else optax.scale_by_adam)(betas[0], betas[1], eps)


def rmsprop(
    learning_rate: Scalar,
    alpha: float = 0.99,
    eps: float = 1e-8,
    weight_decay: float = 0.0,
    momentum: Scalar = 0.0,
    centered: bool = False,
) -> optax.GradientTransformation:
    """`torch.optim.RMSprop`; decay is added to the gradient, `eps` to the root."""
    scale = optax.scale_by_stddev if centered else optax.scale_by_rms
    direction = scale(require("alpha", alpha, BELOW_ONE), eps, eps_in_sqrt=False)
    buffer = optax.trace(momentum) if _is_on(momentum) else optax.identity()
    return _chain(learning_rate, _decay(weight_decay), direction, buffer)


def lamb(
    learning_rate: Scalar,
    bias_correction: bool = True,
    betas: Betas = (0.9, 0.999),
    eps: float = 1e-6,
    weight_decay: float = 0.01,
    grad_averaging: bool = True,
    trust_clip: bool = False,
    always_adapt: bool = False,
) -> optax.GradientTransformation:
    """MMClassification's `Lamb` (You et al. 2019, arXiv:1904.00962; mmcls/core/optimizers/lamb.py).

    A parameter without decay keeps Adam's step length unless `always_adapt`.
    """
    direction = (optax.scale_by_adam if bias_correction else scale_by_uncorrected_adam)(*betas, eps)
    mean = optax.identity() if grad_averaging else optax.scale(1 / (1 - betas[0]))
    ratio = scale_by_clipped_trust_ratio() if trust_clip else optax.scale_by_trust_ratio()
    adapts = weight_decay != 0 or always_adapt
    return _chain(learning_rate, direction, mean, _decay(weight_decay), ratio if adapts else optax.identity())


def adan(
    learning_rate: Scalar,
    betas: tuple[Scalar, float, float] = (0.98, 0.92, 0.99),
    eps: float = 1e-8,
    weight_decay: float = 0.0,
    no_prox: bool = False,
) -> optax.GradientTransformation:
    """Adan as its authors wrote it (arXiv:2208.06677); decay is a division after the step, with `no_prox` AdamW's."""
    if not no_prox:
        learning_rate = learning_rate / (1 + learning_rate * weight_decay)
    return _chain(learning_rate, scale_by_adan(*betas, eps), _decay(weight_decay))


def lion(learning_rate: Scalar, betas: Betas = (0.9, 0.99), weight_decay: float = 0.0) -> optax.GradientTransformation:
    """Lion (Chen et al. 2023, arXiv:2302.06675); decay beside the gradient."""
    return _chain(learning_rate, optax.scale_by_lion(*betas), _decay(weight_decay))


def muon(
    learning_rate: Scalar,
    momentum: Scalar = 0.95,
    nesterov: bool = True,
    weight_decay: float = 0.1,
    ns_coefficients: tuple[float, float, float] = (3.4445, -4.775, 2.0315),
    eps: float = 1e-7,
    ns_steps: int = 5,
    adjust_lr_fn: str | None = None,
    betas: Betas = (0.9, 0.999),
    adam_eps: float = 1e-8,
    others: Callable[[Scalar, float], optax.GradientTransformation] | None = None,
    exclude: tuple[str, ...] = (),
    normalize_kernels: bool = False,
) -> optax.GradientTransformation:
    """Muon (https://kellerjordan.github.io/posts/muon) for the kernels, AdamW or `others` for everything else.

    The arguments are those of `torch.optim.Muon`, whose Nesterov momentum lacks optax's correction of the bias, and
    AdamW's `betas` and `adam_eps`; `weight_decay` is for both. A convolution's kernel (kh, kw, I, O) is the matrix
    (kh · kw · I, O); a depthwise one, whose channels do not mix, is AdamW's. `adjust_lr_fn="match_rms_adamw"` gives
    steps as long as AdamW's, so that one learning rate suits both (Liu et al. 2025, arXiv:2502.16982).

    `others` is in a config an optimiser's config, with a rate of its own that goes with the schedule of `lr`; kernels
    whose names have one of `exclude` in them are theirs too. `normalize_kernels` scales each kernel to the norm
    sqrt(O) before its step (https://github.com/KellerJordan/cifar10-airbench).
    """
    newton_schulz = optax.contrib.scale_by_muon(
        ns_coefficients, ns_steps, momentum, eps, nesterov=nesterov, weight_dimension_numbers=_matrix_axes
    )
    matrices = optax.chain(
        _chain(learning_rate, newton_schulz, _adjust_to_shape(adjust_lr_fn), _decay(weight_decay)),
        _normalize_kernels() if normalize_kernels else optax.identity(),
    )
    rest = others(learning_rate, weight_decay) if others else adamw(learning_rate, betas, adam_eps, weight_decay)

    def labels(params: PyTree) -> PyTree:
        def label(path: Any, leaf: Any) -> str:
            is_matrix = path[-1].key == "kernel" and leaf.ndim > 1 and not is_depthwise(leaf)
            name = parameter_name(tuple(key.key for key in path))
            return "muon" if is_matrix and not any(part in name for part in exclude) else "others"

        return jax.tree_util.tree_map_with_path(label, params)

    return optax.partition({"muon": matrices, "others": rest}, labels)


def _normalize_kernels() -> optax.GradientTransformation:
    """After the update the kernels are as if they had had the norm sqrt(outputs) before."""

    def update(updates: PyTree, params: PyTree) -> PyTree:
        return jax.tree.map(lambda u, p: u + (p.shape[-1] ** 0.5 / jnp.linalg.norm(p) - 1) * p, updates, params)

    return optax.stateless(update)


def _matrix_axes(kernels: PyTree) -> PyTree:
    return jax.tree.map(
        lambda kernel: optax.contrib.MuonDimensionNumbers(tuple(range(kernel.ndim - 1)), kernel.ndim - 1), kernels
    )


# a kernel's inputs and outputs -> factor of its step
_ADJUSTMENTS: dict[str, Callable[[int, int], float]] = {
    "original": lambda inputs, outputs: max(1, outputs / inputs) ** 0.5,
    "match_rms_adamw": lambda inputs, outputs: 0.2 * max(inputs, outputs) ** 0.5,
}


def _adjust_to_shape(name: str | None) -> optax.GradientTransformation:
    if (name or "original") not in _ADJUSTMENTS:
        raise UserError(f"adjust_lr_fn: {name!r} is not one of {', '.join(_ADJUSTMENTS)}")
    factor = _ADJUSTMENTS[name or "original"]
    return optax.stateless(
        lambda updates, _: jax.tree.map(lambda u: u * factor(u.size // u.shape[-1], u.shape[-1]), updates)
    )


def limit_norm(max_grad_norm: float | None) -> optax.GradientTransformation:
    """Scales all gradients down to a norm of `max_grad_norm`; 0 and None leave them."""
    return optax.clip_by_global_norm(max_grad_norm) if max_grad_norm else optax.identity()


OPTIMIZERS: dict[str, Callable[..., optax.GradientTransformation]] = {
    "SGD": sgd,
    "Adam": adam,
    "AdamW": adamw,
    "RMSprop": rmsprop,
    "Lamb": lamb,
    "LAMB": lamb,  # as it is spelt elsewhere
    "Adan": adan,
    "Lion": lion,
    "Muon": muon,
}
# those that limit the norm of all groups' gradients by themselves -> the default of their `max_grad_norm`
MAX_GRAD_NORM = {"Lamb": 1.0, "LAMB": 1.0, "Adan": 0.0}
