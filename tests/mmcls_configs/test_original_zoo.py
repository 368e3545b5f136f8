"""All config files of the package mmcls 0.25.0, as they stand (`original_files`).

`tests/golden/mmcls/recipes.json` holds what the original makes of them: learning rate, weight decay and number of
parameters in each group, and the rates of a training with 20 iterations an epoch.
"""

from __future__ import annotations

import functools
import json
from pathlib import Path

import cv2
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from original_files import BROKEN, NAMES, ROOT, WHOLE

import jaxcls
from jaxcls.builder import build, lookup
from jaxcls.config import complete, load_recipe
from jaxcls.data.pipeline import build_pipeline
from jaxcls.engine import hooks, runner
from jaxcls.engine.optim.optimisation import Optimisation
from jaxcls.errors import UserError
from jaxcls.mmcls import translated
from jaxcls.mmcls.writer import recipe_text

pytestmark = pytest.mark.slow
GOLDEN = json.loads((Path(__file__).parents[1] / "golden" / "mmcls" / "recipes.json").read_text())


def image_shape(config):
    if config["model"]["backbone"]["type"] == "LeNet5":
        return (32, 32, 1)
    size = config["model"]["backbone"].get("img_size", 32 if "CIFAR" in config["data"]["train"]["type"] else 224)
    return (*((size, size) if isinstance(size, int) else size), 3)


@functools.lru_cache(maxsize=8)
def shapes(model, shape):
    classifier = jaxcls.build_classifier(json.loads(model))
    return jax.eval_shape(classifier.init, jax.random.key(0), jax.ShapeDtypeStruct((1, *shape), jnp.float32))["params"]


def groups(params, optimizer):
    found = {}
    for path, group in jaxcls.parameter_groups(params, optimizer).items():
        leaf = functools.reduce(lambda node, key: node[key], path, params)
        key = tuple(round(value, 12) for value in group)
        found[key] = found.get(key, 0) + int(np.prod(leaf.shape))
    return sorted([*key, count] for key, count in found.items())


@pytest.fixture(scope="session")
def picture(tmp_path_factory):
    """An image file of 500 x 400 pixels."""
    path = tmp_path_factory.mktemp("picture") / "a.png"
    cv2.imwrite(str(path), np.random.default_rng(0).integers(0, 256, (400, 500, 3), np.uint8))
    return path


def sample(source, picture, shape):
    """What a source of that type gives."""
    is_array = source["type"] in ("CIFAR10", "MNIST", "CIFAR100")
    return {"image": np.full(shape, 7, np.uint8)} if is_array else {"filename": str(picture)}


@pytest.mark.parametrize("name", WHOLE)
def test_all_is_built(name, picture, tmp_path):
    path = ROOT / f"{name}.py"
    config = complete(jaxcls.load_mmcls_config(path))
    (tmp_path / "recipe.py").write_text(recipe_text(translated(path), name, "recipe.py"))
    assert complete(load_recipe(str(tmp_path / "recipe.py"))) == config
    shape = image_shape(config)
    params = shapes(json.dumps(config["model"]), shape)
    for split in ("train", "val", "test"):
        host, _, normalize = build_pipeline(config["data"][split]["pipeline"])
        made = sample(config["data"][split], picture, (28, 28, 1) if shape[-1] == 1 else (32, 32, 3))
        for step in host:
            made = step(made, np.random.default_rng(0))
        assert normalize.on_device(made["image"][None]).shape[-1] == shape[-1]
    kind = lookup(config["runner"]["type"], runner)
    length = config["runner"]["max_epochs" if kind.by_epoch else "max_iters"]
    optimisation = Optimisation(config, kind, length, iters_per_epoch=1252)
    optimisation.build_tx(params)
    for entry in (*config["custom_hooks"], *config["log_config"]["hooks"]):
        build({key: value for key, value in entry.items() if key != "priority"}, hooks)
    build({"type": "CheckpointHook", **config["checkpoint_config"]}, hooks)
    build({"type": "EvalHook", **config["evaluation"], "evaluator": None}, hooks)


@pytest.mark.parametrize("name", [name for name in WHOLE if name in GOLDEN])
def test_the_originals_groups_and_rates(name):
    config, expected = jaxcls.load_mmcls_config(ROOT / f"{name}.py"), GOLDEN[name]
    if expected["gpus_in_name"]:
        assert config.data.batch_size == expected["samples_per_gpu"] * expected["gpus_in_name"]
    plain = complete(config)
    assert groups(shapes(json.dumps(plain["model"]), image_shape(plain)), config.optimizer) == expected["groups"]
    if "rates" in expected:
        length = expected["max_epochs"], expected["iters_per_epoch"]
        schedule = jaxcls.build_lr_schedule(config.lr_config, config.optimizer.lr, *length)
        steps, rates = zip(*expected["rates"], strict=True)
        np.testing.assert_allclose([schedule(step) for step in steps], rates, rtol=1e-4, atol=1e-4 * max(rates))


@pytest.mark.parametrize("name", [name for name in NAMES if name in BROKEN])
def test_two_name_a_base_that_is_not_there(name):
    with pytest.raises(
        UserError, match=r"mobilenet-v3-small_cifar\.py does not exist; did you mean 'mobilenet_v3_small"
    ):
        jaxcls.load_mmcls_config(ROOT / f"{name}.py")
