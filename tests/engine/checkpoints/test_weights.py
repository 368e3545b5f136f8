from __future__ import annotations

import jax
import numpy as np
import pytest

from jaxcls.engine.checkpoints.storage import Checkpoints
from jaxcls.engine.checkpoints.weights import load_for_tuning, load_pretrained
from jaxcls.engine.log import get_logger
from jaxcls.errors import UserError
from jaxcls.models import build_classifier
from jaxcls.models.layers import resize_pos_embed


def model(img_size, classes):
    arch = {"embed_dims": 8, "num_layers": 1, "num_heads": 2, "feedforward_channels": 8}
    return {
        "type": "ImageClassifier",
        "backbone": {"type": "VisionTransformer", "arch": arch, "img_size": img_size, "patch_size": 4},
        "head": {"type": "VisionTransformerClsHead", "in_channels": 8, "num_classes": classes},
    }


def made(config, seed):
    """(classifier, variables)"""
    classifier, size = build_classifier(config), config["backbone"]["img_size"]
    images = jax.ShapeDtypeStruct((1, size, size, 3), np.float32)
    shapes, rng = jax.eval_shape(classifier.init, jax.random.key(0), images), np.random.default_rng(seed)
    params = jax.tree.map(lambda leaf: rng.standard_normal(leaf.shape).astype(np.float32), shapes["params"])
    return classifier, {"params": params, "batch_stats": {}}


@pytest.fixture(scope="module")
def pretrained(tmp_path_factory):
    """A work directory with the weights of a network for 8 x 8 pixels and 3 classes, and these."""
    folder, (_, variables) = tmp_path_factory.mktemp("pretrained"), made(model(8, 3), 0)
    checkpoints = Checkpoints(folder)
    checkpoints.save(1, variables, {})
    checkpoints.close()
    return folder, variables["params"]


def differing(found, given):
    same = jax.tree.map(lambda a, b: np.array_equal(a, b), found, given)
    return {path[0].key for path, equal in jax.tree_util.tree_leaves_with_path(same) if not equal}


def test_fine_tuning_with_larger_images(pretrained, caplog, monkeypatch):
    monkeypatch.setattr(get_logger(), "propagate", True)
    folder, given = pretrained
    classifier, variables = made(model(12, 5), 1)
    found = load_for_tuning(classifier, variables, str(folder))["params"]
    assert differing(found["backbone"], given["backbone"]) == {"pos_embed"}
    expected = resize_pos_embed(given["backbone"]["pos_embed"], (2, 2), (3, 3))
    np.testing.assert_array_equal(found["backbone"]["pos_embed"], expected)
    assert not differing(found["head"], variables["params"]["head"])
    assert "resized: backbone.pos_embed ((1, 5, 8) there, (1, 10, 8) here); left as initialised: head." in caplog.text


def test_a_backbone_pretrained_with_smaller_images(pretrained):
    folder, given = pretrained
    config = model(16, 3)
    classifier, variables = made(config, 1)
    config["backbone"]["init_cfg"] = {"type": "Pretrained", "checkpoint": str(folder), "prefix": "backbone"}
    found = load_pretrained(classifier, config, variables)["params"]
    assert differing(found["backbone"], given["backbone"]) == {"pos_embed"}
    expected = resize_pos_embed(given["backbone"]["pos_embed"], (2, 2), (4, 4))
    np.testing.assert_array_equal(found["backbone"]["pos_embed"], expected)
    assert not differing(found["head"], variables["params"]["head"])


def test_what_no_image_size_explains_is_refused(pretrained):
    config = model(8, 3)
    config["backbone"]["arch"]["feedforward_channels"] = 16
    with pytest.raises(UserError, match=r"layers\.0\.ffn\.layers\.0\.0\.bias is \(8,\), expected \(16,\)"):
        load_for_tuning(*made(config, 1), str(pretrained[0]))


def test_one_of_several_necks_is_pretrained(tmp_path):
    pool = {"type": "GeneralizedMeanPooling", "p_trainable": True}
    backbone = {"type": "LeNet5"}
    head = {"type": "LinearClsHead", "in_channels": 120, "num_classes": 2}
    config = {"type": "ImageClassifier", "backbone": backbone, "neck": [pool], "head": head}
    classifier = build_classifier(config)
    images = jax.ShapeDtypeStruct((1, 32, 32, 1), np.float32)
    shapes = jax.eval_shape(classifier.init, jax.random.key(0), images)
    zeros, ones = (jax.tree.map(lambda leaf, v=v: np.full(leaf.shape, v, np.float32), dict(shapes)) for v in (0, 1))
    assert load_pretrained(classifier, config, zeros) == zeros  # nothing is asked for
    checkpoints = Checkpoints(tmp_path)
    checkpoints.save(1, ones, {})
    checkpoints.close()
    config["neck"][0]["init_cfg"] = {"type": "Pretrained", "checkpoint": str(tmp_path), "prefix": "neck.0"}
    found = load_pretrained(classifier, config, zeros)["params"]
    assert differing(found, zeros["params"]) == {"neck"}
    np.testing.assert_array_equal(found["neck"]["0"]["p"], ones["params"]["neck"]["0"]["p"])
