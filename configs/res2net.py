"""Res2Net (Gao et al. 2021, Res2Net: A New Multi-scale Backbone Architecture, arXiv:1904.01169).

    python train.py --config=configs/res2net.py                  # two narrow stages, on the embedded digits
    python train.py --config=configs/res2net.py:50-w14-s8        # on ImageNet; also 50-w26-s8, 101-w26-s4

The first gives 98.89 % top-1 (seed 0, the last epoch) in 176 CPU-seconds on two cores.

The others are MMClassification's recipes res2net50-w14-s8_8xb32_in1k and so on. It published weights of the paper's
authors, not trained by these recipes: top-1 78.14, 79.20 and 79.19 % (not measured here).
"""

from ml_collections import ConfigDict

from jaxcls import recipes


def get_config(variant: str = "digits") -> ConfigDict:
    """The recipe for `variant`."""
    on_imagenet = recipes.variants(recipes.imagenet_sgd, ("50-w14-s8", "50-w26-s8", "101-w26-s4"), "res2net{}")
    return recipes.select(__file__, variant, {"digits": digits, **on_imagenet})


def digits() -> ConfigDict:
    small = dict(depth=50, in_channels=1, stem_channels=16, base_channels=16, num_stages=2, out_indices=(1,))
    return recipes.on_digits(dict(type="Res2Net", scales=4, base_width=26, **small), 128)
