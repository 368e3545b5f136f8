"""What holds for every optimiser: groups of parameters, schedules, states that survive."""

from __future__ import annotations

import inspect

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import jaxcls
from jaxcls.engine.checkpoints.storage import Checkpoints, restore_checkpoint, restore_into
from jaxcls.engine.optim import build_optimizer
from jaxcls.engine.optim.optax_names import optax_optimizers
from jaxcls.engine.optim.optimizers import MAX_GRAD_NORM, OPTIMIZERS
from jaxcls.engine.optim.parse import DECAYS, MOMENTA
from jaxcls.engine.step.train_state import create_train_state
from jaxcls.errors import UserError

RNG = np.random.default_rng(0)


def normal(*shape):
    return RNG.standard_normal(shape).astype(np.float32)


PARAMS = {
    "backbone": {"conv": {"kernel": normal(3, 3, 2, 4), "bias": normal(4)}, "bn": {"scale": normal(4)}},
    "head": {"fc": {"kernel": normal(4, 3), "bias": normal(3)}},
}
STEPS = 4  # so many until ACProp minds its b1
GRADIENTS = jax.tree.map(lambda leaf: normal(STEPS, *leaf.shape), PARAMS)
KINDS = (*OPTIMIZERS, *optax_optimizers())


def every(*fast):
    return pytest.mark.parametrize(
        "kind", [kind if kind in fast else pytest.param(kind, marks=pytest.mark.slow) for kind in KINDS]
    )


def has(kind, names):
    make = {**OPTIMIZERS, **optax_optimizers()}[kind]
    return next((name for name in names if name in inspect.signature(make).parameters), None)


def trained(tx, params, gradients):
    def step(carry, grads):
        params, state = carry
        updates, state = tx.update(grads, state, params)
        return (optax.apply_updates(params, updates), state), None

    return jax.lax.scan(step, (params, tx.init(params)), gradients)[0][0]


def assert_close(found, expected):
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6), found, expected)


@every(*OPTIMIZERS, "adabelief")
def test_a_group_is_an_optimiser_of_its_own(kind):
    """lr_mult and decay_mult give the head what an optimiser with such a rate and decay gives it alone."""
    decay = has(kind, DECAYS)
    config = {"type": kind, "lr": 0.1, **({decay: 0.2} if decay else {})}
    config |= {"max_grad_norm": 0} if kind in MAX_GRAD_NORM else {}
    factors = {"lr_mult": 0.5, **({"decay_mult": 0.25} if decay else {})}
    both = build_optimizer({**config, "paramwise_cfg": {"custom_keys": {"head": factors}}}, PARAMS)
    own = {**config, "lr": 0.05, **({decay: 0.05} if decay else {})}
    alone = {
        "backbone": build_optimizer(config, {"backbone": PARAMS["backbone"]}),
        "head": build_optimizer(own, {"head": PARAMS["head"]}),
    }

    @jax.jit
    def run():
        return trained(both, PARAMS, GRADIENTS), {
            name: trained(tx, {name: PARAMS[name]}, {name: GRADIENTS[name]})[name] for name, tx in alone.items()
        }

    assert_close(*run())


@every(*OPTIMIZERS, "madgrad")  # which keeps the parameters that it began with
def test_the_state_is_donated_and_survives_a_checkpoint(kind, tmp_path):
    paramwise = {"bias_lr_mult": 2.0}
    tx = build_optimizer({"type": kind, "lr": 0.1, "paramwise_cfg": paramwise}, PARAMS, lambda step: 0.1 / (1 + step))
    state = create_train_state({"params": PARAMS}, tx)

    def step(state, grads):
        updates, opt_state = tx.update(grads, state.opt_state, state.params)
        return state.replace(params=optax.apply_updates(state.params, updates), opt_state=opt_state)

    step = jax.jit(step, donate_argnums=0)
    for i in range(2):
        state = step(state, jax.tree.map(lambda g, i=i: g[i], GRADIENTS))
    for before, after in zip(jax.tree.leaves(PARAMS), jax.tree.leaves(state.params), strict=True):
        assert np.isfinite(after).all()
        assert not np.array_equal(before, after)
    checkpoints = Checkpoints(tmp_path)
    checkpoints.save(1, state, {})
    checkpoints.wait()
    restored = restore_into(
        create_train_state({"params": PARAMS}, tx), restore_checkpoint(checkpoints.directory / "1")[0], "it"
    )
    checkpoints.close()
    assert jax.tree.structure(restored) == jax.tree.structure(state)
    jax.tree.map(np.testing.assert_array_equal, restored, state)


@every("SGD", "Adam", "Muon", "fromage")
def test_the_momentum_follows_its_schedule_where_there_is_one(kind):
    config = {"type": kind, "lr": 0.1, **({"momentum": 0.9} if has(kind, MOMENTA) == "momentum" else {})}
    if has(kind, MOMENTA) is None:
        with pytest.raises(UserError, match=f"momentum_config: {kind} has no momentum"):
            build_optimizer(config, PARAMS, None, optax.constant_schedule(0.5))
        return
    plain = build_optimizer(config, PARAMS)
    constant = build_optimizer(config, PARAMS, None, optax.constant_schedule(default_momentum(kind)))
    changing = build_optimizer(config, PARAMS, None, optax.piecewise_constant_schedule(0.9, {1: 1.11}))
    run = jax.jit(lambda: [trained(tx, PARAMS, GRADIENTS) for tx in (plain, constant, changing)])
    without, same, other = run()
    assert_close(same, without)
    assert not np.array_equal(other["head"]["fc"]["kernel"], without["head"]["fc"]["kernel"])


def default_momentum(kind):
    name = has(kind, MOMENTA)
    value = inspect.signature({**OPTIMIZERS, **optax_optimizers()}[kind]).parameters[name].default
    return 0.9 if name == "momentum" else value[0] if isinstance(value, tuple) else value


@pytest.mark.parametrize(
    ("config", "rule"),
    [
        ({"type": "SGD", "momentum": 0.9}, lambda m, g, momentum: (momentum * m + g, momentum * m + g)),
        ({"type": "Lion"}, lambda m, g, beta: (0.99 * m + 0.01 * g, np.sign(beta * m + (1 - beta) * g))),
    ],
)
def test_the_schedules_of_the_rate_and_the_momentum(config, rule):
    rates, momenta = [0.5, 0.25, 0.1, 0.2], [0.9, 0.5, 0.7, 0.8]
    params, gradients = {"w": normal(5)}, normal(STEPS, 5)
    tx = build_optimizer(
        {**config, "lr": 9.0}, params, lambda step: jnp.asarray(rates)[step], lambda step: jnp.asarray(momenta)[step]
    )
    w, m = params["w"].astype(float), 0.0
    for rate, momentum, g in zip(rates, momenta, gradients, strict=True):
        m, update = rule(m, g, momentum)
        w = w - rate * update
    np.testing.assert_allclose(trained(tx, params, {"w": gradients})["w"], w, rtol=1e-5)


def test_a_factor_of_0_leaves_a_parameter_exactly_and_keeps_no_state_for_it():
    config = {"type": "AdamW", "lr": 0.1, "weight_decay": 0.5}
    config["paramwise_cfg"] = {"custom_keys": {"backbone": {"lr_mult": 0}}}
    tx = build_optimizer(config, PARAMS)
    broken = {**GRADIENTS, "backbone": jax.tree.map(lambda g: g * np.nan, GRADIENTS["backbone"])}
    after = trained(tx, PARAMS, broken)
    jax.tree.map(np.testing.assert_array_equal, after["backbone"], PARAMS["backbone"])
    assert np.isfinite(after["head"]["fc"]["kernel"]).all()
    assert not np.array_equal(after["head"]["fc"]["kernel"], PARAMS["head"]["fc"]["kernel"])
    kept = [leaf.shape for leaf in jax.tree.leaves(tx.init(PARAMS)) if leaf.ndim]
    assert sorted(kept) == [(3,), (3,), (4, 3), (4, 3)]


def test_an_optimiser_of_the_user_s_own():
    paramwise = {"bias_lr_mult": 2.0}
    named = build_optimizer({"type": "SGD", "lr": 0.1, "momentum": 0.9, "paramwise_cfg": paramwise}, PARAMS)
    own = build_optimizer({"type": "optax:sgd", "lr": 0.1, "momentum": 0.9, "paramwise_cfg": paramwise}, PARAMS)
    assert_close(trained(own, PARAMS, GRADIENTS), trained(named, PARAMS, GRADIENTS))


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"type": "SGD", "nesterov": True}, "optimizer: SGD: nesterov=True needs momentum > 0 and dampening=0"),
        ({"type": "SGD", "nesterov": True, "momentum": 0.9, "dampening": 0.1}, "nesterov=True needs"),
        ({"type": "RMSprop", "alpha": 1}, r"optimizer: RMSprop: alpha: expected a number in \[0, 1\), got 1"),
        ({"type": "Muon", "adjust_lr_fn": "rms"}, "optimizer: Muon: adjust_lr_fn: 'rms' is not one of original"),
        ({"type": "Muon", "ns_coefficients": (1.0, 2.0)}, r"optimizer\.ns_coefficients: expected 3 numbers"),
        ({"type": "Muon", "others": {"type": "SDG"}}, "optimizer.others: optimizer.type: 'SDG'; did you mean"),
        ({"type": "Muon", "others": "SGD"}, "optimizer.others: optimizer: 'SGD'; expected a dict"),
        ({"type": "Muon", "others": {"type": "SGD", "weight_decay": 1.0}}, "optimizer.others: weight_decay cannot"),
        ({"type": "Muon", "others": {"type": "Lamb"}}, "optimizer.others: max_grad_norm cannot stand here"),
        ({"type": "yogi", "b1": "0.9"}, r"optimizer\.b1: expected a number in \[0, 1\), got '0.9'"),
        ({"type": "radam", "threshold": "5"}, r"optimizer\.threshold: expected a number, got '5'"),
        ({"type": "adam", "mu_dtype": "nothing"}, "optimizer: adam: "),
    ],
)
def test_values_that_an_optimiser_cannot_take(config, message):
    with pytest.raises(UserError, match=message):
        build_optimizer({"lr": 0.1, **config}, PARAMS)


def test_a_groups_rate_and_decay_are_multiples_of_the_optimisers():
    paramwise = {"custom_keys": {"head": {"lr_mult": 10.0, "decay_mult": 0.5}}, "norm_decay_mult": 0.0}
    optimizer = {"type": "SGD", "lr": 0.1, "weight_decay": 0.2, "paramwise_cfg": paramwise}
    groups = {".".join(path): group for path, group in jaxcls.parameter_groups(PARAMS, optimizer).items()}
    assert groups["backbone.conv.kernel"] == (0.1, 0.2)
    assert groups["backbone.bn.scale"] == (0.1, 0.0)
    assert groups["head.fc.kernel"] == groups["head.fc.bias"] == (1.0, 0.1)


@pytest.mark.parametrize(("name", "frozen"), [("efficientformer_l1", False), ("poolformer_s12", True)])
def test_what_a_backbone_freezes_by_default_has_no_rule(name, frozen):
    """PoolFormer's stem is frozen unless a config says otherwise; EfficientFormer's names fit its layout, too."""
    model = jaxcls.zoo.model_config(name)
    images = jax.ShapeDtypeStruct((1, 224, 224, 3), jnp.float32)
    params = jax.eval_shape(jaxcls.build_classifier(model).init, jax.random.key(0), images)["params"]
    none = {"bias_decay_mult": 0.0, "norm_decay_mult": 0.0}
    optimizer = {"type": "AdamW", "lr": 1.0, "weight_decay": 1.0, "paramwise_cfg": none}
    groups = jaxcls.parameter_groups(params, optimizer)
    biases = {group for path, group in groups.items() if path[1].startswith("patch_embed") and path[-1] == "bias"}
    assert biases == {(1.0, 1.0 if frozen else 0.0)}
