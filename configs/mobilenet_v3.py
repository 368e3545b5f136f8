"""MobileNetV3 (Howard et al. 2019, Searching for MobileNetV3, arXiv:1905.02244).

    python train.py --config=configs/mobilenet_v3.py             # the small one, on the embedded digits
    python train.py --config=configs/mobilenet_v3.py:small       # on ImageNet; also large

The first gives 98.89 % top-1 (seed 0, the last epoch) in 164 CPU-seconds on two cores.

The others are MMClassification's recipes mobilenet-v3-small_8xb32_in1k and mobilenet-v3-large_8xb32_in1k, which follow
torchvision's; it published weights of torchvision: top-1 67.66 and 74.04 % (not measured here).
"""

from ml_collections import ConfigDict

from jaxcls import recipes
from jaxcls.zoo.entry import IMAGENET


def get_config(variant: str = "digits") -> ConfigDict:
    """The recipe for `variant`."""
    on_imagenet = recipes.variants(imagenet2012, ("small", "large"), "mobilenet_v3_{}")
    return recipes.select(__file__, variant, {"digits": digits, **on_imagenet})


def digits() -> ConfigDict:
    # The running statistics of so short a training have to follow faster than by 0.01.
    return recipes.on_digits(dict(type="MobileNetV3", norm_cfg=dict(type="BN", eps=0.001)), 576, size=48)


def imagenet2012(name: str) -> ConfigDict:
    erasing = dict(type="RandomErasing", erase_prob=0.2, min_area_ratio=0.02, max_area_ratio=1 / 3)
    return recipes.imagenet_sgd(
        name,
        1024,
        dict(type="RMSprop", lr=0.064, alpha=0.9, momentum=0.9, eps=0.0316, weight_decay=1e-5),
        recipes.step(2, gamma=0.973),
        600,
        [dict(type="AutoAugment", policies="imagenet"), erasing | dict(fill_color=list(IMAGENET.mean))],
    )
