"""Wide ResNet (Zagoruyko and Komodakis 2016, Wide Residual Networks, arXiv:1605.07146).

    python train.py --config=configs/wide_resnet.py              # two stages, on the embedded digits
    python train.py --config=configs/wide_resnet.py:50           # on ImageNet; also 101

The first gives 99.72 % top-1 (seed 0, the last epoch) in 86 CPU-seconds on two cores.

The others are MMClassification's recipes wide-resnet50_8xb32_in1k and wide-resnet101_8xb32_in1k. It published weights
of torchvision, not trained by these recipes: top-1 78.48 and 78.84 % (not measured here).
"""

from ml_collections import ConfigDict

from jaxcls import recipes


def get_config(variant: str = "digits") -> ConfigDict:
    """The recipe for `variant`."""
    on_imagenet = recipes.variants(recipes.imagenet_sgd, ("50", "101"), "wide_resnet{}")
    return recipes.select(__file__, variant, {"digits": digits, **on_imagenet})


def digits() -> ConfigDict:
    # Bottlenecks half as wide as their results, not a quarter.
    small = dict(
        depth=50, in_channels=1, stem_channels=16, base_channels=32, expansion=2, num_stages=2, out_indices=(1,)
    )
    return recipes.on_digits(dict(type="ResNet", **small), 128)
