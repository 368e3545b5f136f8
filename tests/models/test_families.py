"""What holds for every backbone, on the small variants of `families`."""

from __future__ import annotations

import functools
import importlib
import re

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from jax.extend.core import Var

from jaxcls.engine.optim.paramwise import parameter_name
from jaxcls.engine.step.precision import Precision
from jaxcls.errors import UserError
from jaxcls.models import backbones
from jaxcls.models.backbones.layout import LAST
from tests.models.families import FAMILIES, classifier, images, shapes
from tests.models.filled import values

conv2d_module = importlib.import_module("jaxcls.models.layers.conv2d")
MISTAKES = [(name, *mistake) for name, family in FAMILIES.items() for mistake in family.wrong]
FREEZING = [(name, stages) for name, family in FAMILIES.items() for stages in family.frozen]
# The most stages of each family; fewer are slow.
MOST_FROZEN = [
    pytest.param(name, stages, marks=[pytest.mark.slow] * (stages != max(FAMILIES[name].frozen)))
    for name, stages in FREEZING
]
CHECKPOINTED = [name for name, family in FAMILIES.items() if family.checkpointed]


KEY = jax.random.key(0)


@pytest.fixture(autouse=True)
def one_form_of_convolution(monkeypatch):
    """XLA's own: the forms for a CPU, which tests of conv2d hold against it, take several times as long to compile."""
    monkeypatch.setattr(conv2d_module, "_on_cpu", conv2d_module.dense)


def fields(name):
    return getattr(backbones, name).__dataclass_fields__


def paths(tree):
    return [tuple(key.key for key in path) for path, _ in jax.tree_util.tree_leaves_with_path(tree)]


def test_every_backbone_is_in_the_table():
    assert FAMILIES.keys() == set(backbones.__all__)


@functools.cache
def training(name):
    """The jaxpr of a loss in half precision, its arguments' paths, its dtype, and the shapes of what it leaves."""
    made, labels = classifier(name), np.arange(2, dtype=np.int32)
    variables = jax.eval_shape(Precision("bfloat16").cast, shapes(name))
    data = jax.ShapeDtypeStruct(images(name, len(labels)).shape, jnp.bfloat16)

    def forward(variables, data):
        losses, updated = made.apply(
            variables,
            data,
            labels,
            method="forward_train",
            rngs={"dropout": KEY},
            mutable=["batch_stats", "intermediates"],
            capture_intermediates=True,
        )
        return losses["loss"], updated

    closed, (loss, updated) = jax.make_jaxpr(forward, return_shape=True)(variables, data)
    return closed.jaxpr, paths(variables), loss.dtype, updated


def missed(name, reached):
    """The parameters' names that are not among these, but for those that the family does not use."""
    still = {".".join(path) for path in paths(shapes(name)["params"])} - reached
    return [path for path in still if not path.endswith(FAMILIES[name].unused)]


@pytest.mark.parametrize("name", FAMILIES)
def test_every_parameter_reaches_the_loss(name):
    """From the loss backwards, through what has a derivative."""
    jaxpr, arguments, _, _ = training(name)
    reached = {jaxpr.outvars[0]}
    for equation in reversed(jaxpr.eqns):
        if equation.primitive.name != "stop_gradient" and not reached.isdisjoint(equation.outvars):
            inputs = (value for value in equation.invars if isinstance(value, Var))
            reached.update(value for value in inputs if jnp.issubdtype(value.aval.dtype, jnp.inexact))
    pairs = zip(arguments, jaxpr.invars, strict=False)  # the images come last
    assert not missed(name, {".".join(path[1:]) for path, value in pairs if path[0] == "params" and value in reached})


def loss_and_gradients(name, **changes):
    """A batch's loss in training, the dropout of one key, and the parameters' gradients: NumPy's, shaped as these."""
    made, data = classifier(name, **changes), images(name)
    variables = values(shapes(name))

    def loss(params):
        losses, _ = made.apply(
            {**variables, "params": params},
            data,
            np.arange(len(data)) % 8,
            method="forward_train",
            rngs={"dropout": KEY},
            mutable=["batch_stats"],
        )
        return losses["loss"]

    return jax.device_get(jax.jit(jax.value_and_grad(loss))(variables["params"]))


@pytest.mark.slow
@pytest.mark.parametrize("name", FAMILIES)
def test_every_parameter_gets_a_gradient(name):
    value, grads = loss_and_gradients(name)
    assert np.isfinite(value)
    assert not [path for path, leaf in jax.tree.leaves_with_path(grads) if not np.all(np.isfinite(leaf))]
    moved = map(np.any, jax.tree.leaves(grads))
    assert not missed(name, {".".join(path) for path, one in zip(paths(grads), moved, strict=True) if one})


@pytest.mark.parametrize("name", FAMILIES)
def test_what_is_bfloat16_and_what_is_float32(name):
    jaxpr, _, dtype, updated = training(name)
    between = jax.tree.leaves_with_path(updated["intermediates"])
    assert len(between) >= 5
    wide = [jax.tree_util.keystr(path) for path, leaf in between if leaf.dtype != jnp.bfloat16]
    assert not [path for path in wide if not any(part in path for part in FAMILIES[name].float32)]
    assert dtype == jnp.float32
    assert all(leaf.dtype == jnp.float32 for leaf in jax.tree.leaves(updated.get("batch_stats", {})))
    assert set(re.findall(r":(\w+)\[[\d,]*\] = exp ", str(jaxpr))) == {"f32"}  # each softmax


def trace(name, train=True, **changes):
    """The features' jaxpr in training, and whether each running statistic comes out as it went in."""
    made, variables = classifier(name, **changes), shapes(name)

    def forward(variables, x):
        rngs = {"dropout": KEY}
        return made.apply(variables, x, train=train, method="extract_feat", rngs=rngs, mutable=["batch_stats"])[1]

    closed, out = jax.make_jaxpr(forward, return_shape=True)(variables, images(name, 2))
    kept = [variable in closed.jaxpr.invars for variable in closed.jaxpr.outvars]
    return closed, dict(zip(paths(out.get("batch_stats", {})), kept, strict=True))


def below(prefixes, tree):
    """The paths in the backbone that begin so."""
    return {path for path in tree if path[0] == "backbone" and ".".join(path[1:]).startswith(prefixes)}


@pytest.mark.parametrize(("name", "stages"), FREEZING)
def test_parameters_of_frozen_stages(name, stages):
    made, prefixes = classifier(name, frozen_stages=stages), FAMILIES[name].frozen[stages]
    parameters = paths(shapes(name)["params"])
    assert {path for path in parameters if made.is_frozen(path)} == below(prefixes, parameters)
    assert not prefixes or below(prefixes, parameters)


@pytest.mark.parametrize(("name", "stages"), MOST_FROZEN)
def test_statistics_of_frozen_stages(name, stages):
    _, kept = trace(name, frozen_stages=stages)
    assert {path for path in kept if kept[path]} == below(FAMILIES[name].frozen[stages], kept)


@pytest.mark.parametrize("name", [name for name in FAMILIES if "norm_eval" in fields(name)])
def test_norm_eval_keeps_the_statistics(name):
    kept = [kept for path, kept in trace(name, norm_eval=True)[1].items() if path[0] == "backbone"]
    assert all(kept) if FAMILIES[name].norm_eval else not any(kept)


@pytest.mark.parametrize("train", [True, pytest.param(False, marks=pytest.mark.slow)])
@pytest.mark.parametrize("name", CHECKPOINTED)
def test_activation_checkpointing_wraps_every_block_in_training_alone(name, train):
    family = FAMILIES[name]
    jaxpr, _ = trace(name, train, **{family.checkpointing: True})
    assert str(jaxpr).count("prevent_cse") == train * family.checkpointed


@pytest.mark.slow
@pytest.mark.parametrize("name", CHECKPOINTED)
def test_activation_checkpointing_changes_no_gradient(name):
    argument = FAMILIES[name].checkpointing
    (kept, grads), (again, same) = (loss_and_gradients(name, **{argument: value}) for value in (False, True))
    assert again == pytest.approx(kept, rel=1e-6)
    error = optax.tree.norm(jax.tree.map(np.subtract, same, grads))
    assert error < 1e-5 * optax.tree.norm(grads)


@pytest.mark.parametrize("name", [name for name, family in FAMILIES.items() if family.least])
def test_the_least_size_of_images(name):
    """It is taken; one pixel less is refused with it in the message, for which it is looked for."""
    family, made = FAMILIES[name], classifier(name)
    enough, small = (
        jax.ShapeDtypeStruct((1, side, side, family.channels), jnp.float32) for side in (family.least, family.least - 1)
    )
    jax.eval_shape(made.init, KEY, enough)
    if family.least > 1:
        with pytest.raises(UserError, match=rf"{name}.*{family.least - 1}x{family.least - 1}") as error:
            jax.eval_shape(made.init, KEY, small)
        assert f"the least size is {family.least}x{family.least}" in str(error.value)


@pytest.mark.parametrize(("side", "fits"), [(16, False), (63, False), (223, True), (224, True), (300, False)])
def test_alexnets_classifier_takes_the_size_of_its_weights(side, fits):
    made, images = backbones.AlexNet(num_classes=2), jax.ShapeDtypeStruct((1, side, side, 3), jnp.float32)
    if fits:
        assert jax.eval_shape(made.init_with_output, KEY, images)[0][0].shape == (1, 2)
        return
    with pytest.raises(UserError, match=f"AlexNet: images of {side}x{side} pixels; with num_classes it needs 224x224"):
        jax.eval_shape(made.init, KEY, images)


@pytest.mark.parametrize(
    ("name", "factor", "message"),
    [
        ("LeViT", 2, r"LeViT: images of \d+x\d+ patches; img_size="),
        ("LeViT", 0.5, r"LeViT: images of \d+x\d+ patches; img_size="),
        ("BEiTViT", 2, r"BEiTViT: images of \d+x\d+ patches; img_size="),
        ("EfficientFormer", 2, r"EfficientFormer: attention needs a feature map of \dx\d, got one of \d+ places"),
        ("DaViT", 1.25, r"DaViT: a feature map of \dx\d cannot be halved; take images of other sizes"),
    ],
)
def test_a_size_that_is_another_is_not_called_too_small(name, factor, message):
    side = int(factor * FAMILIES[name].size)
    with pytest.raises(UserError, match=f"^{message}"):
        jax.eval_shape(classifier(name).init, KEY, jax.ShapeDtypeStruct((1, side, side, 3), jnp.float32))


@pytest.mark.parametrize(("name", "arguments", "message"), MISTAKES)
def test_mistakes(name, arguments, message):
    with pytest.raises(UserError, match=message):
        classifier(name, **arguments)


@pytest.mark.parametrize("name", [name for name in FAMILIES if "in_channels" in fields(name)])
def test_images_of_other_channels_are_refused(name):
    grey = jax.ShapeDtypeStruct((1, FAMILIES[name].size, FAMILIES[name].size, 1), jnp.float32)
    with pytest.raises(UserError, match=f"{name}: in_channels=3, but the images have 1 channels"):
        jax.eval_shape(classifier(name).init, KEY, grey)


@pytest.mark.parametrize("name", FAMILIES)
def test_the_layout_places_every_layer_in_order(name):
    """Depths grow from stem to head, and each stage is somewhere."""
    layout = classifier(name).layout
    if layout is None:
        pytest.fail(f"{name} declares no layout")
    names = [parameter_name(path) for path in paths(shapes(name)["params"].get("backbone", {}))]
    places = {n: (layout.stage_of(n), layout.depth_of(n)) for n in names}
    assert not [n for n, (stage, depth) in places.items() if stage is None or depth is None]
    stages = {stage for stage, _ in places.values()} - {0, LAST}
    assert stages
