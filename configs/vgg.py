"""VGG (Simonyan & Zisserman 2015, Very Deep Convolutional Networks for Large-Scale Image Recognition, arXiv:1409.1556).

    python train.py --config=configs/vgg.py                      # three of its stages, on the embedded digits
    python train.py --config=configs/vgg.py:vgg16bn              # on ImageNet; also vgg11, vgg11bn, … vgg19bn

The first gives 99.72 % top-1 (seed 0, the last epoch) in 163 CPU-seconds on two cores.

The others are MMClassification's recipes vgg16bn_8xb32_in1k and so on; it published top-1 68.75, 70.02, 71.62 and
72.41 % for 11 to 19, and 70.67, 72.12, 73.74 and 74.68 % with BatchNorm (not measured here).
"""

from ml_collections import ConfigDict

from jaxcls import recipes

_MODELS = [f"vgg{depth}{norm}" for depth in (11, 13, 16, 19) for norm in ("", "bn")]


def get_config(variant: str = "digits") -> ConfigDict:
    """The recipe for `variant`."""
    return recipes.select(__file__, variant, {"digits": digits, **recipes.variants(imagenet2012, _MODELS, "{}")})


def digits() -> ConfigDict:
    backbone = dict(type="VGG", depth=11, num_stages=3, dilations=(1, 1, 1), norm_cfg=dict(type="BN"))
    return recipes.on_digits(backbone, 256, size=8, lr=1e-3, max_epochs=20)


def imagenet2012(name: str) -> ConfigDict:
    return recipes.imagenet_sgd(name, optimizer=recipes.sgd(0.1 if name.endswith("bn") else 0.01))
