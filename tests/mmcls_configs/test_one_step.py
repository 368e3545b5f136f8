"""All config files of the package mmcls 0.25.0 take a training step, as training makes it, on two generated pictures.

    MMCLS_CONFIGS=… python -m pytest tests/mmcls_configs/test_one_step.py -m slow -n 12 --dist load

Files that differ only in what no step sees (the schedule, the data's folders) share the step of the first of them.
Networks whose parameters take more than `ONE_STEP_MIB` (600) are traced and not run: a step of one holds about seven
times that. The most that is run, EfficientNet-B8 at 672 pixels, holds 18 GB.
"""

from __future__ import annotations

import functools
import gc
import json
import os
import re

import cv2
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from original_files import ROOT, WHOLE

import jaxcls
from jaxcls.config import complete
from jaxcls.data.pipeline import build_dataset
from jaxcls.data.sources.base import Source
from jaxcls.engine.assembly import build_runner, runner_kind
from jaxcls.engine.network import Network
from jaxcls.engine.optim.optimisation import Optimisation
from jaxcls.engine.step.parallel import Parallel
from jaxcls.engine.step.train_state import create_train_state
from jaxcls.engine.step.train_step import make_train_step
from jaxcls.errors import UserError

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]  # VAN-B4's step compiles for minutes
LIMIT = float(os.environ.get("ONE_STEP_MIB", 600)) * 2**20
ARRAYS = {"CIFAR10": (32, 32, 3), "CIFAR100": (32, 32, 3), "MNIST": (28, 28, 1)}
STEPS = 8  # a layer may be left out at random, or wait for one that starts at zero


class Noise(Source):
    """One picture of noise for each class: a file or, with a shape, an array. `several`: two classes a picture."""

    def __init__(self, classes, filename="", shape=(), several=False):
        self.classes = tuple(f"class {i}" for i in range(classes))
        self._filename, self._shape = filename, tuple(shape)
        one = np.eye(classes, dtype=np.int32) if several else None
        self._labels = np.arange(classes, dtype=np.int32) if one is None else one | np.roll(one, 1, 0)

    @property
    def labels(self):
        return self._labels

    def __len__(self):
        return len(self._labels)

    def __getitem__(self, index):
        label = self._labels[index] if self._labels.ndim > 1 else int(self._labels[index])
        if not self._shape:
            return {"filename": self._filename, "label": label}
        return {"image": np.random.default_rng(index).integers(0, 256, self._shape, np.uint8), "label": label}

    def names_digest(self):
        return ""


@functools.cache
def whole(name):
    """The config as it stands, without the weights that it would fetch."""
    config = complete(jaxcls.load_mmcls_config(ROOT / f"{name}.py"))
    config["model"]["backbone"].pop("init_cfg", None)
    return config


@functools.cache
def firsts():
    """What a step sees -> the first file that has it."""
    found = {}
    for name in WHOLE:
        found.setdefault(seen(name), name)
    return found


def seen(name):
    config = whole(name)
    keys = ("model", "optimizer", "optimizer_config", "ema", "precision")
    return json.dumps([*(config[key] for key in keys), config["data"]["train"]["pipeline"][:-2]], sort_keys=True)


@pytest.fixture(scope="session")
def picture(tmp_path_factory):
    """An image file of 500 x 400 pixels."""
    path = tmp_path_factory.mktemp("picture") / "a.png"
    cv2.imwrite(str(path), np.random.default_rng(0).integers(0, 256, (400, 500, 3), np.uint8))
    return path


@pytest.fixture
def one_device(monkeypatch):
    """As on a machine with one."""
    devices = jax.devices
    monkeypatch.setattr(jax, "devices", lambda *backend: devices(*backend)[:1])
    yield
    jax.clear_caches()
    gc.collect()


def on_noise(config, picture):
    """The config on generated pictures, two a step, each in its own pipeline."""
    train = config["data"]["train"]
    counts = [config["model"][part].get("num_classes", 0) for part in ("head", "backbone")]  # LeNet has its own
    noise = {"type": Noise, "classes": max(counts), "several": train["type"] == "VOC"}
    noise |= {"shape": ARRAYS[train["type"]]} if train["type"] in ARRAYS else {"filename": str(picture)}
    data = {**config["data"], "train": {**noise, "pipeline": train["pipeline"]}, "batch_size": 2, "num_workers": 0}
    return {**config, "data": data}


def bytes_of(tree):
    return sum(leaf.size * leaf.dtype.itemsize for leaf in jax.tree.leaves(tree))


def without_teacher(config):
    head = {**config["model"]["head"], "distillation": False}
    return {**config, "model": {**config["model"], "head": head}}


def at_256_pixels(config):
    train = config["data"]["train"]
    pipeline = [{**step, "size": 256} if step["type"] == "RandomResizedCrop" else step for step in train["pipeline"]]
    return {**config, "data": {**config["data"], "train": {**train, "pipeline": pipeline}}}


# what the original, too, does not train as it stands: names -> why, and what can be trained
REFUSED = {
    r"efficientformer/": (r"distillation=True needs a teacher: give", without_teacher),
    r"repmlp/.*-256px$": (r"RepMLPNet: images of \(224, 224\) pixels; expected img_size", at_256_pixels),
}


@pytest.mark.parametrize("name", WHOLE)
def test_one_step(name, picture, tmp_path, one_device):
    if firsts()[seen(name)] != name:
        return  # the first one's
    config = whole(name)
    for pattern, (message, mended) in REFUSED.items():
        if re.match(pattern, name):
            with pytest.raises(UserError, match=message):
                build_runner(on_noise(config, picture), tmp_path, validate=False)
            config = mended(config)
    config = on_noise(config, picture)
    dataset = build_dataset(config["data"]["train"])
    network = Network(config, dataset, Parallel(config["parallel"]))
    if bytes_of(network.shapes["params"]) > LIMIT:
        traced(config, network, dataset)
    else:
        taken(config, tmp_path)


def taken(config, tmp_path):
    """The step is taken: the losses are finite, and each parameter that is not frozen moves or gathers momentum.

    A rate may be so low that a step is less than float32 tells from the parameter. The four units of a squeeze may all
    be below zero on both pictures, with one seed of sixteen, so that no gradient passes: each parameter moves with one
    of four seeds.
    """
    still = still_after_steps({**config, "seed": 0}, tmp_path / "0")
    for seed in (1, 2, 3):
        if still:
            still &= still_after_steps({**config, "seed": seed}, tmp_path / str(seed))
    assert sorted(map(jax.tree_util.keystr, still)) == []


def still_after_steps(config, tmp_path):
    """The paths of the parameters that should have moved and have not."""
    made, loaders, _ = build_runner(config, tmp_path, validate=False)
    with loaders["train"] as loader:
        batch = next(iter(loader.iterate()))
        iters = made.length * len(loader) if made.by_epoch else made.length
    state = made.state.replace(step=made.state.step + iters // 2)  # past the warm-up, which may begin at zero
    classifier = made.network.classifier
    flat = {path: np.array(leaf) for path, leaf in jax.tree.leaves_with_path(state.params)}
    still = {path for path in flat if not classifier.is_frozen(keys(path))}
    for _ in range(STEPS):
        state, log_vars = made.train_step(state, batch, made.key)
        assert "loss" in log_vars
        assert {name: float(value) for name, value in log_vars.items() if not np.isfinite(value)} == {}
        now = dict(jax.tree.leaves_with_path(state.params))
        assert [jax.tree_util.keystr(path) for path in flat if not np.all(np.isfinite(now[path]))] == []
        gathered = ends(path for path, leaf in jax.tree.leaves_with_path(state.opt_state) if np.any(leaf))
        still = {path for path in still if np.array_equal(flat[path], now[path]) and keys(path) not in gathered}
        if not still:
            break
    assert int(state.skipped_updates) < STEPS
    return still


def keys(path):
    return tuple(key.key for key in path if isinstance(key, jax.tree_util.DictKey))


def ends(paths):
    """The names that the paths end with: an optimiser's trees of parameters lie in its own."""
    return {keys(path)[start:] for path in paths for start in range(len(keys(path)))}


class Traced(Parallel):
    """Places nothing, so that a step can be traced on shapes alone."""

    def place_state(self, state):
        return state

    place_batch = place_key = place_state


def traced(config, network, dataset):
    """The step's outputs, from shapes alone: a loss, and a state like the one before."""
    kind, length = runner_kind(config["runner"])
    optimisation = Optimisation(config, kind, length, len(dataset) // 2)
    tx = optimisation.build_tx(network.shapes["params"], network.classifier.layout)
    state = jax.eval_shape(lambda variables: create_train_state(variables, tx, optimisation.options), network.shapes)
    parallel = Traced("fsdp", network.parallel.devices)
    step = make_train_step(
        network.classifier, tx, parallel=parallel, inputs=network.inputs, options=optimisation.options
    )
    label = dataset.labels[:2]
    batch = {
        "image": jax.ShapeDtypeStruct((2, *dataset.image.shape), dataset.image.dtype),
        "label": jax.ShapeDtypeStruct(label.shape, jnp.int32),
    }
    after, log_vars = jax.eval_shape(step, state, batch, jax.random.key(0))
    assert log_vars["loss"].shape == ()
    assert jax.tree.map(lambda leaf: (leaf.shape, leaf.dtype), after) == jax.tree.map(
        lambda leaf: (leaf.shape, leaf.dtype), state
    )
