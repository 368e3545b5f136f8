"""Steps of PyTorch's and MMClassification's optimisers that optax lacks or computes otherwise."""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax

PyTree = Any
Scalar = float | jax.Array


class DampenState(NamedTuple):
    """Whether there has been a gradient."""

    started: jax.Array


def dampen(dampening: float) -> optax.GradientTransformation:
    """Every gradient but the first times 1 - `dampening`, as `torch.optim.SGD` fills its momentum."""

    def update(updates: PyTree, state: DampenState, params: PyTree = None) -> tuple[PyTree, DampenState]:
        factor = jnp.where(state.started, 1.0 - dampening, 1.0)
        updates = jax.tree.map(lambda u: u * factor.astype(u.dtype), updates)
        return updates, DampenState(jnp.ones_like(state.started))

    return optax.GradientTransformation(lambda params: DampenState(jnp.zeros((), bool)), update)


class AMSGradState(NamedTuple):
    """Moments, and the greatest second moment so far."""

    steps: jax.Array
    mu: PyTree
    nu: PyTree
    nu_max: PyTree


def scale_by_amsgrad(b1: Scalar, b2: float, eps: float) -> optax.GradientTransformation:
    """`torch.optim.Adam`'s `amsgrad`, whose maximum is that of the uncorrected moments (optax's: of the corrected)."""

    def init(params: PyTree) -> AMSGradState:
        mu, nu, nu_max = (optax.tree.zeros_like(params) for _ in range(3))
        return AMSGradState(jnp.zeros((), jnp.int32), mu, nu, nu_max)

    def update(updates: PyTree, state: AMSGradState, params: PyTree = None) -> tuple[PyTree, AMSGradState]:
        steps = state.steps + 1
        mu = optax.tree.update_moment(updates, state.mu, b1, 1)
        nu = optax.tree.update_moment(updates, state.nu, b2, 2)
        nu_max = jax.tree.map(jnp.maximum, state.nu_max, nu)
        mu_hat = optax.tree.bias_correction(mu, b1, steps)
        nu_hat = optax.tree.bias_correction(nu_max, b2, steps)
        updates = jax.tree.map(lambda m, n: m / (jnp.sqrt(n) + eps), mu_hat, nu_hat)
        return updates, AMSGradState(steps, mu, nu, nu_max)

    return optax.GradientTransformation(init, update)


class UncorrectedAdamState(NamedTuple):
    """Moments."""

    mu: PyTree
    nu: PyTree


def scale_by_uncorrected_adam(b1: Scalar, b2: float, eps: float) -> optax.GradientTransformation:
    """Adam's direction without the correction of the moments' bias towards zero."""

    def init(params: PyTree) -> UncorrectedAdamState:
        return UncorrectedAdamState(optax.tree.zeros_like(params), optax.tree.zeros_like(params))

    def update(
        updates: PyTree, state: UncorrectedAdamState, params: PyTree = None
    ) -> tuple[PyTree, UncorrectedAdamState]:
        mu = optax.tree.update_moment(updates, state.mu, b1, 1)
        nu = optax.tree.update_moment(updates, state.nu, b2, 2)
        return jax.tree.map(lambda m, n: m / (jnp.sqrt(n) + eps), mu, nu), UncorrectedAdamState(mu, nu)

    return optax.GradientTransformation(init, update)


class AdanState(NamedTuple):
    """Moments of the gradient, of its change and of the two together, and the last gradient."""

    steps: jax.Array
    m: PyTree
    v: PyTree
    n: PyTree
    last: PyTree


def scale_by_adan(b1: Scalar, b2: float, b3: float, eps: float) -> optax.GradientTransformation:
    """Adan's direction (Xie et al. 2022, arXiv:2208.06677, algorithm 1; https://github.com/sail-sg/Adan).

    The change of the gradient counts `b2` times; optax's (0.2.8) counts it 1 - `b2` times (optax#1715).
    """

    def init(params: PyTree) -> AdanState:
        return AdanState(jnp.zeros((), jnp.int32), *(optax.tree.zeros_like(params) for _ in range(4)))

    def update(updates: PyTree, state: AdanState, params: PyTree = None) -> tuple[PyTree, AdanState]:
        steps = state.steps + 1
        change = jax.tree.map(lambda g, last: jnp.where(steps == 1, 0, g - last), updates, state.last)
        m = optax.tree.update_moment(updates, state.m, b1, 1)
        v = optax.tree.update_moment(change, state.v, b2, 1)
        n = optax.tree.update_moment(jax.tree.map(lambda g, d: g + b2 * d, updates, change), state.n, b3, 2)
        corrected = (optax.tree.bias_correction(moment, b, steps) for moment, b in ((m, b1), (v, b2), (n, b3)))
        direction = jax.tree.map(lambda m, v, n: (m + b2 * v) / (jnp.sqrt(n) + eps), *corrected)
        return direction, AdanState(steps, m, v, n, updates)

    return optax.GradientTransformation(init, update)


def scale_by_clipped_trust_ratio() -> optax.GradientTransformation:
    """The trust ratio, but at most 1 (LAMBC, Fong et al. 2020, arXiv:2011.13584)."""
    ratio = optax.scale_by_trust_ratio()

    def update(updates: PyTree, params: PyTree) -> PyTree:
        scaled, _ = ratio.update(updates, optax.EmptyState(), params)
        return jax.tree.map(lambda s, u: jnp.where(jnp.abs(s) > jnp.abs(u), u, s), scaled, updates)

    return optax.stateless(update)
