from __future__ import annotations

import json

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import jaxcls
from jaxcls.convert import convert_state_dict
from jaxcls.engine.optim import build_grad_clip
from jaxcls.engine.step.inputs import Inputs
from jaxcls.engine.step.options import StepOptions
from jaxcls.engine.step.parallel import Parallel
from jaxcls.engine.step.train_step import make_train_step, parse_losses

ONE = Parallel(devices=jax.devices()[:1])


def test_losses_are_parsed_as_the_original_does():
    losses = {
        "loss_a": jnp.asarray([1.0, 3.0]),
        "loss_b": [jnp.asarray(1.0), jnp.asarray([2.0, 4.0])],
        "accuracy": {"top-1": jnp.asarray([50.0])},
        "other": jnp.asarray(7.0),
    }
    loss, log_vars = parse_losses(losses)
    assert loss == 6.0
    assert log_vars == {"loss_a": 2.0, "loss_b": 4.0, "top-1": 50.0, "other": 7.0, "loss": 6.0}
    with pytest.raises(TypeError, match=r"'loss'.*str"):
        parse_losses({"loss": "1.0"})


@pytest.mark.parametrize("name", ["lenet5_sgd", pytest.param("resnet18_cifar_sgd", marks=pytest.mark.slow)])
def test_steps_of_the_original(name, golden, fill):
    data = np.load(golden / "trajectories" / f"{name}.npz")
    meta = json.loads(str(data["meta"]))
    classifier = jaxcls.build_classifier(meta["model"])
    state_dict = {name: fill.fill(name, tuple(shape)) for name, shape in meta["params"]}
    shape = tuple(meta["batch"])
    variables = convert_state_dict(classifier, state_dict, (*shape[2:], shape[1]))
    tx = jaxcls.build_optimizer(meta["optimizer"], variables["params"])
    step = make_train_step(classifier, tx, parallel=ONE, options=StepOptions(clip=build_grad_clip({"max_norm": 1e9})))
    state = jaxcls.create_train_state(variables, tx)
    losses, norms = [], []
    for image_seed, label_seed in zip(meta["image_seeds"], meta["label_seeds"], strict=True):
        images = fill.images(shape, image_seed).transpose(0, 2, 3, 1)
        batch = {"image": images, "label": fill.labels(shape[0], 10, label_seed).astype(np.int32)}
        state, log_vars = step(state, batch, jax.random.key(0))
        losses.append(float(log_vars["loss"]))
        norms.append(float(log_vars["grad_norm"]))
    np.testing.assert_allclose(losses[0], data["losses"][0], rtol=1e-5)
    np.testing.assert_allclose(losses, data["losses"], rtol=1e-2)
    np.testing.assert_allclose(norms, data["grad_norms"], rtol=2e-2)
    for key in data.files:
        if key.startswith("buffer:") and key.endswith("running_var"):
            *path, _ = key.removeprefix("buffer:").replace("layer4.1", "layer4|1").split(".")
            node = state.batch_stats
            for part in path:
                node = node[part.replace("|", ".")]
            np.testing.assert_allclose(node["var"], data[key], rtol=5e-2)


def small(stages=1, head=(), **backbone):
    config = {
        "type": "ImageClassifier",
        "backbone": {
            "type": "ResNet_CIFAR",
            "depth": 18,
            "stem_channels": 8,
            "base_channels": 8,
            "num_stages": stages,
            "out_indices": (stages - 1,),
            **backbone,
        },
        "neck": {"type": "GlobalAveragePooling"},
        "head": {"type": "LinearClsHead", "num_classes": 5, "in_channels": 8 * stages, **dict(head)},
    }
    classifier = jaxcls.build_classifier(config)
    variables = jax.jit(classifier.init)(jax.random.key(0), np.zeros((1, 8, 8, 3), np.float32))
    return classifier, variables


def batches(n=16, size=8):
    rng = np.random.default_rng(0)
    while True:
        yield {
            "image": rng.integers(0, 256, (n, size, size, 3), np.uint8),
            "label": rng.integers(0, 5, n).astype(np.int32),
        }


def test_nothing_is_transferred_between_log_lines():
    classifier, variables = small()
    tx = jaxcls.build_optimizer(
        {"type": "SGD", "lr": 0.1, "momentum": 0.9}, variables["params"], optax.constant_schedule(0.1)
    )
    parallel = Parallel()
    step = make_train_step(classifier, tx, parallel=parallel)
    state, key = parallel.place_state(jaxcls.create_train_state(variables, tx)), parallel.place_key(jax.random.key(0))
    placed = [parallel.place_batch(batch) for batch, _ in zip(batches(), range(4), strict=False)]
    state, _ = step(state, placed[0], key)
    with jax.transfer_guard("disallow"):
        for batch in placed[1:]:
            state, log_vars = step(state, batch, key)
    assert np.isfinite(float(log_vars["loss"]))
    assert int(state.step) == 4


def test_variables_survive_a_donated_state():
    classifier, variables = small()
    tx = optax.sgd(0.1)
    step = make_train_step(classifier, tx, parallel=ONE)
    step(jaxcls.create_train_state(variables, tx), next(batches()), jax.random.key(0))
    assert np.isfinite(jax.device_get(variables)["params"]["head"]["fc"]["kernel"]).all()


def test_mixing_happens_in_the_step():
    classifier, variables = small()
    tx, batch = optax.set_to_zero(), next(batches())
    seen = []

    def mix(key, images, labels):
        seen.append((images.shape, labels.shape))
        return images * 0, jax.nn.one_hot(jnp.zeros_like(labels), 5)

    step = make_train_step(classifier, tx, parallel=ONE, inputs=Inputs(mix_batch=mix))
    _, log_vars = step(jaxcls.create_train_state(variables, tx), batch, jax.random.key(0))
    assert seen == [((16, 8, 8, 3), (16,))]
    plain = make_train_step(classifier, tx, parallel=ONE)
    blank = {"image": batch["image"] * 0, "label": batch["label"] * 0}
    _, expected = plain(jaxcls.create_train_state(variables, tx), blank, jax.random.key(0))
    np.testing.assert_allclose(log_vars["loss"], expected["loss"], rtol=1e-6)


def test_frozen_parameters_stay_bit_for_bit():
    classifier, variables = small(stages=2, frozen_stages=1)
    tx = jaxcls.build_optimizer({"type": "SGD", "lr": 0.1, "weight_decay": 0.1, "momentum": 0.9}, variables["params"])
    step = make_train_step(classifier, tx, parallel=ONE)
    state = jaxcls.create_train_state(variables, tx)
    for batch, _ in zip(batches(), range(2), strict=False):
        state, _ = step(state, batch, jax.random.key(0))
    before, after = variables["params"]["backbone"], state.params["backbone"]
    for name in before:
        same = jax.tree.all(jax.tree.map(np.array_equal, before[name], after[name]))
        assert same == (name in ("conv1", "bn1") or name.startswith("layer1."))


def test_clipping_scales_the_update():
    classifier, variables = small()
    tx, batch = optax.sgd(1.0), next(batches())

    def update(clip=None):
        step = make_train_step(classifier, tx, parallel=ONE, options=StepOptions(clip=clip))
        state, log_vars = step(jaxcls.create_train_state(variables, tx), batch, jax.random.key(0))
        return optax.tree.norm(jax.tree.map(jnp.subtract, state.params, variables["params"])), log_vars

    (norm, _), (clipped, log_vars) = update(), update(clip=build_grad_clip({"max_norm": 0.01}))
    np.testing.assert_allclose(log_vars["grad_norm"], norm, rtol=1e-4)
    np.testing.assert_allclose(clipped, 0.01, rtol=1e-3)


def test_each_step_and_each_device_draws_its_own_numbers():
    classifier, variables = small(stages=2, drop_path_rate=0.5, zero_init_residual=False)
    tx, batch = optax.set_to_zero(), next(batches(n=1))
    rows = {name: np.repeat(value, 2, axis=0) for name, value in batch.items()}
    two = Parallel(devices=jax.devices()[:2])
    one_step, two_step = (make_train_step(classifier, tx, parallel=parallel) for parallel in (ONE, two))

    def losses(step, batch, seed, steps):
        state, found = jaxcls.create_train_state(variables, tx), []
        for _ in range(steps):
            state, log_vars = step(state, batch, jax.random.key(seed))
            found.append(float(log_vars["loss"]))
        return found

    first = losses(one_step, batch, 0, 4)
    assert len(set(first)) > 1  # of the step
    assert first == losses(one_step, batch, 0, 4)  # and of nothing else but the seed
    assert first != losses(one_step, batch, 1, 4)
    # Device 0 draws as a single device does, so that equal means would mean that device 1 does the same.
    assert losses(two_step, rows, 0, 1)[0] != pytest.approx(first[0], rel=1e-6)
