"""Every variant of every recipe in configs/ builds."""

from __future__ import annotations

import functools
import importlib
import json
from fnmatch import fnmatchcase
from pathlib import Path

import jax
import jax.numpy as jnp
import pytest
from ml_collections import ConfigDict
from PIL import Image

from jaxcls import zoo
from jaxcls.config import complete
from jaxcls.data.pipeline import build_pipeline
from jaxcls.engine.optim.schedules import build_lr_schedule
from jaxcls.errors import UserError
from jaxcls.models import build_classifier

CONFIGS = Path(__file__).parents[2] / "configs"
_XCIT = [f"{arch}-p{patch}" for arch in ("nano-12", "tiny-12", "tiny-24", "small-12", "small-24") for patch in (16, 8)]
_XCIT += [f"{arch}-p{patch}" for arch in ("medium-24", "large-24") for patch in (16, 8)]
VARIANTS = [
    ("airbench", "digits cifar10 cifar10-sgd fashion_mnist"),
    ("alexnet", "digits imagenet2012"),
    ("beit", "digits beit-base-p16 beitv2-base-p16"),
    ("conformer", "digits tiny-p16 small-p16 small-p32 base-p16"),
    ("convmixer", "digits 768-32 1024-20 1536-20"),
    ("convnext", "digits tiny small base large xlarge"),
    ("convnext_v2", "digits atto femto pico nano tiny base large huge"),
    ("cspnet", "digits cspdarknet53 cspresnet50 cspresnext50"),
    ("davit", "digits tiny small base large huge giant"),
    ("deit", "digits tiny small base tiny-distilled small-distilled base-distilled base-384 base-distilled-384"),
    (
        "deit3",
        "digits small-p16 medium-p16 base-p16 large-p16 huge-p14 small-p16-384 base-p16-384 large-p16-384",
    ),
    ("densenet", "digits 121 169 201 161"),
    ("edgenext", "digits xxsmall xsmall small base"),
    ("efficientformer", "digits l1 l3 l7"),
    ("efficientnet", "digits b0 b1 b2 b3 b4 b5 b6 b7 b8 es em el lite0 lite1 lite2 lite3 lite4"),
    ("efficientnet_v2", "digits b0 b1 b2 b3 s m l xl"),
    ("eva02", "digits tiny-p14 small-p14 base-p14 large-p14"),
    ("hornet", "digits tiny tiny-gf small small-gf base base-gf base-gf384 large large-gf large-gf384"),
    ("hrnet", "digits w18 w30 w32 w40 w44 w48 w64"),
    ("inception_v3", "digits imagenet2012"),
    ("lenet5", "mnist fashion_mnist"),
    ("levit", "digits 128s 128 192 256 384"),
    ("mlp_mixer", "digits base large"),
    ("mobilenet_v2", "digits imagenet2012"),
    ("mobilenet_v3", "digits small large"),
    ("mobileone", "digits s0 s1 s2 s3 s4"),
    ("mobilevit", "digits small xsmall xxsmall"),
    ("mvit", "digits tiny small base large"),
    ("poolformer", "digits s12 s24 s36 m36 m48"),
    (
        "regnet",
        "digits x-400mf x-800mf x-1.6gf x-3.2gf x-4.0gf x-6.4gf x-8.0gf x-12gf y-200mf y-400mf y-600mf y-800mf y-1.6gf "
        "y-3.2gf y-4.0gf y-6.4gf y-8.0gf y-12gf y-16gf y-32gf",
    ),
    ("repmlp", "digits base base-256"),
    ("repvgg", "digits a0 a1 a2 b0 b1 b1g2 b1g4 b2 b2g4 b3 b3g4 d2se"),
    ("res2net", "digits 50-w14-s8 50-w26-s8 101-w26-s4"),
    ("resnest", "digits 50 101 152 200 269"),
    (
        "resnet",
        "digits cifar10 cifar100 imagenet2012 resnet18 resnet34 resnet50 resnet101 resnet152 resnetv1c50 resnetv1c101 "
        "resnetv1c152 resnetv1d50 resnetv1d101 resnetv1d152",
    ),
    ("resnext", "digits 50-32x4d 101-32x4d 101-32x8d 152-32x4d"),
    ("seresnet", "digits seresnet50 seresnet101 seresnext50-32x4d seresnext101-32x4d"),
    ("shufflenet_v1", "digits imagenet2012"),
    ("shufflenet_v2", "digits imagenet2012"),
    ("swin", "digits tiny small base large base-384 large-384"),
    (
        "swin_v2",
        "digits tiny-w8 small-w8 base-w8 tiny-w16 small-w16 base-w16 base-w16-in21k-pre large-w16-in21k-pre "
        "base-w24-in21k-pre large-w24-in21k-pre",
    ),
    ("t2t_vit", "digits t-14 t-19 t-24"),
    ("tinyvit", "digits 5m 11m 21m 21m-384 21m-512"),
    ("tnt", "digits small-p16"),
    ("twins", "digits pcpvt-small pcpvt-base pcpvt-large svt-small svt-base svt-large"),
    ("van", "digits b0 b1 b2 b3 b4 b5 b6"),
    ("vgg", "digits vgg11 vgg13 vgg16 vgg19 vgg11bn vgg13bn vgg16bn vgg19bn"),
    (
        "vit",
        "digits base-p16 base-p32 large-p16 large-p32 base-p16-384 base-p32-384 large-p16-384 large-p32-384 "
        "small-p14-dinov2 base-p14-dinov2 large-p14-dinov2 giant-p14-dinov2",
    ),
    ("wide_resnet", "digits 50 101"),
    ("xcit", " ".join(["digits", *_XCIT, *(f"{name}-384" for name in _XCIT)])),
]


def get_config(name: str, *variant: str) -> ConfigDict:
    return importlib.import_module(f"configs.{name}").get_config(*variant)


@functools.cache  # many share one
def _schedule_builds(lr_config: str, max_epochs: int) -> None:
    build_lr_schedule(json.loads(lr_config), 0.1, max_epochs, iters_per_epoch=1000)


def test_no_config_is_forgotten():
    assert {name for name, _ in VARIANTS} == {path.stem for path in CONFIGS.glob("*.py")} - {"finetune", "mmcls"}


@pytest.mark.parametrize(("name", "variant"), [(name, v) for name, variants in VARIANTS for v in variants.split()])
def test_every_variant_builds(name, variant):
    config = get_config(name, variant)
    assert isinstance(config, ConfigDict)
    json.dumps(complete(config))
    build_classifier(config.model)
    build_pipeline(config.data.train.pipeline)
    _schedule_builds(json.dumps(config.lr_config.to_dict(), sort_keys=True), config.runner.max_epochs)


@pytest.mark.parametrize("name", [name for name, _ in VARIANTS])
def test_unknown_variants_name_the_known_ones(name):
    with pytest.raises(UserError, match=f"configs/{name}.py:none: no such variant; Allowed: "):
        get_config(name, "none")


# Without a recipe of its own: other data than ImageNet-1k, forms that do not train, and models alone in their config.
_OTHERS = ("*_in21k", "*_voc*", "*_cub", "*_cars", "*_cifar10*", "*_deploy", "*_pt", "*_headless")
_OTHERS += ("airbench94", "alexnet", "inception_v3", "lenet5", "mobilenet_v2", "shufflenet_v*_1x")


def variants(name: str) -> set[str]:
    with pytest.raises(UserError) as error:
        get_config(name, "none")
    return set(str(error.value).partition("Allowed: ")[2].split(", "))


def test_every_model_of_the_zoo_has_a_recipe():
    known = set().union(*(variants(name) for name, _ in VARIANTS))
    missing = {model for model in zoo.list_models() if not any(fnmatchcase(model, other) for other in _OTHERS)} - known
    assert not missing


def test_the_table_has_every_variant():
    for name, listed in VARIANTS:
        short = {variant for variant in variants(name) if "_" not in variant or variant == "fashion_mnist"}
        assert short - set(listed.split()) - set(zoo.list_models()) == set()


def _gives_ten_logits(name: str) -> None:
    config = get_config(name)
    pipeline = config.data.val.pipeline
    size = next((transform["size"] for transform in pipeline if transform["type"] == "Resize"), 8)
    images = jax.ShapeDtypeStruct((2, size, size, 1), jnp.float32)
    logits, _ = jax.eval_shape(build_classifier(config.model).init_with_output, jax.random.key(0), images)
    assert {leaf.shape[-2:] for leaf in jax.tree.leaves(logits)} == {(2, 10)}


_QUICK = ("convmixer", "deit", "regnet")
_DIGITS = [name for name, listed in VARIANTS if "digits" in listed.split()]


@pytest.mark.parametrize("name", _QUICK)
def test_digits_have_ten_classes(name):
    _gives_ten_logits(name)


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in _DIGITS if name not in _QUICK])
def test_digits_have_ten_classes_in_all_others(name):
    _gives_ten_logits(name)


@pytest.mark.parametrize(
    ("name", "variant", "lr", "batch_size", "max_epochs", "ema"),
    [
        ("convnext", "digits", 2e-3, 64, 20, None),
        ("convnext", "tiny", 4e-3, 4096, 300, {"momentum": 4e-5}),
        ("lenet5", "mnist", 0.01, 128, 5, None),
        ("mlp_mixer", "base", 0.003, 4096, 300, None),
        ("mobilenet_v2", "imagenet2012", 0.045, 256, 300, None),
        ("resnet", "cifar100", 0.1, 128, 200, None),
        ("swin", "large-384", 1e-3, 1024, 300, None),
        ("vit", "base-p16-384", 0.003, 4096, 300, None),
        ("deit", "base", 1e-3, 1024, 300, {"momentum": 4e-5}),
        ("deit", "deit_base_distilled", 1e-3, 1024, 300, None),
        ("convmixer", "1024-20", 0.01, 640, 150, None),
        ("hornet", "small-gf", 4e-3, 512, 300, {"momentum": 4e-5}),
        ("regnet", "x-1.6gf", 0.8, 1024, 100, None),
        ("regnet", "x-3.2gf", 0.4, 512, 100, None),
        ("seresnet", "seresnet50", 0.1, 256, 140, None),
        ("vgg", "vgg16", 0.01, 256, 100, None),
        ("convnext_v2", "atto", 8e-4, 1024, 600, {"momentum": 1e-4}),
        ("beit", "beitv2-base-p16", 4e-3, 1024, 100, None),
    ],
)
def test_the_originals_numbers(name, variant, lr, batch_size, max_epochs, ema):
    config = complete(get_config(name, variant))
    numbers = config["optimizer"]["lr"], config["data"]["batch_size"], config["runner"]["max_epochs"], config["ema"]
    assert numbers == (lr, batch_size, max_epochs, ema)


def test_any_model_on_pictures_of_ones_own(tmp_path):
    for name in "ab":
        (tmp_path / name).mkdir()
        Image.new("RGB", (8, 8)).save(tmp_path / name / "1.png")
    config = get_config("finetune", f"vit_base_p16_384,{tmp_path}")
    build_classifier(config.model)
    assert (config.model.head.num_classes, config.model.backbone.img_size) == (2, 384)
    assert config.data.train.pipeline[-1]["mean"] == (127.5,) * 3
    assert get_config("finetune", f"vit_base_p16_384,{tmp_path},64").model.backbone.img_size == 64
    small = get_config("finetune", f"resnet18,{tmp_path},64").data
    assert [step["size"] for step in (small.train.pipeline[1], small.val.pipeline[1])] == [64, (73, -1)]
    for wrong in ("resnet18", f"resnet18,{tmp_path},x", f"resnet18,{tmp_path},64,1"):
        with pytest.raises(UserError, match="MODEL,FOLDER"):
            get_config("finetune", wrong)
    with pytest.raises(UserError, match="'resnet1' is not in the zoo; did you mean"):
        get_config("finetune", f"resnet1,{tmp_path}")
