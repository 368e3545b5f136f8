"""The training step and the evaluation step, written once for one device; `parallel` wraps them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial, reduce
from typing import Any

import jax
import jax.numpy as jnp
import optax
from flax import linen as nn
from flax import traverse_util
from jax import Array

from jaxcls import collectives
from jaxcls.engine.compilation import announced
from jaxcls.engine.step.choice import changed_if
from jaxcls.engine.step.ema import Ema
from jaxcls.engine.step.inputs import Inputs, are_finite, to_float
from jaxcls.engine.step.options import StepOptions
from jaxcls.engine.step.parallel import Parallel
from jaxcls.engine.step.precision import Precision, all_finite
from jaxcls.engine.step.teacher import Teacher
from jaxcls.engine.step.train_state import TrainState
from jaxcls.models.layers.norm import FROZEN

Batch = dict[str, Any]


def parse_losses(losses: Mapping[str, Any]) -> tuple[Array, dict[str, Array]]:
    """The total loss and what to log (mmcls/models/classifiers/base.py: _parse_losses).

    An array counts by its mean, a list by the sum of its means, a dict by its entries under their own names; the
    total, logged as `loss`, is the sum of all entries whose name contains `loss`.

    Raises:
        TypeError: a value of another kind.
    """
    log_vars: dict[str, Array] = {}
    for name, value in losses.items():
        if isinstance(value, Mapping):
            log_vars.update({key: jnp.mean(entry) for key, entry in value.items()})
        elif isinstance(value, list | tuple):
            log_vars[name] = sum((jnp.mean(entry) for entry in value), jnp.zeros(()))
        elif isinstance(value, jax.Array | float | int):
            log_vars[name] = jnp.mean(value)
        else:
            raise TypeError(f"losses[{name!r}] is a {type(value).__name__}, expected an array, a list or a dict")
    loss = sum((value for name, value in log_vars.items() if "loss" in name), jnp.zeros(()))
    return loss, {**log_vars, "loss": loss}


def make_train_step(
    classifier: nn.Module,
    tx: optax.GradientTransformation | optax.MultiSteps,
    *,
    parallel: Parallel | None = None,
    inputs: Inputs = Inputs(),  # noqa: B008 (immutable)
    options: StepOptions = StepOptions(),  # noqa: B008 (immutable)
    teacher: Teacher | None = None,
) -> Callable[[TrainState, Batch, Array], tuple[TrainState, dict[str, Array]]]:
    """The compiled step `(state, batch, key) -> (state, log_vars)`, data-parallel over the devices.

    An iteration whose gradients are not finite changes nothing but the state's `step`, its counts of skipped updates
    and the loss scale.

    Args:
        classifier: an unbound module with `forward_train` and `is_frozen`.
        tx: the optimiser. The schedules of what `build_optimizer` made are at the iteration, whatever was skipped or
            accumulated before; all other counters are the transformation's own.
        parallel: how and on which devices; default: pmap over all.
        inputs: what becomes of a batch before the network sees it.
        options: precision, accumulation, clipping and averages; those of the state were made with the same.
        teacher: whose logits the student learns, too; `classifier` has `forward_distill` then.

    The step takes the state (whose buffers it reuses), a batch of `image` (N, H, W, C) and `label` (N,) or (N, K),
    N a multiple of the devices, and a PRNG key, which it folds with the step's number and the device's.
    """
    precision = options.precision
    optimizer = optax.with_extra_args_support(tx)  # only what `build_optimizer` made looks at the step

    def update(norms: Any, state: TrainState, grads: Any) -> tuple[TrainState, Array]:
        grads, norm = options.clip(grads) if options.clip is not None else (grads, jnp.zeros(()))
        updates, opt_state = optimizer.update(grads, state.opt_state, state.params, step=state.step)
        # Weight decay and momentum must not reach the frozen ones either.
        params = optax.apply_updates(state.params, _map_frozen(classifier, jnp.zeros_like, updates, norms))
        return state.replace(params=params, opt_state=opt_state), norm

    parallel = parallel or Parallel()
    loss = parallel.wrap_loss(partial(device_loss, classifier, inputs, precision, teacher))

    def train_step(
        state: TrainState, batch: Batch, key: Array, teacher_variables: Any
    ) -> tuple[TrainState, dict[str, Array]]:
        def loss_fn(params: Any) -> tuple[Array, Any]:
            of_step = jax.random.fold_in(key, state.step)
            return loss(params, batch, state.batch_stats, of_step, teacher_variables)

        grads, (batch_stats, norms, log_vars), finite, scale = precision.gradient(
            loss_fn, state.params, state.loss_scale
        )
        batch_stats = changed_if(finite, lambda _, new: new, state.batch_stats, batch_stats)
        searching = precision.is_searching(state.loss_scale)
        state = state.replace(batch_stats=batch_stats, loss_scale=scale)
        state, norm = options.accumulation.run(partial(update, norms), state, grads, finite)
        if options.clip is not None:
            log_vars["grad_norm"] = norm
        if options.ema is not None:
            state = _averaged(state, options.ema, finite)
        return _counted(state, finite, searching), log_vars

    compiled = announced(parallel.wrap_train_step(train_step), "training step")
    constants = parallel.place_state(teacher.variables if teacher is not None else {})

    def step(state: TrainState, batch: Batch, key: Array) -> tuple[TrainState, dict[str, Array]]:
        return compiled(parallel.place_state(state), parallel.place_batch(batch), parallel.place_key(key), constants)

    return step


def device_loss(
    classifier: nn.Module,
    inputs: Inputs,
    precision: Precision,
    teacher: Teacher | None,
    params: Any,
    batch: Batch,
    batch_stats: Any,
    key: Array,
    teacher_variables: Any,
) -> tuple[Array, tuple[Any, Any, dict[str, Array]]]:
    """The loss of one device's share of a batch, in training.

    Args:
        classifier: as for `make_train_step`.
        inputs: as there.
        precision: of the step's options.
        teacher: as there; None: nobody teaches.
        params: float32, whole, whatever the precision.
        batch: `image` (n, H, W, C) and `label` (n,) or (n, K).
        batch_stats: the norms' running statistics before the step.
        key: of the step; it is folded with the device's number.
        teacher_variables: the teacher's; empty where there is none.

    Returns:
        the loss, a scalar; the running statistics after the step, what norms that are frozen say of themselves, and
        what is logged, scalars by name.
    """
    images, labels, dropout_key = inputs(batch, jax.random.fold_in(key, collectives.device_index()))
    forward: str = "forward_train"
    targets: tuple[Any, ...] = (labels,)
    if teacher is not None:
        taught = teacher.logits(teacher_variables, images, precision)
        forward, targets = "forward_distill", (labels, taught, teacher.distillation)
    params = _map_frozen(classifier, jax.lax.stop_gradient, params)
    losses, updated = classifier.apply(
        precision.cast({"params": params, "batch_stats": batch_stats}),
        precision.cast_images(images),
        *targets,
        method=forward,
        rngs={"dropout": dropout_key},
        mutable=["batch_stats", FROZEN],
    )
    loss, log_vars = parse_losses(losses)
    log_vars["loss"] = jnp.where(jnp.all(are_finite(images)), log_vars["loss"], jnp.nan)
    return loss, (updated.get("batch_stats", {}), updated.get(FROZEN, {}), log_vars)


def _averaged(state: TrainState, ema: Ema, finite: Array) -> TrainState:
    def follow(average: Any, values: Any) -> Any:
        return ema.update(average, values, state.step, finite)

    statistics = follow(state.ema_batch_stats, state.batch_stats) if ema.statistics else None
    return state.replace(ema_params=follow(state.ema_params, state.params), ema_batch_stats=statistics)


def _counted(state: TrainState, finite: Array, searching: Array | bool) -> TrainState:
    """One iteration more; `searching` for a loss scale, it may throw gradients away that do not count as a row."""
    row = state.skipped_in_a_row + jnp.where(searching, 0, 1)
    return state.replace(
        step=state.step + 1,
        skipped_updates=state.skipped_updates + jnp.where(finite, 0, 1),
        skipped_in_a_row=jnp.where(finite, 0, row),
    )


def _map_frozen(classifier: nn.Module, function: Callable[[Array], Array], tree: Any, norms: Any = None) -> Any:
    """`function` of the leaves that belong to frozen parameters; the others as they are.

    Args:
        classifier: says which stages are frozen.
        function: of a leaf.
        tree: like the parameters.
        norms: a tree of the norms that said of themselves that they are frozen.
    """
    modules = {path[:-1] for path in traverse_util.flatten_dict(norms or {})}

    def apply(key_path: Any, leaf: Array) -> Array:
        path = tuple(key.key for key in key_path)
        return function(leaf) if path[:-1] in modules or classifier.is_frozen(path) else leaf

    return jax.tree_util.tree_map_with_path(apply, tree)


def make_eval_step(
    classifier: nn.Module,
    *,
    parallel: Parallel | None = None,
    preprocess: Callable[[Array], Array | list[Array]] = to_float,
    soften: Callable[[Array], Array] | None = None,
    precision: Precision = Precision(),  # noqa: B008 (immutable)
    average: str = "scores",
) -> Callable[[Mapping[str, Any], Batch], tuple[Array, dict[str, Array]]]:
    """The compiled step `(variables, batch) -> (scores, log_vars)` in evaluation mode.

    Args:
        classifier: an unbound module with `evaluate`.
        parallel: how and on which devices; default: pmap over all.
        preprocess: images as they travel -> (N, H, W, C) as the network sees them, on the device; or several views of
            them, a list.
        soften: labels -> soft labels (N, K), where training mixes them: the loss may take no others.
        precision: what the network computes in.
        average: what the mean over several views is of, `scores` or `logits`.

    `variables` are float32 whatever the precision. The batch has a `mask` (N,) beside `image` and `label`: 0 for the
    rows that fill up the last one. `scores` are (N, K), this and the other processes' rows over the devices
    (`Parallel.local_rows` fetches them); `log_vars` are means over all rows that count.
    """

    def eval_step(variables: Mapping[str, Any], batch: Batch) -> tuple[Array, dict[str, Array]]:
        images, mask = jax.tree.map(precision.cast_images, preprocess(batch["image"])), batch["mask"]
        variables = precision.cast(variables)
        several: dict[str, Any] = {"average": average} if isinstance(images, list) else {}
        labels = soften(batch["label"]) if soften is not None else batch["label"]
        scores, losses = classifier.apply(variables, images, labels, mask, method="evaluate", **several)
        finite = reduce(jnp.logical_and, map(are_finite, jax.tree.leaves(images)), all_finite(variables))
        scores = jnp.where(finite[:, None], scores, jnp.nan)
        losses = jax.tree.map(lambda value: jnp.where(jnp.all(finite | (mask == 0)), value, jnp.nan), losses)
        count = jnp.sum(mask)
        total = jnp.maximum(collectives.psum(count), 1.0)
        _, log_vars = parse_losses(losses)
        return scores, {name: collectives.psum(value * count) / total for name, value in log_vars.items()}

    parallel = parallel or Parallel()
    compiled = announced(parallel.wrap_eval_step(eval_step), "evaluation step")

    def step(variables: Mapping[str, Any], batch: Batch) -> tuple[Array, dict[str, Array]]:
        return compiled(parallel.place_state(variables), parallel.place_batch(batch))

    return step
