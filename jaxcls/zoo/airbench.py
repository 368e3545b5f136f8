"""The network of airbench94 (Jordan 2024, arXiv:2404.00498)."""

from jaxcls.zoo.entry import Entry, Preprocessing, linear_head

ENTRIES = (
    Entry(
        "airbench94",
        dict(type="Airbench"),
        linear_head(256, 10, init_cfg=dict(type="Normal", layer="Linear", std=1 / 256)),
        preprocessing=Preprocessing(32, None, (125.307, 122.961, 113.8575), (62.985, 62.0925, 66.708)),
        classes="cifar10",
    ),
)
