"""The host's image transforms, with the names and arguments of MMClassification's pipelines."""

from jaxcls.data.transforms.crop import CenterCrop, RandomCrop, RandomResizedCrop
from jaxcls.data.transforms.flip import RandomFlip
from jaxcls.data.transforms.formatting import Collect, ImageToTensor, ToTensor
from jaxcls.data.transforms.load import LoadImageFromFile
from jaxcls.data.transforms.normalize import Normalize
from jaxcls.data.transforms.pad import Pad
from jaxcls.data.transforms.resize import Resize

__all__ = [
    "CenterCrop",
    "Collect",
    "ImageToTensor",
    "LoadImageFromFile",
    "Normalize",
    "Pad",
    "RandomCrop",
    "RandomFlip",
    "RandomResizedCrop",
    "Resize",
    "ToTensor",
]
