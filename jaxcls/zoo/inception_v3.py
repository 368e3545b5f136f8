"""Inception V3 (Szegedy et al. 2016, arXiv:1512.00567)."""

from jaxcls.zoo.entry import Entry, Preprocessing, Published, classes_of_backbone

ENTRIES = (
    Entry(
        "inception_v3",
        dict(type="InceptionV3", num_classes=1000, aux_logits=False),
        classes_of_backbone(),
        neck=None,
        preprocessing=Preprocessing(299, 342),
        aliases=("inception-v3_8xb32_in1k",),
        published=(
            Published(
                "inception-v3_3rdparty_8xb32_in1k",
                77.57,
                93.58,
                "https://download.openmmlab.com/mmclassification/v0/inception-v3/"
                "inception-v3_3rdparty_8xb32_in1k_20220615-dcd4d910.pth",
                source="MMPretrain 1.2",
            ),
        ),
    ),
)
