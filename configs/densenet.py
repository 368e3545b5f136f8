"""DenseNet (Huang et al. 2017, Densely Connected Convolutional Networks, arXiv:1608.06993).

    python train.py --config=configs/densenet.py                 # two small blocks, on the embedded digits
    python train.py --config=configs/densenet.py:121             # on ImageNet; also 169, 201, 161

The first gives 99.17 % top-1 (seed 0, the last epoch) in 70 CPU-seconds on two cores.

The others are MMClassification's recipes densenet121_4xb256_in1k and so on; it published weights of torchvision, not
trained by these recipes: top-1 74.96, 76.08, 77.32 and 77.61 % (not measured here).
"""

from ml_collections import ConfigDict

from jaxcls import recipes


def get_config(variant: str = "digits") -> ConfigDict:
    """The recipe for `variant`."""
    on_imagenet = recipes.variants(imagenet2012, ("121", "169", "201", "161"), "densenet{}")
    return recipes.select(__file__, variant, {"digits": digits, **on_imagenet})


def digits() -> ConfigDict:
    arch = dict(growth_rate=12, depths=(4, 4), init_channels=24)
    return recipes.on_digits(dict(type="DenseNet", in_channels=1, arch=arch), 84)


def imagenet2012(name: str) -> ConfigDict:
    return recipes.imagenet_sgd(name, 1024, lr_config=recipes.step([30, 60]), max_epochs=90)
