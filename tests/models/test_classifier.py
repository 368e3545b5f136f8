from __future__ import annotations

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen as nn

from jaxcls.errors import UserError
from jaxcls.models import ImageClassifier, backbones, build_classifier
from jaxcls.models.heads import ClsHead
from tests.models.filled import filled

CONFIG = {
    "type": "ImageClassifier",
    "backbone": {
        "type": "ResNet_CIFAR",
        "depth": 18,
        "stem_channels": 8,
        "base_channels": 8,
        "num_stages": 2,
        "out_indices": [0, 1],
    },
    "neck": {"type": "GlobalAveragePooling"},
    "head": {"type": "LinearClsHead", "num_classes": 5, "in_channels": 16, "loss": {"type": "CrossEntropyLoss"}},
    "train_cfg": None,
    "pretrained": None,
}
X = np.random.default_rng(0).standard_normal((2, 16, 16, 3)).astype(np.float32)


@pytest.fixture(scope="module")
def made():
    classifier = build_classifier(CONFIG)
    return classifier, jax.jit(classifier.init)(jax.random.key(0), X)


def test_features_of_each_stage(made):
    classifier, variables = made

    def features(stage):
        return classifier.apply(variables, X, stage=stage, method="extract_feat")

    assert [f.shape for f in features("backbone")] == [(2, 16, 16, 8), (2, 8, 8, 16)]
    assert [f.shape for f in features("neck")] == [(2, 8), (2, 16)]
    assert features("pre_logits").shape == (2, 16)
    with pytest.raises(UserError, match="stage='necks'; allowed: backbone, neck, pre_logits"):
        features("necks")


def test_training_and_evaluation(made):
    classifier, variables = made
    labels = jnp.asarray([0, 4])
    losses, updated = classifier.apply(variables, X, labels, method="forward_train", mutable=["batch_stats"])
    assert set(losses) == {"loss"}
    moved = jax.tree.map(lambda a, b: not np.array_equal(a, b), variables["batch_stats"], updated["batch_stats"])
    assert all(jax.tree.leaves(moved))
    scores, losses = classifier.apply(variables, X, labels, method="evaluate")
    logits = classifier.apply(variables, X)
    np.testing.assert_allclose(scores, jax.nn.softmax(logits), rtol=1e-6)
    assert logits.shape == (2, 5)


def test_parameter_paths_are_the_originals_names(made):
    params = made[1]["params"]
    assert set(params) == {"backbone", "head"}
    assert params["backbone"]["layer2.0"]["downsample.0"]["kernel"].shape == (1, 1, 8, 16)


def test_a_model_without_a_head_is_refused():
    with pytest.raises(UserError, match=r"model\.head: expected a dict with a 'type', got None"):
        build_classifier({"type": "ImageClassifier", "backbone": {"type": "LeNet5"}, "head": None})


def test_every_backbone_has_golden_logits(golden):
    """A new backbone asks for its golden file."""
    import json

    files = (path for folder in ("models", "newer", "other", "features") for path in golden.glob(f"{folder}/*.npz"))
    covered = {json.loads(str(np.load(path)["meta"]))["model"]["backbone"]["type"] for path in files}
    variants = {"ResNetV1c"}  # ResNetV1d without the pooling shortcuts
    assert set(backbones.__all__) - covered <= variants


class WithAuxiliary(nn.Module):
    """Logits of a second classifier come first in training, as InceptionV3 gives them."""

    aux_logits: bool = True

    @nn.compact
    def __call__(self, x, train=False):
        x = x.mean((1, 2))
        aux = nn.Dense(5, name="AuxLogits")(x)
        return (aux, nn.Dense(5, name="fc")(x)) if train else (nn.Dense(5, name="fc")(x),)


def test_an_auxiliary_classifier_counts_where_asked_for():
    labels = np.array([1, 4])
    images = np.random.default_rng(0).standard_normal((2, 8, 8, 3)).astype(np.float32)
    made = ImageClassifier(WithAuxiliary(), ClsHead(aux_weight=0.4))
    variables = filled(made, images)

    def cross_entropy(layer):
        params = variables["params"]["backbone"][layer]
        return -np.mean(
            jax.nn.log_softmax(images.mean((1, 2)) @ params["kernel"] + params["bias"])[np.arange(2), labels]
        )

    losses = made.apply(variables, images, labels, method="forward_train")
    np.testing.assert_allclose(losses["loss"], cross_entropy("fc"), rtol=1e-5)
    np.testing.assert_allclose(losses["loss_aux"], 0.4 * cross_entropy("AuxLogits"), rtol=1e-5)
    assert made.apply(variables, images, labels, train=False, method="forward_train").keys() == {"loss"}
    assert made.apply(variables, images, labels, method="evaluate")[1].keys() == {"loss"}
    plain = ImageClassifier(WithAuxiliary(), ClsHead())
    assert plain.apply(variables, images, labels, method="forward_train").keys() == {"loss"}
    with pytest.raises(UserError, match=r"head.aux_weight=0.4: WithAuxiliary has no auxiliary classifier"):
        ImageClassifier(WithAuxiliary(aux_logits=False), ClsHead(aux_weight=0.4))


@pytest.mark.slow
def test_inception_trains_its_auxiliary_classifier():
    model = {"type": "ImageClassifier", "backbone": {"type": "InceptionV3", "num_classes": 8, "aux_logits": True}}
    made = build_classifier({**model, "neck": None, "head": {"type": "ClsHead", "aux_weight": 0.4}})
    images, labels = np.zeros((2, 299, 299, 3), np.float32), np.zeros(2, np.int32)
    variables, rngs = jax.eval_shape(made.init, jax.random.key(0), images), {"dropout": jax.random.key(0)}
    forward = partial(made.apply, method="forward_train", rngs=rngs, mutable=["batch_stats"])
    losses, _ = jax.eval_shape(forward, variables, images, labels)
    assert losses.keys() == {"loss", "loss_aux"}
