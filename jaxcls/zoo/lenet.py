"""LeNet-5 (LeCun et al. 1998, Gradient-Based Learning Applied to Document Recognition)."""

from jaxcls.zoo.entry import Entry, Preprocessing, classes_of_backbone

ENTRIES = (
    Entry(
        "lenet5",
        dict(type="LeNet5", num_classes=10),
        classes_of_backbone(),
        neck=None,
        preprocessing=Preprocessing(size=32, resize=None, mean=(33.46,), std=(78.87,)),
        classes="mnist",
        aliases=("lenet5_mnist",),
    ),
)
