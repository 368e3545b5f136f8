"""TinyViT (Wu et al. 2022, Fast Pretraining Distillation for Small Vision Transformers, arXiv:2207.10666).

    python train.py --config=configs/tinyvit.py                  # two narrow stages, on the embedded digits
    python train.py --config=configs/tinyvit.py:5m               # on ImageNet; also 11m, 21m
    python train.py --config=configs/tinyvit.py:21m-384          # at 384 x 384; also 21m-512

The first gives 98.89 % top-1 (seed 0, the last epoch) in 84 CPU-seconds on two cores.

The others are MMPretrain's recipes tinyvit-5m_8xb256_in1k and so on. It published weights of the paper's authors, not
trained by these recipes: top-1 79.02, 81.44 and 83.08 % for 5m to 21m, and more after ImageNet-21k (not measured here).
"""

from ml_collections import ConfigDict

from jaxcls import recipes


def get_config(variant: str = "digits") -> ConfigDict:
    """The recipe for `variant`."""
    on_imagenet = recipes.variants(imagenet2012, ("5m", "11m", "21m", "21m-384", "21m-512"), "tinyvit_{}")
    return recipes.select(__file__, variant, {"digits": digits, **on_imagenet})


def digits() -> ConfigDict:
    arch = dict(channels=(32, 64), num_heads=(2, 4), depths=(2, 2))
    small = dict(img_size=32, window_size=(4, 4), drop_path_rate=0.0)
    return recipes.on_digits(dict(type="TinyViT", arch=arch, in_channels=1, **small), 64, neck=None, max_epochs=15)


def imagenet2012(name: str) -> ConfigDict:
    optimizer = recipes.adamw(1e-3, decay_flat=False)
    schedule = recipes.cosine_by_epoch()
    return recipes.imagenet_adamw(name, 1024, optimizer, schedule, augmentation=[], grad_clip=None)
