"""AlexNet (Krizhevsky et al. 2012), with one tower, as torchvision has it."""

from jaxcls.zoo.entry import Entry, classes_of_backbone

ENTRIES = (Entry("alexnet", dict(type="AlexNet", num_classes=1000), classes_of_backbone(), neck=None),)
