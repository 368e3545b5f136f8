"""Random weights of the packages' own models: the same logits here, and there again from what is written."""

from __future__ import annotations

import jax
import numpy as np
import pytest

import jaxcls
from jaxcls.convert import export_state_dict
from jaxcls.convert.recognise import IGNORED, rename_back
from jaxcls.convert.writers import write_file
from jaxcls.models import build_classifier
from tests.convert.reference_models import CASES

pytestmark = pytest.mark.slow
RTOL = 1e-4  # of the largest logit


def fill(model, torch):
    """Values other than the initial ones, so that each matters, of a size that keeps activations near 1."""
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for name, value in model.state_dict().items():
            if name.endswith(IGNORED):
                continue
            if name.endswith("running_var"):
                value.uniform_(0.5, 1.5, generator=generator)
            elif value.dtype.is_floating_point and value.ndim < 2:
                value.add_(torch.empty_like(value).normal_(0, 0.1, generator=generator))
            elif value.dtype.is_floating_point:
                value.normal_(0, value[0].numel() ** -0.5, generator=generator)


def logits(model, images, torch):
    with torch.no_grad():
        found = model(torch.from_numpy(images.transpose(0, 3, 1, 2)).contiguous())
    return getattr(found, "logits", found).numpy()


def assert_same(found, expected):
    assert np.abs(found - expected).max() < RTOL * np.abs(expected).max()


@pytest.mark.parametrize("key", CASES)
def test_logits(tmp_path, key):
    torch = pytest.importorskip("torch")
    case = CASES[key]
    pytest.importorskip(case.package)
    model = case.made().eval()
    fill(model, torch)
    images = np.random.default_rng(0).standard_normal((2, case.size, case.size, 3)).astype(np.float32)
    expected = logits(model, images, torch)
    file = tmp_path / "model.pth"
    torch.save({"state_dict": model.state_dict()}, file)
    made = build_classifier(case.model)
    variables = jaxcls.load_checkpoint(made, file, (case.size, case.size, 3))
    assert_same(np.asarray(jax.jit(made.apply)(variables, images)), expected)
    if case.package == "transformers":  # its files have other names than its models
        model.save_pretrained(tmp_path)
        again = jaxcls.load_checkpoint(made, tmp_path / "model.safetensors", (case.size, case.size, 3))
        assert jax.tree.all(jax.tree.map(np.array_equal, variables, again))
    if case.written:
        write_file(file, rename_back(made, export_state_dict(made, variables), case.written), {})
        given = torch.load(file, weights_only=True)["state_dict"]
        other = case.made().eval()
        if case.package == "transformers":
            other = type(other).from_pretrained(None, config=other.config, state_dict=given)
        else:
            missing = other.load_state_dict(given, strict=False)
            assert not missing.unexpected_keys
            assert all(name.endswith(IGNORED) for name in missing.missing_keys)
        assert_same(logits(other.eval(), images, torch), expected)


def google_vit(rng, width=32, heads=4, layers=2, hidden=64, patch=16):
    """Names as in google's archives of Vision Transformers, and random values."""
    made = {
        "embedding/kernel": (patch, patch, 3, width),
        "embedding/bias": (width,),
        "cls": (1, 1, width),
        "Transformer/posembed_input/pos_embedding": (1, 17, width),
        "Transformer/encoder_norm/scale": (width,),
        "Transformer/encoder_norm/bias": (width,),
        "head/kernel": (width, 7),
        "head/bias": (7,),
    }
    for i in range(layers):
        block = f"Transformer/encoderblock_{i}"
        attention = f"{block}/MultiHeadDotProductAttention_1"
        made |= {f"{block}/LayerNorm_{j}/{leaf}": (width,) for j in (0, 2) for leaf in ("scale", "bias")}
        for part in ("query", "key", "value"):
            made[f"{attention}/{part}/kernel"] = (width, heads, width // heads)
            made[f"{attention}/{part}/bias"] = (heads, width // heads)
        made[f"{attention}/out/kernel"], made[f"{attention}/out/bias"] = (heads, width // heads, width), (width,)
        for j, (inner, outer) in enumerate(((width, hidden), (hidden, width))):
            made[f"{block}/MlpBlock_3/Dense_{j}/kernel"] = (inner, outer)
            made[f"{block}/MlpBlock_3/Dense_{j}/bias"] = (outer,)
    return {name: (rng.standard_normal(shape) * 0.2).astype(np.float32) for name, shape in made.items()}


def test_googles_archives_by_timms_reader(tmp_path):
    torch, timm = pytest.importorskip("torch"), pytest.importorskip("timm")
    file = tmp_path / "vit.npz"
    np.savez(file, **google_vit(np.random.default_rng(0)))
    case = CASES["vit.timm"]
    model = case.make(timm)
    model.load_pretrained(str(file))
    images = np.random.default_rng(1).standard_normal((2, 64, 64, 3)).astype(np.float32)
    made = build_classifier(case.model)
    variables = jaxcls.load_checkpoint(made, file, (64, 64, 3))
    assert_same(np.asarray(made.apply(variables, images)), logits(model.eval(), images, torch))
