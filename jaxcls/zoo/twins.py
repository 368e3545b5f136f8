"""Twins (Chu et al. 2021, arXiv:2104.13840): PCPVT and SVT."""

from jaxcls.zoo.entry import BICUBIC, TRUNCATED_NORMAL, Entry, label_smoothing, linear_head, mmcls

_CHANNELS = {"pcpvt": (512, 512, 512), "svt": (512, 768, 1024)}


def _entry(kind: str, arch: str, top1: float, top5: float, version: str) -> Entry:
    name, batch = f"twins-{kind}-{arch}", "16xb64" if arch == "large" else "8xb128"
    row = f"{name}_3rdparty_{batch}_in1k" if name != "twins-svt-base" else f"{name}_{batch}_3rdparty_in1k"
    norm_cfg = dict(type="LN", eps=1e-6) if kind == "pcpvt" else dict(type="LN")
    return Entry(
        f"twins_{kind}_{arch}",
        dict(type=kind.upper(), arch=arch, qkv_bias=True, drop_path_rate=0.3, norm_cfg=norm_cfg)
        | dict(out_indices=(3,), norm_after_stage=(False, False, False, True)),
        linear_head(_CHANNELS[kind][("small", "base", "large").index(arch)], loss=label_smoothing()),
        preprocessing=BICUBIC,
        aliases=(f"{name}_{batch}_in1k",),
        published=(mmcls(row, top1, top5, f"twins/{name}_3rdparty_{batch}_in1k_{version}.pth"),),
        arguments=dict(init_cfg=TRUNCATED_NORMAL),
    )


ENTRIES = (
    _entry("pcpvt", "small", 81.14, 95.69, "20220126-ef23c132"),
    _entry("pcpvt", "base", 82.66, 96.26, "20220126-f8c4b0d5"),
    _entry("pcpvt", "large", 83.09, 96.59, "20220126-c1ef8d80"),
    _entry("svt", "small", 81.77, 95.57, "20220126-8fe5205b"),
    _entry("svt", "base", 83.13, 96.29, "20220126-e31cc8e9"),
    _entry("svt", "large", 83.60, 96.50, "20220126-4817645f"),
)
