"""CSRA (Zhu and Wu 2021, Residual Attention, arXiv:2108.02456): several labels an image."""

from jaxcls.zoo.entry import Entry, Preprocessing, mmcls

ENTRIES = (
    Entry(
        "resnet101_csra_voc07",
        dict(type="ResNet", depth=101),
        dict(
            type="CSRAClsHead",
            num_classes=20,
            in_channels=2048,
            num_heads=1,
            lam=0.1,
            loss=dict(type="CrossEntropyLoss", use_sigmoid=True, loss_weight=1.0),
        ),
        neck=None,
        preprocessing=Preprocessing(448, None, mean=(0.0,) * 3, std=(255.0,) * 3),
        classes="voc07",
        aliases=("resnet101-csra_1xb16_voc07-448px",),
        # mAP 94.98
        published=(mmcls("resnet101-csra_1xb16_voc07-448px", None, None, "csra/{}_20220722-29efb40a.pth"),),
    ),
)
