"""CSPNet (Wang et al. 2020, A New Backbone that can Enhance Learning Capability of CNN, arXiv:1911.11929).

    python train.py --config=configs/cspnet.py                   # CSPResNet-50, on the embedded digits
    python train.py --config=configs/cspnet.py:cspdarknet53      # on ImageNet; also cspresnet50, cspresnext50

The first gives 98.61 % top-1 (seed 0, the last epoch) in 190 CPU-seconds on two cores.

The others are MMClassification's recipes cspdarknet50_8xb32_in1k and so on. It published weights of timm, not trained
by these recipes: top-1 80.05, 79.55 and 79.96 % (not measured here).
"""

from ml_collections import ConfigDict

from jaxcls import recipes


def get_config(variant: str = "digits") -> ConfigDict:
    """The recipe for `variant`."""
    on_imagenet = recipes.variants(imagenet2012, ("cspdarknet53", "cspresnet50", "cspresnext50"), "{}")
    return recipes.select(__file__, variant, {"digits": digits, **on_imagenet})


def digits() -> ConfigDict:
    # It has one width; at 16 x 16 pixels it is fast nevertheless.
    return recipes.on_digits(dict(type="CSPResNet", in_channels=1, depth=50), 1024, size=16, lr=1e-3, max_epochs=10)


def imagenet2012(name: str) -> ConfigDict:
    return recipes.imagenet_sgd(name, crop=dict(size=224))
