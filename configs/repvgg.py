"""RepVGG (Ding et al. 2021, RepVGG: Making VGG-style ConvNets Great Again, arXiv:2101.03697).

    python train.py --config=configs/repvgg.py                   # two narrow stages, on the embedded digits
    python train.py --config=configs/repvgg.py:a0                # on ImageNet; also a1, a2, b0, b1, b1g2, b1g4, b2
    python train.py --config=configs/repvgg.py:b3                # with mixup, longer; also b2g4, b3g4, d2se

The first gives 98.89 % top-1 (seed 0, the last epoch) in 28 CPU-seconds on two cores.

The others are MMClassification's recipes repvgg-A0_4xb64-coslr-120e_in1k and so on. It published weights of the paper's
authors, not trained by these recipes: top-1 72.41 % for a0, 78.78 % for b2, 80.52 % for b3, 81.81 % for d2se (not
measured here). `jaxcls.deploy` merges the branches of a trained network.
"""

from ml_collections import ConfigDict

from jaxcls import recipes

_PLAIN, _STRONG = ("a0", "a1", "a2", "b0", "b1", "b1g2", "b1g4", "b2"), ("b2g4", "b3", "b3g4", "d2se")


def get_config(variant: str = "digits") -> ConfigDict:
    """The recipe for `variant`."""
    on_imagenet = recipes.variants(plain, _PLAIN, "repvgg_{}") | recipes.variants(strong, _STRONG, "repvgg_{}")
    return recipes.select(__file__, variant, {"digits": digits, **on_imagenet})


def digits() -> ConfigDict:
    arch = dict(num_blocks=(2, 3), width_factor=(1.0, 1.0), group_layer_map=None, se_cfg=None)
    small = dict(base_channels=32, strides=(1, 2), dilations=(1, 1), out_indices=(1,))
    return recipes.on_digits(dict(type="RepVGG", in_channels=1, arch=arch, **small), 64, size=16, max_epochs=10)


def plain(name: str) -> ConfigDict:
    return recipes.imagenet_sgd(name, lr_config=recipes.cosine(), max_epochs=120)


def strong(name: str) -> ConfigDict:
    mixup = dict(augments=dict(type="BatchMixup", alpha=0.2, num_classes=1000, prob=1.0))
    schedule = recipes.cosine(warmup_iters=25025, warmup_ratio=0.25)
    return recipes.imagenet_sgd(name, lr_config=schedule, max_epochs=200, train_cfg=mixup)
