"""AlexNet (Krizhevsky et al. 2012, ImageNet Classification with Deep Convolutional Neural Networks).

    python train.py --config=configs/alexnet.py                  # its convolutions, on the embedded digits
    python train.py --config=configs/alexnet.py:imagenet2012

The first gives 98.06 % top-1 (seed 0, the last epoch) in 69 CPU-seconds on two cores.

The other is the paper's optimiser, rate and batch; MMClassification has no recipe. Torchvision published 56.52 % top-1
for the network (not measured here).
"""

from ml_collections import ConfigDict

from jaxcls import recipes


def get_config(variant: str = "digits") -> ConfigDict:
    """The recipe for `variant`."""
    return recipes.select(__file__, variant, {"digits": digits, "imagenet2012": imagenet2012})


def digits() -> ConfigDict:
    return recipes.on_digits(dict(type="AlexNet"), 256, size=64, lr=1e-3, max_epochs=10)


def imagenet2012() -> ConfigDict:
    optimizer = recipes.sgd(0.01, weight_decay=5e-4)
    return recipes.imagenet_sgd("alexnet", 128, optimizer, recipes.step([30, 60, 80]), max_epochs=90)
