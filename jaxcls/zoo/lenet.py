"""LeNet-5 (LeCun et al. 1998, Gradient-Based Learning Applied to Document Recognition)."""

from jaxcls.zoo.entry import Entry, Preprocessing

ENTRIES = (
    Entry(
        "lenet5",
        dict(type="LeNet5", num_classes=10),
        dict(type="ClsHead", loss=dict(type="CrossEntropyLoss", loss_weight=1.0)),
        neck=None,
        preprocessing=Preprocessing(size=32, shorter_side=None, mean=(33.46,), std=(78.87,)),
        aliases=("lenet5_mnist",),
    ),
)
