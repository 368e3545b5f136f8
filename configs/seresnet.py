"""SE-ResNet and SE-ResNeXt (Hu et al. 2018, Squeeze-and-Excitation Networks, arXiv:1709.01507).

    python train.py --config=configs/seresnet.py                 # two narrow stages, on the embedded digits
    python train.py --config=configs/seresnet.py:seresnet50      # on ImageNet; also seresnet101
    python train.py --config=configs/seresnet.py:seresnext50-32x4d     # also seresnext101-32x4d

The first gives 98.33 % top-1 (seed 0, the last epoch) in 81 CPU-seconds on two cores.

The others are MMClassification's recipes seresnet50_8xb32_in1k and so on; it published top-1 77.74 and 78.26 % for
seresnet50 and seresnet101 (not measured here), and nothing for the others.
"""

from ml_collections import ConfigDict

from jaxcls import recipes

_MODELS = ("seresnet50", "seresnet101", "seresnext50-32x4d", "seresnext101-32x4d")


def get_config(variant: str = "digits") -> ConfigDict:
    """The recipe for `variant`."""
    return recipes.select(__file__, variant, {"digits": digits, **recipes.variants(imagenet2012, _MODELS, "{}")})


def digits() -> ConfigDict:
    small = dict(depth=50, in_channels=1, stem_channels=16, base_channels=16, num_stages=2, out_indices=(1,))
    return recipes.on_digits(dict(type="SEResNet", **small), 128)


def imagenet2012(name: str) -> ConfigDict:
    if name == "seresnet50":  # trained longer than the others
        return recipes.imagenet_sgd(name, lr_config=recipes.step([40, 80, 120]), max_epochs=140)
    return recipes.imagenet_sgd(name)
