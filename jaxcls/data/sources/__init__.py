"""Where samples come from."""

from jaxcls.data.sources.cifar import CIFAR10, CIFAR100
from jaxcls.data.sources.custom import CustomDataset
from jaxcls.data.sources.fine_grained import CUB, StanfordCars
from jaxcls.data.sources.idx import KMNIST, MNIST, FashionMNIST
from jaxcls.data.sources.imagenet import ImageNet, ImageNet21k
from jaxcls.data.sources.multi_label import MultiLabelDataset
from jaxcls.data.sources.tfds import TFDS
from jaxcls.data.sources.voc import VOC
from jaxcls.data.sources.wrappers import ClassBalancedDataset, ConcatDataset, KFoldDataset, RepeatDataset

__all__ = [
    "CIFAR10",
    "CIFAR100",
    "CUB",
    "KMNIST",
    "MNIST",
    "TFDS",
    "VOC",
    "ClassBalancedDataset",
    "ConcatDataset",
    "CustomDataset",
    "FashionMNIST",
    "ImageNet",
    "ImageNet21k",
    "KFoldDataset",
    "MultiLabelDataset",
    "RepeatDataset",
    "StanfordCars",
]
