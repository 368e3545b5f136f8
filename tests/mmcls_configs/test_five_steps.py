"""A ResNet-18 recipe for CIFAR-10 in the original's language takes the steps that the original takes.

`tests/golden/mmcls/five_steps.json` holds the losses of MMClassification 0.25.0 and MMCV 1.7.2 (PyTorch 2.13, CPU,
float32): five steps of `resnet18_8xb16_cifar10.py` on 80 images of noise in their order, 16 a step, normalised and
neither cropped nor flipped, from the weights that `initial` gives.
"""

from __future__ import annotations

import json
import pickle

import jax
import numpy as np
import pytest

import jaxcls
from jaxcls.convert import convert_state_dict, export_state_dict
from jaxcls.data.pipeline import build_dataset
from jaxcls.engine.step.parallel import Parallel

CONFIG = """
normalize = dict(
    type='Normalize', mean=[125.307, 122.961, 113.8575], std=[51.5865, 50.847, 51.255], to_rgb=False)
last = [dict(type='ImageToTensor', keys=['img']), dict(type='Collect', keys=['img', 'gt_label'])]
crop = [dict(type='RandomCrop', size=32, padding=4), dict(type='RandomFlip', flip_prob=0.5, direction='horizontal')]
held_out = dict(type='CIFAR10', data_prefix='{{ fileDirname }}', pipeline=[normalize, *last])
data = dict(
    samples_per_gpu=16,
    workers_per_gpu=2,
    train=dict(type='CIFAR10', data_prefix='{{ fileDirname }}', pipeline=[*crop, normalize, *last]),
    val=held_out,
    test=held_out)
model = dict(
    type='ImageClassifier',
    backbone=dict(type='ResNet_CIFAR', depth=18, num_stages=4, out_indices=(3, ), style='pytorch'),
    neck=dict(type='GlobalAveragePooling'),
    head=dict(
        type='LinearClsHead',
        num_classes=10,
        in_channels=512,
        loss=dict(type='CrossEntropyLoss', loss_weight=1.0)))
optimizer = dict(type='SGD', lr=0.1, momentum=0.9, weight_decay=0.0001)
optimizer_config = dict(grad_clip=None)
lr_config = dict(policy='step', step=[100, 150])
runner = dict(type='EpochBasedRunner', max_epochs=200)
"""
CLASSES = [f"class {i}" for i in range(10)]


@pytest.fixture
def config(tmp_path):
    """The recipe, its data beside it."""
    rng = np.random.default_rng(0)
    images, labels = rng.integers(0, 256, (80, 32, 32, 3), dtype=np.uint8), rng.integers(0, 10, 80)
    folder = tmp_path / "cifar-10-batches-py"
    folder.mkdir()
    rows = images.transpose(0, 3, 1, 2).reshape(80, 3072)
    for i, name in enumerate([*(f"data_batch_{i}" for i in range(1, 6)), "test_batch"]):
        part = slice(16 * i % 80, 16 * i % 80 + 16)
        content = {"data": rows[part], "labels": labels[part].tolist()}
        (folder / name).write_bytes(pickle.dumps(content, protocol=2))
    (folder / "batches.meta").write_bytes(pickle.dumps({"label_names": CLASSES}, protocol=2))
    (tmp_path / "resnet18_1xb16_cifar10.py").write_text(CONFIG)
    return jaxcls.load_mmcls_config(tmp_path / "resnet18_1xb16_cifar10.py")


def initial(name, shape, fill):
    """As the original begins: no residual at first, a small classifier."""
    if name.endswith(("bn2.weight", "bias", "running_mean")):
        return np.zeros(shape, np.float32)
    if len(shape) == 1:
        return np.ones(shape, np.float32)
    return fill.fill(name, shape) * np.float32(0.01 * shape[1] ** 0.5 if len(shape) == 2 else 1)


def filled(classifier, fill):
    shapes = jax.eval_shape(classifier.init, jax.random.key(0), jax.ShapeDtypeStruct((1, 32, 32, 3), np.float32))
    names = export_state_dict(classifier, jax.tree.map(lambda leaf: np.zeros(leaf.shape, leaf.dtype), shapes))
    state_dict = {name: initial(name, value.shape, fill) for name, value in names.items()}
    return convert_state_dict(classifier, state_dict, image_shape=(32, 32, 3))


@pytest.mark.slow
def test_the_losses_are_the_originals(config, golden, fill):
    expected = json.loads((golden / "mmcls" / "five_steps.json").read_text())["losses"]
    assert config.data.batch_size == 16
    train = build_dataset({**config.data.train.to_dict(), "pipeline": config.data.val.pipeline})
    classifier = jaxcls.build_classifier(config.model)
    variables = filled(classifier, fill)
    tx = jaxcls.build_optimizer(config.optimizer, variables["params"])
    state = jaxcls.create_train_state(variables, tx)
    step = jaxcls.make_train_step(classifier, tx, parallel=Parallel(devices=jax.devices()[:1]))
    losses = []
    for i in range(5):
        samples = [train.sample(j, np.random.default_rng(0)) for j in range(16 * i, 16 * i + 16)]
        images = train.normalize.on_device(np.stack([sample["image"] for sample in samples]))
        batch = {"image": images, "label": np.array([sample["label"] for sample in samples], np.int32)}
        state, log_vars = step(state, batch, jax.random.key(0))
        losses.append(float(log_vars["loss"]))
    np.testing.assert_allclose(losses, expected, rtol=1e-3)


def test_validation_data_are_the_test_images(config):
    assert (config.data.val.test_mode, config.data.train.get("test_mode")) == (True, None)
    assert len(build_dataset(config.data.train)) == 80
    assert len(build_dataset(config.data.val)) == 16
