"""Checkpoints of the original's own code, in both directions (needs mmcls 0.25 and mmcv 1.7)."""

from __future__ import annotations

import copy

import jax
import numpy as np
import pytest

import jaxcls
from jaxcls.convert import export_state_dict
from jaxcls.convert.wrappers import read_weights
from jaxcls.convert.writers import write_file
from jaxcls.models import build_classifier
from tests.convert.reference_models import CASES
from tests.convert.test_name_sources import assert_same, fill

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore:In MMCV v1.4.4")]  # of its Hsigmoid
MODELS = {
    "resnet18.torchvision": "ResNet",
    "mobilenet_v2.timm": "MobileNetV2",
    "vit.timm": "VisionTransformer",
    "swin.timm": "SwinTransformer",
    "convnext.timm": "ConvNeXt",
    "mixer.timm": "MlpMixer",
    "densenet121.timm": "DenseNet",
    "mobilenet_v3_small.timm": "MobileNetV3",
    "regnetx_400mf.timm": "RegNet",
    "seresnet50.timm": "SEResNet",
}


def original(case):
    """The original's model of the same config."""
    config = copy.deepcopy(dict(case.model))
    config["head"]["loss"] = {"type": "CrossEntropyLoss", "loss_weight": 1.0}
    return pytest.importorskip("mmcls.models").build_classifier(config)


def logits(model, images, torch):
    with torch.no_grad():
        found = model(torch.from_numpy(images.transpose(0, 3, 1, 2)).contiguous(), return_loss=False, softmax=False)
    return np.stack([np.asarray(row) for row in found])


@pytest.mark.parametrize("key", MODELS)
def test_there_and_back(tmp_path, key):
    torch, runner = pytest.importorskip("torch"), pytest.importorskip("mmcv.runner")
    case = CASES[key]
    model = original(case)
    fill(model, torch)
    images = np.random.default_rng(0).standard_normal((2, case.size, case.size, 3)).astype(np.float32)
    expected = logits(model.eval(), images, torch)
    optimizer = torch.optim.AdamW(model.parameters())
    file, meta = str(tmp_path / "epoch_3.pth"), {"epoch": 3, "iter": 69, "CLASSES": tuple("abcdefg")}
    runner.save_checkpoint(model, file, optimizer=optimizer, meta=meta)
    made = build_classifier(case.model)
    variables = jaxcls.load_checkpoint(made, file, (case.size, case.size, 3))
    assert_same(np.asarray(jax.jit(made.apply)(variables, images)), expected)
    notes = read_weights(file).meta
    assert (notes["CLASSES"], notes["epoch"]) == (meta["CLASSES"], 3)
    written = write_file(tmp_path / "ours.pth", export_state_dict(made, variables), {"CLASSES": list("abcdefg")})
    again = original(case)
    checkpoint = runner.load_checkpoint(again, str(written), map_location="cpu")
    assert checkpoint["meta"]["CLASSES"] == list("abcdefg")
    np.testing.assert_array_equal(logits(again.eval(), images, torch), expected)


@pytest.mark.filterwarnings("ignore:This overload of add_ is deprecated")  # within MMCV
def test_averages(tmp_path):
    """EMAHook saves what it has averaged under the plain names, and the raw weights as buffers."""
    torch, runner = pytest.importorskip("torch"), pytest.importorskip("mmcv.runner")
    case = CASES["resnet18.torchvision"]
    model = original(case)
    hook = runner.EMAHook(momentum=0.5)

    class Runner:
        iter = 0

    Runner.model = model
    hook.before_run(Runner)
    with torch.no_grad():
        for value in model.parameters():
            value.add_(1.0)
    hook.after_train_iter(Runner)
    hook.after_train_epoch(Runner)
    averaged = model.head.fc.bias.detach().numpy().copy()
    file = str(tmp_path / "epoch_1.pth")
    runner.save_checkpoint(model, file)
    found = jaxcls.load_checkpoint(build_classifier(case.model), file, (case.size, case.size, 3))
    np.testing.assert_array_equal(found["params"]["head"]["fc"]["bias"], averaged)
