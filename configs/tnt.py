"""TNT (Han et al. 2021, Transformer in Transformer, arXiv:2103.00112).

    python train.py --config=configs/tnt.py                      # a small one, on the embedded digits
    python train.py --config=configs/tnt.py:small-p16            # on ImageNet

The first gives 97.22 % top-1 (seed 0, the last epoch) in 99 CPU-seconds on two cores.

The other is MMClassification's recipe tnt-s-p16_16xb64_in1k. It published weights of timm, not trained by it: top-1
81.52 % (not measured here).
"""

from ml_collections import ConfigDict

from jaxcls import recipes


def get_config(variant: str = "digits") -> ConfigDict:
    """The recipe for `variant`."""
    on_imagenet = recipes.variants(imagenet2012, ("small-p16",), "tnt_{}")
    return recipes.select(__file__, variant, {"digits": digits, **on_imagenet})


def digits() -> ConfigDict:
    arch = dict(embed_dims_outer=64, embed_dims_inner=16, num_layers=3, num_heads_outer=4, num_heads_inner=2)
    backbone = dict(type="TNT", arch=arch, img_size=16, patch_size=4, in_channels=1, first_stride=2, qkv_bias=True)
    positions = ("patch_pos", "pixel_pos")
    return recipes.on_digits(backbone, 64, neck=None, size=16, max_epochs=25, positions=positions)


def imagenet2012(name: str) -> ConfigDict:
    optimizer = recipes.adamw(1e-3, decay_all=True)
    schedule = recipes.cosine(warmup_iters=5, warmup_by_epoch=True, warmup_ratio=1e-3)
    return recipes.imagenet_adamw(name, 1024, optimizer, schedule, augmentation=[], grad_clip=None)
