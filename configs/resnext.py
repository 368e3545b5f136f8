"""ResNeXt (Xie et al. 2017, Aggregated Residual Transformations for Deep Neural Networks, arXiv:1611.05431).

    python train.py --config=configs/resnext.py                  # two narrow stages, on the embedded digits
    python train.py --config=configs/resnext.py:50-32x4d         # on ImageNet; also 101-32x4d, 101-32x8d, 152-32x4d

The first gives 98.33 % top-1 (seed 0, the last epoch) in 69 CPU-seconds on two cores.

The others are MMClassification's recipes resnext50-32x4d_8xb32_in1k and so on; it published top-1 77.90, 78.61, 79.27
and 78.88 % for them (not measured here).
"""

from ml_collections import ConfigDict

from jaxcls import recipes

_ARCHS = ("50-32x4d", "101-32x4d", "101-32x8d", "152-32x4d")


def get_config(variant: str = "digits") -> ConfigDict:
    """The recipe for `variant`."""
    on_imagenet = recipes.variants(recipes.imagenet_sgd, _ARCHS, "resnext{}")
    return recipes.select(__file__, variant, {"digits": digits, **on_imagenet})


def digits() -> ConfigDict:
    small = dict(depth=50, in_channels=1, stem_channels=16, base_channels=16, num_stages=2, out_indices=(1,))
    return recipes.on_digits(dict(type="ResNeXt", groups=4, width_per_group=4, **small), 128)
