"""Where samples come from."""

from jaxcls.data.sources.custom import CustomDataset
from jaxcls.data.sources.idx import MNIST, FashionMNIST
from jaxcls.data.sources.tfds import TFDS

__all__ = ["MNIST", "TFDS", "CustomDataset", "FashionMNIST"]
