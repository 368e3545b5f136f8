from __future__ import annotations

import jax
import numpy as np

from jaxcls.models.backbones import Airbench
from jaxcls.models.layers.initializers import identity_first
from tests.engine.tiny import train

IMAGES = np.random.default_rng(0).standard_normal((64, 32, 32, 3)).astype(np.float32)
IMAGES[..., 1] += IMAGES[..., 0]
IMAGES[:, 1:] += 2 * IMAGES[:, :-1]


def test_the_first_layer_whitens():
    """Pixels of 2x2 are uncorrelated after it, each of variance 1, and each output has its opposite."""
    network = Airbench(widths=(8, 8, 8))
    params = network.init(jax.random.key(0), IMAGES[:1])["params"]
    kernel = np.asarray(network.fit(params, IMAGES)["whiten"]["kernel"], np.float64)
    patches = np.lib.stride_tricks.sliding_window_view(IMAGES, (2, 2), (1, 2))  # (N, 31, 31, C, row, column)
    outputs = np.einsum("nhwcij,ijco->nhwo", patches.astype(np.float64), kernel).reshape(-1, 24)
    np.testing.assert_allclose(outputs[:, :12], -outputs[:, 12:], rtol=1e-6)
    np.testing.assert_allclose(
        outputs[:, :12].T @ outputs[:, :12] / len(outputs), np.eye(12), atol=2e-3
    )  # 5e-4 is added
    network.apply({"params": network.fit(params, IMAGES), "batch_stats": {}}, IMAGES[:1], True, mutable=["batch_stats"])


def test_a_training_begins_with_the_whitening_of_its_images_and_keeps_it(tmp_path):
    from tests import recipe

    data = recipe.get_config().to_dict()["data"]
    pipeline = [{"type": "Resize", "size": 32}, data["train"]["pipeline"][-1]]
    data |= {"batch_size": 32, "train": {**data["train"], "split": "train[:96]", "pipeline": pipeline}, "val": None}
    model = {
        "type": "ImageClassifier",
        "backbone": {"type": "Airbench", "in_channels": 1, "widths": (8, 8, 8)},
        "neck": {"type": "GlobalAveragePooling"},
        "head": {"type": "LinearClsHead", "num_classes": 10},
    }
    optimizer = {"type": "SGD", "lr": 0.1, "momentum": 0.9, "weight_decay": 1.0}
    runner = train(tmp_path, model=model, data=data, optimizer=optimizer)
    images = runner.network.inputs.preprocess(runner.loaders["train"].batches.first_images(96))
    params = jax.device_get(runner.state.params["backbone"])
    whitened = Airbench(in_channels=1).fit(params, np.asarray(images))["whiten"]["kernel"]
    np.testing.assert_allclose(params["whiten"]["kernel"], whitened, rtol=1e-5)
    assert (params["layers.1"]["norm1"]["scale"] == 1).all()
    assert (params["layers.1"]["norm1"]["bias"] != 0).all()


def test_a_kernel_that_is_the_identity_at_first():
    kernel = np.asarray(identity_first(jax.random.key(0), (3, 3, 4, 6)))
    centre, rest = kernel[1, 1, :, :4], kernel.copy()
    np.testing.assert_array_equal(centre, np.eye(4))
    rest[1, 1, :, :4] = 0
    assert not rest[..., :4].any()
    assert (rest[..., 4:] != 0).all()
    assert np.abs(rest).max() <= 1 / 6
