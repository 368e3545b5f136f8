"""Evaluations in a training, from scores to logs."""

from __future__ import annotations

import json

import cv2
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax import linen as nn

import jaxcls
from jaxcls.errors import UserError
from tests.engine.tiny import Tiny, model, train


class Diverged(Tiny):
    """Trains, and gives NaN in evaluation mode."""

    @nn.compact
    def __call__(self, x, train=False):
        (x,) = super().__call__(x, train)
        return (x if train else x * np.nan,)


@pytest.mark.parametrize("save_best", ["accuracy_top-1", pytest.param("log_loss", marks=pytest.mark.slow), "auto"])
def test_scores_that_are_not_finite_are_never_the_best(tmp_path, save_best):
    runner = train(
        tmp_path / "work",
        model=model() | {"backbone": {"type": "tests.engine.test_evaluation:Diverged"}},
        evaluation={"metric": ["accuracy", "log_loss", "support"], "save_best": save_best},
        runner={"max_epochs": 1},
    )
    assert runner.checkpoints.best is None
    (line,) = (json.loads(text) for text in next(tmp_path.glob("work/*.log.json")).read_text().splitlines()[-1:])
    assert np.isnan([line[name] for name in ("accuracy_top-1", "accuracy_top-5", "log_loss", "loss")]).all()
    assert line["support"] == 64
    text = next(tmp_path.glob("work/*.log")).read_text()
    assert "WARNING - 64 of 64 images have scores that are not finite: metrics are NaN" in text


class Silent(Tiny):
    """Of NaN it makes 0, as XLA's fusions of ReLU and pooling do on a CPU."""

    @nn.compact
    def __call__(self, x, train=False):
        (x,) = super().__call__(x, train)
        return (jnp.where(x > 0, x, 0.0),)


def test_a_network_with_weights_that_are_not_finite_has_no_scores():
    made = jaxcls.build_classifier(model() | {"backbone": {"type": "tests.engine.test_evaluation:Silent"}})
    images = np.ones((8, 8, 8, 3), np.float32)
    variables = jax.tree.map(np.array, jax.jit(made.init)(jax.random.key(0), images))
    step = jaxcls.make_eval_step(made, preprocess=lambda images: images)
    batch = {"image": images, "label": np.zeros(8, np.int32), "mask": np.ones(8, np.float32)}
    assert np.isfinite(step(variables, batch)[0]).all()
    jax.tree.leaves(variables["params"]["backbone"])[0][...] = np.nan
    scores, log_vars = step(variables, batch)
    assert np.isnan(scores).all()
    assert np.isnan(log_vars["loss"])


@pytest.mark.parametrize("views", [1, 2])
def test_an_image_that_is_not_finite_has_no_scores_and_no_loss(views):
    made = jaxcls.build_classifier(model() | {"backbone": {"type": "tests.engine.test_evaluation:Silent"}})
    images = np.random.default_rng(0).random((8, 8, 8, 3), np.float32)
    variables = jax.jit(made.init)(jax.random.key(0), images)
    step = jaxcls.make_eval_step(made, preprocess=lambda images: [images] * views if views > 1 else images)
    batch = {"image": images, "label": np.zeros(8, np.int32), "mask": np.ones(8, np.float32)}
    expected = np.reshape(step(variables, batch)[0], (8, 10))  # of the devices' rows
    batch["image"] = np.where(np.arange(8)[:, None, None, None] == 3, np.float32(np.inf), images)
    scores, log_vars = step(variables, batch)
    np.testing.assert_array_equal(np.reshape(scores, (8, 10)), np.where(np.arange(8)[:, None] == 3, np.nan, expected))
    assert np.isnan(log_vars["loss"])
    _, log_vars = step(variables, {**batch, "mask": np.float32(np.arange(8) != 3)})
    assert np.isfinite(log_vars["loss"])
    tx = optax.sgd(0.1)
    _, log_vars = jaxcls.make_train_step(made, tx)(
        jaxcls.create_train_state(variables, tx), {name: batch[name] for name in ("image", "label")}, jax.random.key(0)
    )
    assert np.isnan(log_vars["loss"])


def multi_label(tmp_path, **evaluation):
    """A training on images with several labels."""
    images = tmp_path / "images"
    images.mkdir()
    lines = []
    for i in range(8):
        cv2.imwrite(str(images / f"{i}.png"), np.full((8, 8, 3), 30 * i, np.uint8))
        lines.append(f"{i}.png {i % 3},{(i + 1) % 3}")
    (tmp_path / "labels.txt").write_text("\n".join(lines) + "\n")
    data = {
        "type": "MultiLabelDataset",
        "data_prefix": str(images),
        "ann_file": str(tmp_path / "labels.txt"),
        "pipeline": [{"type": "LoadImageFromFile"}],
    }
    return train(
        tmp_path / "work",
        model=model() | {"head": {"type": "MultiLabelLinearClsHead", "num_classes": 3}},
        data={"batch_size": 8, "train": data, "val": data},
        evaluation=evaluation,
        runner={"max_epochs": 1},
    )


def test_the_default_fits_several_labels_an_image(tmp_path):
    runner = multi_label(tmp_path, save_best="auto")
    assert runner.checkpoints.best["metric"] == "mAP"


def test_a_metric_of_one_label_is_refused_for_several(tmp_path):
    message = r"^evaluation\.metric: 'accuracy' is not for data with several labels an image; .*mAP"
    with pytest.raises(UserError, match=message):
        multi_label(tmp_path, metric="accuracy")
    assert not (tmp_path / "work").exists()
