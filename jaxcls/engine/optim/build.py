"""An optimizer config -> an optax transformation.

As PyTorch has groups of parameters, each with a learning rate and a weight decay of its own, so has the
transformation: one optimiser for each pair of factors that `paramwise_cfg` gives. What an optimiser estimates over all
its parameters (Prodigy's and D-Adaptation's rate, DoG's distance) it then estimates for each group.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import optax

from jaxcls.engine.optim.counting import at_step
from jaxcls.engine.optim.optimizers import limit_norm
from jaxcls.engine.optim.paramwise import Multipliers, is_multipliers, multipliers, parameter_name
from jaxcls.engine.optim.parse import DECAYS, Recipe, parse
from jaxcls.errors import UserError
from jaxcls.models import backbones
from jaxcls.models.backbones.layout import Layout

PyTree = Any


def build_optimizer(
    optimizer: Mapping[str, Any],
    params: PyTree,
    schedule: optax.Schedule | None = None,
    momentum_schedule: optax.Schedule | None = None,
    layout: Layout | None = None,
) -> optax.GradientTransformationExtraArgs:
    """The transformation that an optimizer config describes.

    Args:
        optimizer: `type`, `lr`, the optimiser's arguments, `paramwise_cfg`. The types are PyTorch's and
            MMClassification's names in `optimizers`, and every other optimiser of optax by its name there, each with
            the arguments that it has there.
        params: the tree of parameters; their names and shapes decide what `paramwise_cfg` speaks of.
        schedule: step -> learning rate; None: `lr` throughout.
        momentum_schedule: step -> momentum (of Adam and its kin: the first beta); None: as the config has it.
        layout: of the backbone, for `layer_decay_rate`; None: found by the parameters' names.

    Returns:
        The transformation. Its schedules count its updates, unless `update(…, step=…)` is told at which step they are.

    Raises:
        UserError: an unknown type, argument or `paramwise_cfg` rule, a value out of its range, no `lr`, a factor of a
            weight decay that is not given, or a momentum's schedule for an optimiser without one.
    """
    recipe = parse(optimizer)
    mults = multipliers(params, layout=layout, **recipe.paramwise)
    momentum_name = recipe.momentum_name if momentum_schedule else None

    def make(learning_rate: Any, momentum: Any) -> optax.GradientTransformation:
        arguments = recipe.arguments
        if momentum_name is not None:
            arguments = {**arguments, momentum_name: _replace_first(recipe.value(momentum_name), momentum)}
        return optax.chain(limit_norm(recipe.max_grad_norm), _by_group(recipe, arguments, learning_rate, mults))

    inject = optax.inject_hyperparams(make, hyperparam_dtype=jnp.float32)
    tx = inject(learning_rate=schedule or optax.constant_schedule(recipe.lr), momentum=momentum_schedule)
    try:
        jax.eval_shape(lambda tree: tx.update(tree, tx.init(tree), tree), params)
    except UserError as error:
        raise UserError(f"optimizer: {recipe.kind}: {error}") from error
    except (AttributeError, TypeError, ValueError) as error:  # a value of a wrong type shows here
        raise UserError(f"optimizer: {recipe.kind}: {str(error).strip().splitlines()[0]}") from error

    def update(
        grads: PyTree, state: PyTree, params: PyTree = None, *, step: jax.Array | None = None, **rest: Any
    ) -> Any:
        return tx.update(grads, state if step is None else at_step(state, step), params, **rest)

    # one program in place of one for each shape
    return optax.GradientTransformationExtraArgs(jax.jit(tx.init), update)


def parameter_groups(
    params: PyTree,
    optimizer: Mapping[str, Any],
    layout: Layout | None = None,
    is_frozen: Callable[[tuple[str, ...]], bool] | None = None,
) -> dict[tuple[str, ...], tuple[float, float]]:
    """The learning rate and the weight decay of each parameter, by its path.

    A rate is that of `lr`, also where Muon's `others` have one of their own.

    Args:
        params: the tree of parameters; arrays, or their shapes alone.
        optimizer: as `build_optimizer` takes it.
        layout: likewise.
        is_frozen: path -> whether training leaves the parameter as it is, `classifier.is_frozen`. No rule speaks of
            such a one. None: as backbones with these names have it by default.

    Raises:
        UserError: as `build_optimizer`.
    """
    recipe = parse(optimizer)
    decay = next((recipe.value(name) for name in DECAYS if name in recipe.argument_names), None) or 0.0
    mults = jax.tree_util.tree_leaves_with_path(
        multipliers(params, layout=layout, **recipe.paramwise), is_leaf=is_multipliers
    )
    groups = {tuple(key.key for key in path): group for path, group in mults}
    is_frozen = is_frozen or _frozen_by_default(groups)
    groups = {path: Multipliers() if is_frozen(path) else group for path, group in groups.items()}
    return {path: (recipe.lr * group.lr, decay * group.decay) for path, group in groups.items()}


def _frozen_by_default(paths: Collection[tuple[str, ...]]) -> Callable[[tuple[str, ...]], bool]:
    """What the backbone with such names freezes by default: its layout has all, and what is frozen is the very same."""
    names = [parameter_name(path[1:]) for path in paths if path[0] == "backbone"]
    for kind in (getattr(backbones, name) for name in backbones.__all__):
        field = kind.__dataclass_fields__.get("frozen_stages")
        freezes = field is not None and field.default >= 0 and kind.layout
        if freezes and all(kind.layout.depth_of(name) is not None for name in names):
            default = kind()
            frozen = {path for path in paths if path[0] == "backbone" and default.is_frozen(path[1:])}
            if frozen == {("backbone", *path) for path in _paths(default) if default.is_frozen(path)}:
                return frozen.__contains__
    return lambda path: False


def _paths(backbone: Any) -> list[tuple[str, ...]]:
    """The paths of a backbone's parameters."""
    images = jax.ShapeDtypeStruct((1, 224, 224, 3), jnp.float32)
    params = jax.eval_shape(backbone.init, jax.random.key(0), images)["params"]
    return [tuple(key.key for key in path) for path, _ in jax.tree_util.tree_leaves_with_path(params)]


def _replace_first(value: Any, momentum: Any) -> Any:
    """The momentum itself, or in the place of the first beta."""
    return (momentum, *value[1:]) if isinstance(value, tuple) else momentum


def _by_group(recipe: Recipe, arguments: Mapping[str, Any], learning_rate: Any, mults: PyTree) -> Any:
    """One optimiser for each pair of factors in `mults`."""

    def make(group: Multipliers) -> optax.GradientTransformation:
        if group.lr == 0:
            return optax.set_to_zero()
        decays = {name: arguments[name] * group.decay for name in DECAYS if arguments.get(name) is not None}
        return recipe.make(learning_rate * group.lr, **{**arguments, **decays})

    groups = sorted(set(jax.tree.leaves(mults, is_leaf=is_multipliers)))
    if len(groups) == 1:
        return make(groups[0])
    labels = jax.tree.map(_label, mults, is_leaf=is_multipliers)
    return optax.partition({_label(group): make(group) for group in groups}, labels)


def _label(group: Multipliers) -> str:
    return f"lr_mult={group.lr!r},decay_mult={group.decay!r}"
