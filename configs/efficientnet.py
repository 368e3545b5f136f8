"""EfficientNet (Tan and Le 2019, Rethinking Model Scaling for Convolutional Neural Networks, arXiv:1905.11946).

    python train.py --config=configs/efficientnet.py             # b0, on the embedded digits
    python train.py --config=configs/efficientnet.py:b0          # on ImageNet; also b1 to b8, es, em, el, lite0 …

The first gives 99.44 % top-1 (seed 0, the last epoch) in 169 CPU-seconds on two cores.

The others are MMClassification's recipes efficientnet-b0_8xb32_in1k and so on, el and the lite ones, which it lacks,
by the same. It published weights of the paper's authors, not trained by these recipes: top-1 from 76.74 % for b0 to
85.38 % for b8 with AdvProp (not measured here).
"""

from ml_collections import ConfigDict

from jaxcls import recipes

_ARCHS = [f"b{i}" for i in range(9)] + ["es", "em", "el"] + [f"lite{i}" for i in range(5)]


def get_config(variant: str = "digits") -> ConfigDict:
    """The recipe for `variant`."""
    on_imagenet = recipes.variants(recipes.imagenet_sgd, _ARCHS, "efficientnet_{}")
    return recipes.select(__file__, variant, {"digits": digits, **on_imagenet})


def digits() -> ConfigDict:
    return recipes.on_digits(dict(type="EfficientNet", arch="b0"), 1280, max_epochs=10)
