"""HRNet (Wang et al. 2020, Deep High-Resolution Representation Learning for Visual Recognition, arXiv:1908.07919).

    python train.py --config=configs/hrnet.py                    # narrow and shallow, on the embedded digits
    python train.py --config=configs/hrnet.py:w18                # on ImageNet; also w30, w32, w40, w44, w48, w64

The first gives 98.89 % top-1 (seed 0, the last epoch) in 246 CPU-seconds on two cores.

The others are MMClassification's recipes hrnet-w18_4xb32_in1k and so on. It published weights of the authors, not
trained by these recipes: top-1 76.75, 78.19, 78.44, 78.94, 78.88, 79.32 and 79.46 % (not measured here).
"""

from ml_collections import ConfigDict

from jaxcls import recipes

_WIDTHS = (8, 16, 32, 64)


def get_config(variant: str = "digits") -> ConfigDict:
    """The recipe for `variant`."""
    on_imagenet = recipes.variants(imagenet2012, ("w18", "w30", "w32", "w40", "w44", "w48", "w64"), "hrnet_{}")
    return recipes.select(__file__, variant, {"digits": digits, **on_imagenet})


def digits() -> ConfigDict:
    extra = {f"stage{branches}": _stage(branches) for branches in range(1, 5)}
    return recipes.on_digits(dict(type="HRNet", in_channels=1, extra=extra), 64, size=64)


def _stage(branches: int) -> dict:
    block = dict(num_modules=1, num_branches=branches, block="BASIC" if branches > 1 else "BOTTLENECK")
    return block | dict(num_blocks=(1,) * branches, num_channels=_WIDTHS[:branches])


def imagenet2012(name: str) -> ConfigDict:
    return recipes.imagenet_sgd(name, 128, lr_config=recipes.cosine())
