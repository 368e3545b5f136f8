"""ConvMixer (Trockman and Kolter 2022, Patches Are All You Need?, arXiv:2201.09792).

    python train.py --config=configs/convmixer.py                # four narrow layers, on the embedded digits
    python train.py --config=configs/convmixer.py:768-32         # on ImageNet; also 1024-20, 1536-20

The first gives 99.72 % top-1 (seed 0, the last epoch) in 54 CPU-seconds on two cores.

The others are MMClassification's recipes convmixer-768-32_10xb64_in1k and so on. It published weights of the paper's
authors, not trained by these recipes: top-1 80.16, 76.94 and 81.37 % (not measured here).
"""

from ml_collections import ConfigDict

from jaxcls import recipes


def get_config(variant: str = "digits") -> ConfigDict:
    """The recipe for `variant`."""
    on_imagenet = recipes.variants(imagenet2012, ("768-32", "1024-20", "1536-20"), "convmixer_{}")
    return recipes.select(__file__, variant, {"digits": digits, **on_imagenet})


def digits() -> ConfigDict:
    arch = dict(embed_dims=64, depth=4, patch_size=1, kernel_size=5)
    return recipes.on_digits(dict(type="ConvMixer", in_channels=1, arch=arch), 64, size=8, lr=5e-3, max_epochs=20)


def imagenet2012(name: str) -> ConfigDict:
    return recipes.imagenet_adamw(name, 640, recipes.adamw(0.01), max_epochs=300 if "768" in name else 150)
