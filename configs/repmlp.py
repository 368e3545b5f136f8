"""RepMLPNet (Ding et al. 2022, RepMLPNet: Hierarchical Vision MLP with Re-parameterized Locality, arXiv:2112.11081).

    python train.py --config=configs/repmlp.py                   # two narrow stages, on the embedded digits
    python train.py --config=configs/repmlp.py:base              # on ImageNet; also base-256

The first gives 98.89 % top-1 (seed 0, the last epoch) in 154 CPU-seconds on two cores.

The others are MMClassification's recipe repmlp-base_8xb64_in1k, at 256 x 256 too. It published weights of the paper's
authors, not trained by it: top-1 80.41 and 81.11 % (not measured here). `jaxcls.deploy` merges a trained network's
branches.
"""

from ml_collections import ConfigDict

from jaxcls import recipes


def get_config(variant: str = "digits") -> ConfigDict:
    """The recipe for `variant`."""
    on_imagenet = recipes.variants(imagenet2012, ("base", "base-256"), "repmlp_{}")
    return recipes.select(__file__, variant, {"digits": digits, **on_imagenet})


def digits() -> ConfigDict:
    arch = dict(channels=(32, 64), depths=(2, 2), sharesets_nums=(4, 8))
    small = dict(img_size=16, patch_size=2, out_indices=(1,), reparam_conv_kernels=(1, 3))
    return recipes.on_digits(dict(type="RepMLPNet", in_channels=1, arch=arch, **small), 64, size=16)


def imagenet2012(name: str) -> ConfigDict:
    return recipes.imagenet_adamw(name, 512, augmentation=[])
