"""RepMLP-Net (Ding et al. 2022, arXiv:2112.11081)."""

from jaxcls.zoo.entry import Entry, Preprocessing, Published, linear_head, mmcls

_SIZES = {224: Preprocessing(resize=(256, 256), backend="pillow"), 256: Preprocessing(256, 292, backend="pillow")}


def _entry(size: int, alias: str, *rows: Published, deploy: bool = False) -> Entry:
    return Entry(
        "repmlp_base" + (f"_{size}" if size != 224 else "") + ("_deploy" if deploy else ""),
        dict(type="RepMLPNet", arch="B", img_size=size, out_indices=(3,), reparam_conv_kernels=(1, 3), deploy=deploy),
        linear_head(768),
        preprocessing=_SIZES[size],
        aliases=(f"repmlp-base_{alias}",),
        published=rows,
    )


_ROW_224 = mmcls("repmlp-base_3rdparty_8xb64_in1k", 80.41, 95.14, "repmlp/{}_20220330-1cb1f11b.pth")
_ROW_256 = mmcls("repmlp-base_3rdparty_8xb64_in1k-256px", 81.11, 95.50, "repmlp/{}_20220330-7c5a91ce.pth")

ENTRIES = (
    _entry(224, "8xb64_in1k", _ROW_224),
    _entry(256, "8xb64_in1k-256px", _ROW_256),
    _entry(224, "delopy_8xb64_in1k", deploy=True),
    _entry(256, "deploy_8xb64_in1k-256px", deploy=True),
)
