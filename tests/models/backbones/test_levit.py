"""LeViT's positions, and its form without norms."""

from __future__ import annotations

import itertools

import jax
import numpy as np

import jaxcls
from jaxcls.models import build_classifier
from jaxcls.models.layers.distance_bias import distance_index
from tests.models.families import FAMILIES, images
from tests.models.filled import filled


def test_places_are_numbered_as_they_are_met():
    numbers: dict[tuple[int, int], int] = {}
    keys = list(itertools.product(range(5), range(5)))
    for stride in (1, 2):
        queries = itertools.product(range(0, 5, stride), range(0, 5, stride))
        expected = [
            [numbers.setdefault((abs(q[0] - k[0]), abs(q[1] - k[1])), len(numbers)) for k in keys] for q in queries
        ]
        assert np.array_equal(distance_index(5, stride), expected)


def test_all_norms_are_merged_into_the_layers():
    config = {
        "type": "ImageClassifier",
        "backbone": {"type": "LeViT", **FAMILIES["LeViT"].arguments},
        "neck": {"type": "GlobalAveragePooling"},
        "head": {"type": "LeViTClsHead", "num_classes": 8, "in_channels": 16},
    }
    made, data = build_classifier(config), images("LeViT", 4)
    variables = filled(made, data)
    deployed, fewer = jaxcls.deploy(made, variables)
    assert not jax.tree.leaves(fewer["batch_stats"])
    expected, found = (jax.jit(m.apply)(v, data) for m, v in ((made, variables), (deployed, fewer)))
    assert np.abs(found - expected).max() <= 1e-4 * np.abs(expected).max()
    config["backbone"]["deploy"] = config["head"]["deploy"] = True
    shapes = jax.eval_shape(build_classifier(config).init, jax.random.key(0), data)["params"]
    assert jax.tree.map(np.shape, fewer["params"]["classifier"]) == jax.tree.map(np.shape, shapes)
