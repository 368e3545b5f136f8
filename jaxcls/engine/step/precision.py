"""In which precision the network computes; parameters, statistics, losses and updates are float32 throughout."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import jax
import jax.numpy as jnp
from flax.training.dynamic_scale import DynamicScale
from jax import Array

from jaxcls import collectives
from jaxcls.arguments import unknown_keys
from jaxcls.builder import construct
from jaxcls.engine.step.parallel import MIN_SHARDED_SIZE
from jaxcls.errors import UserError, close_names, refuse

PyTree = Any
DTYPES = {"float32": jnp.float32, "bfloat16": jnp.bfloat16, "float16": jnp.float16}
DYNAMIC = {"init_scale": 65536.0, "growth_factor": 2.0, "backoff_factor": 0.5, "growth_interval": 2000}
_SMALL = 2**16  # elements; more would be a copy that takes time


@dataclass(frozen=True)
class Precision:
    """Mixed precision (Micikevicius et al. 2017, https://arxiv.org/abs/1710.03740).

    Attributes:
        type: float32, bfloat16 or float16: what activations and their gradients are.
        loss_scale: float16 only. `dynamic`: the factor on the loss doubles after 2,000 iterations with finite
            gradients and halves after one without; a mapping changes `init_scale`, `growth_factor`, `backoff_factor`
            and `growth_interval`, a number is the factor throughout.

    Raises:
        UserError: another type, or a loss scale that cannot be.
    """

    type: str = "float32"
    loss_scale: str | float | Mapping[str, float] = field(default="dynamic", hash=False)

    def __post_init__(self) -> None:
        if self.type not in DTYPES:
            raise UserError(f"type={self.type!r}; {close_names(str(self.type), DTYPES)}")
        scale = self.loss_scale
        if isinstance(scale, Mapping):
            refuse(unknown_keys(scale, DYNAMIC, "loss_scale"))
        elif scale != "dynamic" and not (isinstance(scale, int | float) and scale > 0):
            raise UserError(f"loss_scale={scale!r}: expected 'dynamic', a number above 0, or a dict of {list(DYNAMIC)}")

    def init_loss_scale(self) -> DynamicScale | None:
        """The loss scale's state at the beginning; None where the loss is not scaled."""
        if self.type != "float16":
            return None
        if isinstance(self.loss_scale, int | float):
            options = {"init_scale": self.loss_scale, "growth_factor": 1.0, "backoff_factor": 1.0}
        else:
            options = dict(self.loss_scale) if isinstance(self.loss_scale, Mapping) else {}
        options = {**DYNAMIC, **options}
        return DynamicScale(
            growth_factor=options["growth_factor"],
            backoff_factor=options["backoff_factor"],
            growth_interval=int(options["growth_interval"]),
            fin_steps=jnp.zeros((), jnp.int32),  # type: ignore[arg-type]
            scale=jnp.asarray(options["init_scale"], jnp.float32),  # type: ignore[arg-type]
        )

    @staticmethod
    def is_searching(scale: DynamicScale | None) -> Array | bool:
        """Whether the loss scale can still fall, so that gradients which are not finite may be its fault."""
        return scale is not None and scale.backoff_factor < 1 and scale.scale > 1

    def cast(self, variables: Mapping[str, PyTree]) -> dict[str, PyTree]:
        """`params` and `batch_stats` as the network takes them: all but the norms' in the compute type."""
        if self.type == "float32":
            return dict(variables)
        return {**variables, "params": self._cast_params(variables["params"])}

    def _cast_params(self, params: PyTree) -> PyTree:
        if not isinstance(params, Mapping):
            return params.astype(DTYPES[self.type])
        if "scale" in params and not isinstance(params["scale"], Mapping):  # a norm
            return dict(params)
        return {name: self._cast_params(child) for name, child in params.items()}

    def cast_images(self, images: Array) -> Array:
        """The images in the compute type."""
        return images.astype(DTYPES[self.type])

    def gradient(
        self, loss_fn: Callable[[PyTree], tuple[Array, Any]], params: PyTree, scale: DynamicScale | None
    ) -> tuple[PyTree, Any, Array, DynamicScale | None]:
        """The gradient of `loss_fn(params) -> (loss, aux)`, averaged over the devices.

        Args:
            loss_fn: of one device, or of all, as `Parallel.wrap_loss` makes it.
            params: where.
            scale: of the loss; None: it is not scaled.

        Returns:
            gradients like `params`; `aux`, averaged too; whether all gradients are finite, a bool scalar; the scale
            for the next iteration.
        """
        if scale is None:
            grads, aux = collectives.pmean(jax.grad(loss_fn, has_aux=True)(params))
            return grads, aux, all_finite(grads), None
        axes: Any = collectives.axes() or None  # `lax.pmean` takes several, though Flax's annotation has one
        scaled = scale.value_and_grad(loss_fn, has_aux=True, axis_name=axes)(params)
        return scaled.grad, collectives.pmean(scaled.aux[1]), scaled.finite, scaled.dynamic_scale


def all_finite(tree: PyTree) -> Array:
    """Whether all values of all leaves are finite, a bool scalar.

    Small leaves are looked at in one piece: each one alone would take XLA some 10 ms to compile, of ResNet-50 1.5 of
    8 s. Where no axis is bound, larger ones may lie in parts on several devices, and stay there.
    """
    limit = _SMALL if collectives.axes() else MIN_SHARDED_SIZE - 1
    small: dict[Any, list[Array]] = {}
    pieces = []
    for leaf in jax.tree.leaves(tree):
        if leaf.size <= limit:
            small.setdefault(leaf.dtype, []).append(leaf.reshape(-1))
        else:
            pieces.append(leaf)
    pieces += map(jnp.concatenate, small.values())
    return functools.reduce(jnp.logical_and, (jnp.all(jnp.isfinite(piece)) for piece in pieces), jnp.bool_(True))


def build_precision(config: str | Mapping[str, Any]) -> Precision:
    """`bfloat16`, or a dict of `type` and `loss_scale` -> Precision.

    Raises:
        UserError: what the class refuses, or an unknown argument.
    """
    return construct(Precision, config if isinstance(config, Mapping) else {"type": config}, "precision")
