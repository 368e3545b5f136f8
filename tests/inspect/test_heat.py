"""Maps of whole images, by the formulas of `cam` alone and by pytorch-grad-cam's numbers."""

import numpy as np
import pytest

from jaxcls import init_model
from jaxcls.convert import convert_state_dict
from jaxcls.inspect import cam
from jaxcls.inspect.heat import HeatMaps
from jaxcls.inspect.stages import Targets
from tests.engine import tiny


def test_smoothing_is_the_mean_of_six_maps():
    model = init_model(tiny.config())
    image = np.random.default_rng(0).integers(0, 256, (8, 8, 1), np.uint8)
    chosen = [Targets(model.classifier, model.image_shape)["bn1"]]
    heat = HeatMaps(model, chosen, aug_smooth=True)(image, ("GradCAM", "LayerCAM"), (3, 7))
    np.testing.assert_array_equal(heat.pixels, image)
    seen = np.asarray(model.preprocess(image))[None]
    passes = [cam.ClassActivations(model.classifier, target) for target in chosen]
    each = {method: [] for method in heat.maps}
    for images, back in ((seen, lambda one: one), (seen[:, :, ::-1], np.fliplr)):
        for factor in (0.9, 1.0, 1.1):
            found = [one(model.variables, images * np.float32(factor), [3, 7])[:2] for one in passes]
            for method, label in ((method, label) for method in each for label in (0, 1)):
                layers = [cam.scaled(cam.maps(outputs, grads[label], method))[0] for outputs, grads in found]
                each[method].append(back(cam.scaled(cam.averaged(layers, (8, 8))[None])[0]))
    for method, maps in heat.maps.items():
        for label in (0, 1):
            np.testing.assert_allclose(maps[label], np.mean(each[method][label::2], axis=0), atol=1e-4)


@pytest.mark.parametrize("method", ["GradCAM", "GradCAM++", "XGradCAM", "LayerCAM"])
def test_smoothing_as_pytorch_grad_cam(method, golden):
    stored = np.load(golden / "inspect" / "smoothed_activations.npz")
    state = {key.removeprefix("state/"): stored[key] for key in stored.files if key.startswith("state/")}
    model = init_model(tiny.config())
    model.variables = convert_state_dict(model.classifier, state, image_shape=model.image_shape)
    target = Targets(model.classifier, model.image_shape)["bn1"]
    image, labels = stored["image"], (3, 1)
    averaged = HeatMaps(model, [target], aug_smooth=True)(image, (method,), labels).maps[method]
    seen = np.asarray(model.preprocess(image))[None]
    outputs, grads, _ = cam.ClassActivations(model.classifier, target)(model.variables, seen, labels)
    for label, map_, grad in zip(labels, averaged, grads, strict=True):
        np.testing.assert_allclose(map_, stored[f"aug/{method}/{label}"], atol=1e-3)
        found, expected = cam.maps(outputs, grad, method, eigen_smooth=True)[0], stored[f"eigen/{method}/{label}"]
        expected = expected if expected.max() >= -expected.min() else -expected  # the sign is not defined
        np.testing.assert_allclose(found, expected, atol=1e-3 * expected.max())
