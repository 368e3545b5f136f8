"""ConvNeXt (Liu et al. 2022, A ConvNet for the 2020s, arXiv:2201.03545).

    python train.py --config=configs/convnext.py                 # a small one, on the embedded digits
    python train.py --config=configs/convnext.py:tiny            # on ImageNet; also small, base, large, xlarge

The first gives 99.17, 98.33 and 98.61 % top-1 (seeds 0, 1, 2, the last epoch) in 41 s on two CPU cores.

The variants are MMClassification's recipes convnext-tiny_32xb128_in1k and so on. It published weights of the paper's
authors, not trained by these recipes: top-1 82.05, 83.13, 83.85 and 84.30 % for tiny to large, trained on ImageNet-1k
alone, and 86.97 % for xlarge, after ImageNet-21k (not measured here).
"""

from ml_collections import ConfigDict

from jaxcls import recipes
from jaxcls.zoo.convnext import INIT_CFG

_ARCHS = ("tiny", "small", "base", "large", "xlarge")


def get_config(variant: str = "digits") -> ConfigDict:
    """The recipe for `variant`."""
    on_imagenet = recipes.variants(imagenet2012, _ARCHS, "convnext_{}")
    return recipes.select(__file__, variant, {"digits": digits, **on_imagenet})


def digits() -> ConfigDict:
    # shallow, it needs no help to start: layer scale begins at one
    backbone = dict(type="ConvNeXt", in_channels=1, stem_patch_size=1, layer_scale_init_value=1.0)
    backbone |= dict(arch=dict(depths=(2, 2, 2), channels=(32, 64, 128)), gap_before_final_norm=True, init_cfg=INIT_CFG)
    return recipes.recipe(
        recipes.classifier(backbone, 128, neck=None),
        recipes.digits(),
        recipes.adamw(lr=2e-3),
        recipes.cosine_to_hundredth(warmup_iters=46),
        max_epochs=20,
        grad_clip=5.0,
    )


def imagenet2012(name: str) -> ConfigDict:
    return recipes.imagenet_adamw(name, 4096, recipes.adamw(lr=4e-3), ema=dict(momentum=4e-5))
