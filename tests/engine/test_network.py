"""Whether data fits the network is known before anything runs."""

from __future__ import annotations

import jax
import numpy as np
import pytest
from flax import linen as nn

from jaxcls.config import complete
from jaxcls.data.pipeline import build_dataset
from jaxcls.data.sources.base import Source
from jaxcls.data.views import Views
from jaxcls.engine.assembly import build_evaluator
from jaxcls.engine.network import Network, preprocess_of
from jaxcls.engine.step.parallel import Parallel
from jaxcls.errors import UserError
from tests import recipe
from tests.engine import tiny


class Blank(Source):
    """Images of zeros (height, width, channels) with the given labels."""

    def __init__(self, labels, classes="abc", shape=(8, 8, 1)):
        self.classes, self._labels, self.shape = tuple(classes), np.array(labels, np.int32), shape

    @property
    def labels(self):
        return self._labels

    def __len__(self):
        return len(self._labels)

    def __getitem__(self, index):
        return {"image": np.zeros(self.shape, np.uint8), "label": self._labels[index]}


def dataset(labels=(0, 1, 2), pipeline=(), **arguments):
    return build_dataset({"type": f"{__name__}:Blank", "labels": labels, "pipeline": pipeline, **arguments})


ONE, SEVERAL = [0, 1, 2], [[1, 0, 0], [0, 1, 1], [0, -1, 1]]
MIXUP = {"train_cfg": {"augments": {"type": "BatchMixup", "alpha": 1.0}}}


def config_of(head="LinearClsHead", loss=None, classes=3, backbone=None, **model):
    parts = {"head": {"type": head, "num_classes": classes, **({"loss": loss} if loss else {})}}
    if backbone:
        parts["backbone"] = backbone
    return complete({**recipe.get_config().to_dict(), "model": {**tiny.model(), **parts, **model}})


def network(**model):
    return Network(config_of(**model), dataset(), Parallel())


SIGMOID, SOFT = {"type": "CrossEntropyLoss", "use_sigmoid": True}, {"type": "CrossEntropyLoss", "use_soft": True}


@pytest.mark.parametrize(
    ("made", "labels"),
    [
        ({}, ONE),
        ({"loss": {"type": "LabelSmoothLoss", "label_smooth_val": 0.1}}, ONE),
        ({"head": "MultiLabelLinearClsHead"}, SEVERAL),
        ({"head": "MultiLabelLinearClsHead", "loss": {"type": "AsymmetricLoss"}}, SEVERAL),
        # Mixing makes the labels soft, and the original's recipes for it have these heads and losses.
        (MIXUP, ONE),
        ({"head": "MultiLabelLinearClsHead", "loss": SOFT, **MIXUP}, ONE),
        ({"loss": SIGMOID, **MIXUP}, ONE),
        ({"head": "MultiLabelLinearClsHead", **MIXUP}, SEVERAL),
    ],
)
def test_labels_that_the_head_takes(made, labels):
    network(**made).check(dataset(labels), "data.train")


@pytest.mark.parametrize(
    ("made", "labels", "message"),
    [
        ({}, SEVERAL, "any number of labels an image, but LinearClsHead is for one; use MultiLabelLinearClsHead"),
        ({"loss": SIGMOID}, SEVERAL, "but LinearClsHead is for one; use MultiLabelLinearClsHead"),
        (MIXUP, SEVERAL, "but LinearClsHead is for one; use MultiLabelLinearClsHead"),
        (
            {"head": "MultiLabelLinearClsHead"},
            ONE,
            "one label an image, but MultiLabelLinearClsHead is for any number of them; use LinearClsHead",
        ),
        ({"head": "MultiLabelLinearClsHead", "loss": {"type": "FocalLoss"}}, ONE, "use LinearClsHead"),
        (
            {"head": "MultiLabelLinearClsHead", "loss": {"type": "CrossEntropyLoss"}},
            SEVERAL,
            "does not take several labels: CrossEntropyLoss takes their rows as probabilities; set use_sigmoid=True",
        ),
        (
            {"head": "MultiLabelLinearClsHead", "loss": {"type": "LabelSmoothLoss", "label_smooth_val": 0.1}},
            SEVERAL,
            "LabelSmoothLoss takes their rows as probabilities; set mode='multi_label'",
        ),
        ({"loss": SIGMOID}, ONE, "the loss of LinearClsHead does not take one label an image: CrossEntropyLoss: label"),
        ({"loss": SOFT}, ONE, "the loss of LinearClsHead does not take one label an image"),
        ({"loss": {"type": "CrossEntropyLoss", "class_weight": [1.0, 2.0]}}, ONE, "class_weight has 2 values"),
        ({"classes": 2}, ONE, r"has 3 classes \(a, b, c\), but the head has 2; set its num_classes to 3$"),
        ({"classes": 4}, ONE, r"has 3 classes \(a, b, c\), but the head has 4; set its num_classes to 3"),
        ({}, [0, 3], "labels go from 0 to 3; expected 3 classes, 0 to 2"),
    ],
)
def test_labels_that_it_does_not(made, labels, message):
    with pytest.raises(UserError, match=rf"^data\.train.*{message}"):
        network(**made).check(dataset(labels), "data.train")


@pytest.mark.parametrize(
    ("head", "labels", "message"),
    [
        (
            "MultiLabelLinearClsHead",
            ONE,
            "data.val has one label an image, but MultiLabel.* is for any number of them$",
        ),
        ("LinearClsHead", SEVERAL, "data.val has any number of labels an image, but LinearClsHead is for one$"),
    ],
)
def test_validation_data_of_the_other_kind_are_no_reason_to_change_the_head(head, labels, message):
    with pytest.raises(UserError, match=message):
        network(head=head).check(dataset(labels), "data.val")


NORMALIZE = {"type": "Normalize", "mean": [1.0], "std": [1.0]}
MIXER = {"type": "MlpMixer", "img_size": 8, "patch_size": 4, "arch": {
    "embed_dims": 4, "num_layers": 1, "tokens_mlp_dims": 4, "channels_mlp_dims": 4}}  # fmt: skip


@pytest.mark.parametrize(
    ("backbone", "val", "message"),
    [
        (None, {"shape": (12, 10, 1)}, None),
        (None, {"pipeline": [NORMALIZE]}, None),
        (
            None,
            {"shape": (8, 8, 3)},
            r"images are \(8, 8, 3\) \(height, width, channels\), the network's \(8, 8, 1\); the channels",
        ),
        (None, {"shape": (8, 8, 3), "pipeline": [NORMALIZE]}, "the network's .*; Normalize has 1 means"),
        (
            MIXER,
            {"shape": (12, 12, 1)},
            r"images are \(12, 12, 1\) .* the network's \(8, 8, 1\); MlpMixer cannot take another size: \S",
        ),
    ],
)
def test_images_of_another_shape(backbone, val, message):
    made = network(backbone=backbone, **({"neck": {"type": "GlobalAveragePooling", "dim": 1}} if backbone else {}))
    if message is None:
        made.check(dataset(**val), "data.val")
        return
    with pytest.raises(UserError, match=rf"^data\.val.*{message}"):
        made.check(dataset(**val), "data.val")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            {"patch_size": 0},
            r"backbone\.patch_embed\.projection: a kernel of shape \(0, 0, 1, 4\); expected sizes",
        ),
        ({"arch": {**MIXER["arch"], "embed_dims": 0}}, r"patch_embed\.projection: a kernel of shape \(4, 4, 1, 0\)"),
        (
            {"arch": {**MIXER["arch"], "tokens_mlp_dims": -1}},
            "model: cannot be built with these arguments: Type",
        ),
    ],
)
def test_arguments_that_the_layers_refuse(arguments, message):
    with pytest.raises(UserError, match=message):
        network(backbone={**MIXER, **arguments}, neck={"type": "GlobalAveragePooling", "dim": 1})


def test_an_error_in_code_of_the_users_own_keeps_its_traceback():
    with pytest.raises(ZeroDivisionError):
        network(backbone={"type": f"{__name__}:Failing"})


class Failing(nn.Module):
    """A backbone with a mistake in it."""

    def __call__(self, images, train=False):
        return images / (1 // 0)


def test_all_problems_are_named_at_once():
    with pytest.raises(UserError, match=r"LinearClsHead is for one; data\.val: images are \(8, 8, 3\)"):
        network().check(dataset(SEVERAL, shape=(8, 8, 3)), "data.val")


def test_evaluation_gives_the_loss_soft_labels_where_training_mixes_them():
    model = {"head": "MultiLabelLinearClsHead", "loss": SOFT, **MIXUP}
    made = network(**model)
    evaluator = build_evaluator(config_of(**model), "val", dataset(), made)
    numbers = evaluator.evaluate(made.init(jax.random.key(0)), with_loss=True)
    assert numbers["loss"] == pytest.approx(np.log(3), abs=1e-3)  # images of zeros give equal logits


def test_views_are_of_sizes_that_the_network_takes():
    made = network(backbone=MIXER, neck={"type": "GlobalAveragePooling", "dim": 1})
    for scales, crops in (((1, 1.5), 1), ((1,), None)):
        made.make_eval_step(preprocess_of(dataset()), Views(scales=scales, crops=crops), (8, 8, 1))
    message = r"^data\.tta: views of 12x12 pixels: MlpMixer cannot take another size: .*; crops keep the size"
    with pytest.raises(UserError, match=message):
        build_evaluator(config_of(backbone=MIXER), "val", dataset(), made, Views(scales=(1, 1.5)))


def test_views_of_images_with_several_labels():
    """Their scores are the mean over the views, and padding of the last batch does not count."""
    made = network(head="MultiLabelLinearClsHead")
    variables, kept = made.init(jax.random.key(0)), []
    data, views = dataset([[1, 0, 0]] * 70), Views(flips=("horizontal",), average="logits")
    evaluator = build_evaluator(config_of(head="MultiLabelLinearClsHead"), "val", data, made, views)
    numbers = evaluator.evaluate(variables, "subset_accuracy", keep=kept.append, with_loss=True)
    assert [len(batch.scores) for batch in kept] == [64, 6]
    logits = made.classifier.apply(variables, np.zeros((1, 8, 8, 1), np.float32))  # and so are the mirror images
    found = np.concatenate([batch.scores for batch in kept])
    np.testing.assert_allclose(found, np.repeat(jax.nn.sigmoid(logits), 70, axis=0), atol=1e-6)
    assert numbers["loss"] == pytest.approx(3 * np.log(2), abs=1e-2)
