"""Each optimiser against its update rule, written out in float64 from PyTorch's and its authors' code."""

from __future__ import annotations

import jax
import numpy as np
import optax
import pytest

from jaxcls.engine.optim import build_optimizer
from jaxcls.engine.step.parallel import Parallel

RNG = np.random.default_rng(0)
STEPS = 6
START = {"kernel": RNG.standard_normal((6, 4)), "bias": RNG.standard_normal(4)}
GRADIENTS = {name: RNG.standard_normal((STEPS, *value.shape)) for name, value in START.items()}


def sgd(w, gradients, lr, momentum=0.0, dampening=0.0, weight_decay=0.0, nesterov=False):
    buffer = None
    for g in gradients:
        g = g + weight_decay * w
        if momentum:
            buffer = g if buffer is None else momentum * buffer + (1 - dampening) * g
            g = g + momentum * buffer if nesterov else buffer
        w = w - lr * g
    return w


def adam(w, gradients, lr, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.0, amsgrad=False, decoupled=False):
    m = v = most = 0.0
    for t, g in enumerate(gradients, 1):
        if decoupled:
            w = w * (1 - lr * weight_decay)
        else:
            g = g + weight_decay * w
        m, v = betas[0] * m + (1 - betas[0]) * g, betas[1] * v + (1 - betas[1]) * g * g
        most = np.maximum(most, v) if amsgrad else v
        w = w - lr * (m / (1 - betas[0] ** t)) / (np.sqrt(most / (1 - betas[1] ** t)) + eps)
    return w


def adamw(w, gradients, lr, weight_decay=1e-2, **arguments):
    return adam(w, gradients, lr, weight_decay=weight_decay, decoupled=True, **arguments)


def rmsprop(w, gradients, lr, alpha=0.99, eps=1e-8, weight_decay=0.0, momentum=0.0, centered=False):
    mean = square = buffer = 0.0
    for g in gradients:
        g = g + weight_decay * w
        mean, square = alpha * mean + (1 - alpha) * g, alpha * square + (1 - alpha) * g * g
        buffer = momentum * buffer + g / (np.sqrt(square - centered * mean * mean) + eps)
        w = w - lr * buffer
    return w


def lamb(
    w,
    gradients,
    lr,
    bias_correction=True,
    betas=(0.9, 0.999),
    eps=1e-6,
    weight_decay=0.01,
    grad_averaging=True,
    trust_clip=False,
    always_adapt=False,
):
    m = v = 0.0
    for t, g in enumerate(gradients, 1):
        m = betas[0] * m + (1 - betas[0] if grad_averaging else 1.0) * g
        v = betas[1] * v + (1 - betas[1]) * g * g
        corrections = (1 - betas[0] ** t, 1 - betas[1] ** t) if bias_correction else (1.0, 1.0)
        update = m / corrections[0] / (np.sqrt(v) / np.sqrt(corrections[1]) + eps) + weight_decay * w
        ratio = np.linalg.norm(w) / np.linalg.norm(update) if weight_decay or always_adapt else 1.0
        w = w - lr * (min(ratio, 1.0) if trust_clip else ratio) * update
    return w


def adan(w, gradients, lr, betas=(0.98, 0.92, 0.99), eps=1e-8, weight_decay=0.0, no_prox=False):
    m = v = n = 0.0
    last = gradients[0]
    for t, g in enumerate(gradients, 1):
        change, last = g - last, g
        m = betas[0] * m + (1 - betas[0]) * g
        v = betas[1] * v + (1 - betas[1]) * change
        n = betas[2] * n + (1 - betas[2]) * (g + betas[1] * change) ** 2
        m_hat, v_hat, n_hat = (x / (1 - beta**t) for x, beta in zip((m, v, n), betas, strict=True))
        step = lr * (m_hat + betas[1] * v_hat) / (np.sqrt(n_hat) + eps)
        w = w * (1 - lr * weight_decay) - step if no_prox else (w - step) / (1 + lr * weight_decay)
    return w


def lion(w, gradients, lr, betas=(0.9, 0.99), weight_decay=0.0):
    m = 0.0
    for g in gradients:
        w = w * (1 - lr * weight_decay) - lr * np.sign(betas[0] * m + (1 - betas[0]) * g)
        m = betas[1] * m + (1 - betas[1]) * g
    return w


def orthogonalised(x, steps=5, a=3.4445, b=-4.775, c=2.0315):
    x = x / np.linalg.norm(x)
    for _ in range(steps):
        s = x @ x.T
        x = a * x + (b * s + c * s @ s) @ x
    return x


def muon(w, gradients, lr, momentum=0.95, nesterov=True, weight_decay=0.1, adjust_lr_fn="original"):
    inputs, outputs = w.shape
    factors = {"original": max(1, outputs / inputs) ** 0.5, "match_rms_adamw": 0.2 * max(inputs, outputs) ** 0.5}
    m = 0.0
    for t, g in enumerate(gradients, 1):
        m = momentum * m + (1 - momentum) * g
        direction = m
        if nesterov:
            direction = momentum * m / (1 - momentum ** (t + 1)) + (1 - momentum) * g / (1 - momentum**t)
        update = orthogonalised(direction.T).T if inputs > outputs else orthogonalised(direction)
        w = w * (1 - lr * weight_decay) - lr * factors[adjust_lr_fn] * update
    return w


def run(config, start=START, gradients=GRADIENTS):
    """The parameters after a step with each gradient."""
    params = {"fc": jax.tree.map(np.float32, start)}
    tx = build_optimizer(config, params)

    @jax.jit
    def all_steps(params, gradients):
        def step(carry, grads):
            params, state = carry
            updates, state = tx.update({"fc": grads}, state, params)
            return (optax.apply_updates(params, updates), state), None

        return jax.lax.scan(step, (params, tx.init(params)), gradients)[0][0]

    return all_steps(params, jax.tree.map(np.float32, gradients))["fc"]


CASES = [
    ("SGD", sgd, {"lr": 0.1}),
    ("SGD", sgd, {"lr": 0.1, "momentum": 0.9, "weight_decay": 0.01}),
    ("SGD", sgd, {"lr": 0.1, "momentum": 0.9, "weight_decay": 0.01, "dampening": 0.3}),
    ("SGD", sgd, {"lr": 0.1, "momentum": 0.9, "weight_decay": 0.01, "nesterov": True}),
    ("Adam", adam, {"lr": 0.01}),
    ("Adam", adam, {"lr": 0.01, "weight_decay": 0.1, "betas": (0.8, 0.95), "eps": 1e-6}),
    ("Adam", adam, {"lr": 0.01, "weight_decay": 0.1, "betas": (0.8, 0.6), "amsgrad": True}),
    ("AdamW", adamw, {"lr": 0.01}),
    ("AdamW", adamw, {"lr": 0.01, "betas": (0.8, 0.95)}),
    ("AdamW", adamw, {"lr": 0.01, "weight_decay": 0.1, "betas": (0.8, 0.6), "eps": 0.1, "amsgrad": True}),
    ("RMSprop", rmsprop, {"lr": 0.01}),
    ("RMSprop", rmsprop, {"lr": 0.01, "alpha": 0.9, "eps": 0.0316, "weight_decay": 0.1, "momentum": 0.9}),
    ("RMSprop", rmsprop, {"lr": 0.01, "alpha": 0.9, "momentum": 0.9, "centered": True}),
    ("Lamb", lamb, {"lr": 0.05}),
    ("Lamb", lamb, {"lr": 0.05, "weight_decay": 0.0}),
    ("Lamb", lamb, {"lr": 0.05, "weight_decay": 0.0, "always_adapt": True, "trust_clip": True}),
    ("Lamb", lamb, {"lr": 0.05, "bias_correction": False, "grad_averaging": False, "eps": 0.1}),
    ("Adan", adan, {"lr": 0.01}),
    ("Adan", adan, {"lr": 0.01, "weight_decay": 0.5}),
    ("Adan", adan, {"lr": 0.01, "weight_decay": 0.5, "no_prox": True}),
    ("Lion", lion, {"lr": 0.01}),
    ("Lion", lion, {"lr": 0.01, "weight_decay": 0.1}),
]


@pytest.mark.parametrize(("kind", "rule", "arguments"), CASES)
def test_update_rule(kind, rule, arguments):
    own_clipping = {"max_grad_norm": 0.0} if kind == "Lamb" else {}
    found = run({"type": kind, **arguments, **own_clipping})
    for name, value in START.items():
        np.testing.assert_allclose(found[name], rule(value, GRADIENTS[name], **arguments), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(("kind", "rule", "arguments"), [("Lamb", lamb, {}), ("Adan", adan, {"max_grad_norm": 1.0})])
def test_a_limit_is_on_the_norm_of_all_gradients(kind, rule, arguments):
    growing = np.linspace(0.1, 0.4, STEPS)
    small = {name: np.einsum("s...,s->s...", value, growing) for name, value in GRADIENTS.items()}
    norms = np.sqrt(sum(np.sum(g * g, axis=tuple(range(1, g.ndim))) for g in small.values()))
    assert norms.min() < 1 < norms.max()
    found = run({"type": kind, "lr": 0.05, **arguments, "paramwise_cfg": {"bias_lr_mult": 0.5}}, gradients=small)
    for name, lr in (("kernel", 0.05), ("bias", 0.025)):
        limited = np.stack([g / max(1, norm) for g, norm in zip(small[name], norms, strict=True)])
        np.testing.assert_allclose(found[name], rule(START[name], limited, lr), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(
    ("arguments", "tall"),
    [
        ({}, True),
        ({"nesterov": False, "momentum": 0.5}, False),
        ({"weight_decay": 0.0}, False),
        ({"adjust_lr_fn": "match_rms_adamw"}, True),
    ],
)
def test_muon_turns_matrices_and_leaves_the_rest_to_adamw(arguments, tall):
    start, gradients = START, GRADIENTS
    if not tall:
        start = {**START, "kernel": START["kernel"].T}
        gradients = {**GRADIENTS, "kernel": GRADIENTS["kernel"].transpose(0, 2, 1)}
    found = run({"type": "Muon", "lr": 0.05, **arguments}, start, gradients)
    expected = muon(start["kernel"], gradients["kernel"], 0.05, **arguments)
    np.testing.assert_allclose(found["kernel"], expected, rtol=1e-4, atol=1e-4)
    expected = adamw(start["bias"], gradients["bias"], 0.05, arguments.get("weight_decay", 0.1))
    np.testing.assert_allclose(found["bias"], expected, rtol=1e-5, atol=1e-5)


def test_muon_sees_a_convolution_s_kernel_as_a_matrix_and_a_depthwise_one_as_none():
    start = RNG.standard_normal((3, 3, 2, 4))
    gradients = RNG.standard_normal((STEPS, *start.shape))
    found = run({"type": "Muon", "lr": 0.05}, {"kernel": start}, {"kernel": gradients})["kernel"]
    expected = muon(start.reshape(18, 4), gradients.reshape(STEPS, 18, 4), 0.05)
    np.testing.assert_allclose(found.reshape(18, 4), expected, rtol=1e-4, atol=1e-4)
    start, gradients = start[:, :, :1], gradients[:, :, :, :1]
    found = run({"type": "Muon", "lr": 0.05}, {"kernel": start}, {"kernel": gradients})["kernel"]
    np.testing.assert_allclose(found, adamw(start, gradients, 0.05, 0.1), rtol=1e-5, atol=1e-5)


def test_muon_beside_another_optimiser():
    """With a rate of its own, on the schedule of the first; excluded kernels are its own too."""
    start = {"kernel": RNG.standard_normal((3, 3, 2, 4)), "bias": RNG.standard_normal(4)}
    gradients = {name: RNG.standard_normal((STEPS, *value.shape)) for name, value in start.items()}
    others = {"type": "SGD", "lr": 2.0, "momentum": 0.85, "nesterov": True}
    config = {"type": "Muon", "lr": 0.05, "weight_decay": 0.01, "others": others}
    found = run(config, start, gradients)
    expected = muon(start["kernel"].reshape(18, 4), gradients["kernel"].reshape(STEPS, 18, 4), 0.05, weight_decay=0.01)
    np.testing.assert_allclose(found["kernel"].reshape(18, 4), expected, rtol=1e-4, atol=1e-4)
    rule = {"lr": 2.0, "momentum": 0.85, "weight_decay": 0.01, "nesterov": True}
    np.testing.assert_allclose(found["bias"], sgd(start["bias"], gradients["bias"], **rule), rtol=1e-5, atol=1e-4)
    found = run({**config, "exclude": ("fc",)}, start, gradients)
    for name, value in start.items():
        np.testing.assert_allclose(found[name], sgd(value, gradients[name], **rule), rtol=1e-5, atol=1e-4)
    tx = build_optimizer(config, {"fc": start}, lambda step: 0.05 * (step < STEPS))  # the schedule ends
    state = tx.init({"fc": start})
    updates, _ = tx.update({"fc": start}, state, {"fc": start}, step=np.int32(STEPS))
    assert not np.any(updates["fc"]["bias"])


def test_muon_on_kernels_of_a_constant_norm():
    kernel, gradients = START["kernel"], GRADIENTS["kernel"]
    found = run({"type": "Muon", "lr": 0.05, "weight_decay": 0.0, "normalize_kernels": True})["kernel"]
    expected, length = kernel, kernel.shape[1] ** 0.5
    for t in range(STEPS):
        step = muon(expected, gradients[: t + 1], 0.05, weight_decay=0.0) - muon(
            expected, gradients[:t], 0.05, weight_decay=0.0
        )
        expected = expected * length / np.linalg.norm(expected) + step
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4)


def test_muon_on_sharded_parameters_is_muon():
    params = {"fc": {"kernel": RNG.standard_normal((64, 128)).astype(np.float32), "bias": np.ones(128, np.float32)}}
    tx = build_optimizer({"type": "Muon", "lr": 0.05}, params)
    image = RNG.standard_normal((16, 64)).astype(np.float32)

    def step(state, batch, key, constants):
        params, opt_state = state

        def loss(params):
            return (((batch["image"] @ params["fc"]["kernel"] + params["fc"]["bias"]) - 1) ** 2).mean()

        updates, opt_state = tx.update(jax.grad(loss)(params), opt_state, params)
        return (optax.apply_updates(params, updates), opt_state), {}

    parallel = Parallel("fsdp", jax.devices()[:8])
    sharded, alone = parallel.wrap_train_step(step), jax.jit(step)
    state, expected = parallel.place_state((params, tx.init(params))), (params, tx.init(params))
    key = parallel.place_key(jax.random.key(0))
    for _ in range(3):
        state, _ = sharded(state, parallel.place_batch({"image": image}), key, {})
        expected, _ = alone(expected, {"image": image}, None, {})
    kernel = state[0]["fc"]["kernel"]
    momentum = optax.tree.get(state[1], "mu", filtering=lambda path, _: "MuonState" in str(path))
    for leaf in (kernel, momentum["fc"]["kernel"]):
        assert leaf.addressable_shards[0].data.size * 8 == leaf.size
    np.testing.assert_allclose(kernel, expected[0]["fc"]["kernel"], rtol=1e-4, atol=1e-5)
