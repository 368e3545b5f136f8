from __future__ import annotations

import jax
import numpy as np

from jaxcls.models.backbones import LeNet5


def test_features_without_a_classifier():
    (features,), variables = LeNet5().init_with_output(jax.random.key(0), np.zeros((2, 32, 32, 1), np.float32))
    assert features.shape == (2, 1, 1, 120)
    assert set(variables["params"]) == {"features.0", "features.3", "features.6"}
