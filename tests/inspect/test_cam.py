"""Class activation maps by their formulas, by a network whose gradient is known, and by pytorch-grad-cam's numbers."""

import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen as nn

from jaxcls import build_classifier
from jaxcls.convert import convert_state_dict, export_state_dict
from jaxcls.errors import UserError
from jaxcls.inspect import cam
from jaxcls.inspect.stages import Targets
from tests.engine import tiny

RNG = np.random.default_rng(0)
A = RNG.standard_normal((2, 3, 4, 5)).astype(np.float32)
G = RNG.standard_normal((2, 3, 4, 5)).astype(np.float32)
PLACES = [(i, j) for i in range(3) for j in range(4)]


def channel_weights(method, a, g):
    """The weights of one channel (H, W) by the papers' sums."""
    if method == "GradCAM":
        return sum(g[p] for p in PLACES) / len(PLACES)
    if method == "XGradCAM":
        return sum(g[p] * a[p] for p in PLACES) / (a.sum() + 1e-7)
    alphas = {p: g[p] ** 2 / (2 * g[p] ** 2 + a.sum() * g[p] ** 3 + 1e-6) for p in PLACES}
    return sum(alphas[p] * max(g[p], 0) for p in PLACES)


@pytest.mark.parametrize("method", ["GradCAM", "GradCAM++", "XGradCAM"])
def test_weights_of_channels(method):
    expected = [
        sum(channel_weights(method, a[..., c], g[..., c]) * a[..., c] for c in range(5))
        for a, g in zip(A, G, strict=True)
    ]
    np.testing.assert_allclose(cam.maps(A, G, method), expected, rtol=1e-4, atol=1e-4)


def test_layer_cam_and_projections():
    np.testing.assert_allclose(cam.maps(A, G, "LayerCAM"), (np.maximum(G, 0) * A).sum(-1), rtol=1e-5, atol=1e-6)
    for method, parts in (("EigenCAM", A), ("EigenGradCAM", A * G)):
        for found, one in zip(cam.maps(A, G, method), parts, strict=True):
            rows = one.reshape(12, 5) - one.reshape(12, 5).mean(0)
            values, vectors = np.linalg.eigh(rows.T @ rows)
            assert np.sum(found**2) == pytest.approx(values[-1], rel=1e-4)
            np.testing.assert_allclose(np.abs(found.ravel()), np.abs(rows @ vectors[:, -1]), rtol=1e-3, atol=1e-4)
            assert found.max() >= -found.min()


def test_scaled():
    found = cam.scaled(np.array([[[-1.0, 0.0], [1.0, 4.0]], [[-1.0, -2.0], [-3.0, -1.0]]]))
    np.testing.assert_allclose(found, [[[0, 0], [0.25, 1]], [[0, 0], [0, 0]]], atol=1e-6)


def test_the_gradient_of_averaged_features():
    classifier = build_classifier(tiny.model())
    images = RNG.standard_normal((2, 8, 8, 1)).astype(np.float32)
    variables = jax.jit(classifier.init)(jax.random.key(0), images)
    targets = Targets(classifier, (8, 8, 1))
    assert list(targets) == ["backbone.conv1", "backbone.bn1"]
    outputs, grads, logits = cam.ClassActivations(classifier, targets["bn1"])(variables, images, [3, 7])
    np.testing.assert_allclose(logits, classifier.apply(variables, images), rtol=1e-4, atol=1e-5)
    kernel = variables["params"]["head"]["fc"]["kernel"]
    for label, found in zip((3, 7), grads, strict=True):
        expected = np.where(np.asarray(outputs) > 0, kernel[:, label] / 64, 0)
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-6)
    with pytest.raises(UserError, match=r"'bn2' gives no map; did you mean 'bn1'"):
        targets["bn2"]
    with pytest.raises(UserError, match="no 'stage1'; the family declares"):
        targets["stage1"]


VIT = {"embed_dims": 8, "num_layers": 3, "num_heads": 2, "feedforward_channels": 8}
MIXER = {"embed_dims": 8, "num_layers": 2, "tokens_mlp_dims": 8, "channels_mlp_dims": 8}
SWIN = {"embed_dims": 8, "depths": (1, 1), "num_heads": (2, 2)}
LAYOUTS = {
    "ResNet": ({"depth": 18}, 64, "layer4.1", (2, 2), 0, 4),
    "ConvNeXt": ({"arch": {"depths": (1, 1, 1, 2), "channels": (8, 8, 8, 8)}}, 64, "stages.3.1", (2, 2), 0, 4),
    "VisionTransformer": ({"arch": VIT, "img_size": 32, "patch_size": 8}, 32, "layers.2.ln1", (4, 4), 1, 3),
    "DistilledVisionTransformer": ({"arch": VIT, "img_size": 32, "patch_size": 8}, 32, "layers.2.ln1", (4, 4), 2, 3),
    "DeiT3": ({"arch": VIT, "img_size": 32, "patch_size": 8}, 32, "layers.1", (4, 4), 1, 3),
    "SwinTransformer": ({"arch": SWIN, "img_size": 56, "out_indices": (1,)}, 56, "stages.1.blocks.0", (7, 7), 0, 2),
    "MlpMixer": ({"arch": MIXER, "img_size": 32, "patch_size": 8}, 32, "layers.1", (4, 4), 0, 2),
}


class AnyHead(nn.Module):
    """The mean of the last features, whatever they are."""

    num_classes: int

    @nn.compact
    def __call__(self, features, train=False):
        last = jax.tree.leaves(features)[-1]
        return nn.Dense(self.num_classes)(last.reshape(len(last), -1, last.shape[-1]).mean(1))


@pytest.mark.parametrize("name", LAYOUTS)
def test_the_default_layer_and_its_map(name):
    arguments, size, layer, grid, extra, stages = LAYOUTS[name]
    backbone = {"type": name, **arguments}
    head = {"type": "tests.inspect.test_cam:AnyHead", "num_classes": 3}
    config = {"type": "ImageClassifier", "backbone": backbone, "neck": None, "head": head}
    targets = Targets(build_classifier(config), (size, size, 3))
    default = targets.default()
    assert (default.name, default.grid, default.extra) == (f"backbone.{layer}", grid, extra)
    assert len(targets.stages) == stages
    tokens = jnp.arange(extra + grid[0] * grid[1])[None, :, None]
    if len(default.shape) == 3:
        assert default.on_map(tokens)[0, 0, 1, 0] == extra + 1


FILE = "class_activations.npz"


@pytest.mark.slow
@pytest.mark.parametrize("name", ["resnet50", "convnext", "vit", "swin"])
def test_as_pytorch_grad_cam(name, golden, fill):
    stored = np.load(golden / "inspect" / FILE)
    meta = json.loads(str(stored["meta"]))
    node = meta["models"][name]
    size, classifier = node["size"], build_classifier(node["model"])
    images = np.moveaxis(fill.images((2, 3, size, size)), 1, -1)
    shapes = jax.eval_shape(classifier.init, jax.random.key(0), images)
    names = export_state_dict(classifier, jax.tree.map(lambda leaf: np.zeros(leaf.shape, leaf.dtype), shapes))
    state = {key: fill.fill(key, value.shape) for key, value in names.items()}
    variables = convert_state_dict(classifier, state, image_shape=(size, size, 3))
    target = Targets(classifier, (size, size, 3))[node["layer"]]
    outputs, grads, logits = cam.ClassActivations(classifier, target)(variables, images, meta["classes"])
    np.testing.assert_allclose(logits, stored[f"{name}/logits"], rtol=1e-3, atol=1e-3)
    for method in cam.METHODS:
        for label, one in zip(meta["classes"], grads, strict=True):
            found, expected = cam.maps(outputs, one, method), stored[f"{name}/{method}/{label}"]
            if method.startswith("Eigen"):  # the sign is not defined
                expected = np.stack([map_ if map_.max() >= -map_.min() else -map_ for map_ in expected])
            largest = np.abs(expected).max((1, 2), keepdims=True)
            np.testing.assert_allclose(found / largest, expected / largest, atol=1e-3, err_msg=method)
