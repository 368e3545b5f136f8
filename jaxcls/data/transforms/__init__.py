"""The host's image transforms, with the names and arguments of MMClassification's pipelines."""

from jaxcls.data.transforms.albu import Albu
from jaxcls.data.transforms.auto_augment import AutoAugment, RandAugment
from jaxcls.data.transforms.color import ColorJitter, Lighting, RandomGrayscale
from jaxcls.data.transforms.crop import CenterCrop, RandomCrop, RandomResizedCrop
from jaxcls.data.transforms.enhance import Brightness, ColorTransform, Contrast, Sharpness
from jaxcls.data.transforms.erasing import Cutout, RandomErasing
from jaxcls.data.transforms.flip import RandomFlip
from jaxcls.data.transforms.formatting import Collect, ImageToTensor, ToTensor
from jaxcls.data.transforms.load import LoadImageFromFile
from jaxcls.data.transforms.normalize import Normalize
from jaxcls.data.transforms.pad import Pad
from jaxcls.data.transforms.resize import Resize
from jaxcls.data.transforms.shift import RandomShift
from jaxcls.data.transforms.tone import AutoContrast, Equalize, Invert, Posterize, Solarize, SolarizeAdd
from jaxcls.data.transforms.warp import Rotate, Shear, Translate

__all__ = [
    "Albu",
    "AutoAugment",
    "AutoContrast",
    "Brightness",
    "CenterCrop",
    "Collect",
    "ColorJitter",
    "ColorTransform",
    "Contrast",
    "Cutout",
    "Equalize",
    "ImageToTensor",
    "Invert",
    "Lighting",
    "LoadImageFromFile",
    "Normalize",
    "Pad",
    "Posterize",
    "RandAugment",
    "RandomCrop",
    "RandomErasing",
    "RandomFlip",
    "RandomGrayscale",
    "RandomResizedCrop",
    "RandomShift",
    "Resize",
    "Rotate",
    "Sharpness",
    "Shear",
    "Solarize",
    "SolarizeAdd",
    "ToTensor",
    "Translate",
]
