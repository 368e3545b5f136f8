"""XCiT (El-Nouby et al. 2021, arXiv:2106.09681)."""

from jaxcls.zoo.entry import BICUBIC, Entry, Published, bicubic, linear_head, mmpretrain

# width and heads
_WIDTHS = {"nano": (128, 4), "tiny": (192, 4), "small": (384, 8), "medium": (512, 8), "large": (768, 16)}

# (name, layers, patch size) -> file's version, top-1 and top-5: trained with a teacher, without one, with one at 384
_PUBLISHED = {
    ("nano", 12, 16): (
        ("20230213-fb247f7b", 72.36, 91.02),
        ("20230213-ed776c38", 70.35, 89.98),
        ("20230213-712db4d4", 74.93, 92.42),
    ),
    ("nano", 12, 8): (
        ("20230213-2f87d2b3", 76.17, 93.08),
        ("20230213-3370c293", 73.8, 92.08),
        ("20230213-09d925ef", 77.69, 94.09),
    ),
    ("tiny", 12, 16): (
        ("20230213-d5fde0a3", 78.7, 94.12),
        ("20230213-82c547ca", 77.21, 93.62),
        ("20230213-00a20023", 80.58, 95.38),
    ),
    ("tiny", 12, 8): (
        ("20230213-f3f9b44f", 81.26, 95.46),
        ("20230213-8b02f8f5", 79.75, 94.88),
        ("20230213-a072174a", 82.46, 96.22),
    ),
    ("tiny", 24, 16): (
        ("20230213-b472e80a", 80.51, 95.17),
        ("20230213-366c1cd0", 79.47, 94.85),
        ("20230213-20e13917", 82.43, 96.2),
    ),
    ("tiny", 24, 8): (
        ("20230213-ad9c44b0", 82.62, 96.16),
        ("20230213-4b9ba392", 81.7, 95.9),
        ("20230213-30d5e5ec", 83.77, 96.72),
    ),
    ("small", 12, 16): (
        ("20230213-c95bbae1", 83.12, 96.41),
        ("20230213-d36779d2", 81.87, 95.77),
        ("20230213-ba36c982", 84.74, 97.19),
    ),
    ("small", 12, 8): (
        ("20230213-71886580", 83.97, 96.81),
        ("20230213-9e364ce3", 83.21, 96.41),
        ("20230214-9f2178bc", 85.12, 97.31),
    ),
    ("small", 24, 16): (
        ("20230213-130d7262", 83.7, 96.61),
        ("20230213-40febe38", 82.38, 95.93),
        ("20230213-28fa2d0e", 85.1, 97.32),
    ),
    ("small", 24, 8): (
        ("20230213-f2773c78", 84.68, 97.07),
        ("20230213-280ebcc7", 83.62, 96.51),
        ("20230214-57298eca", 85.57, 97.6),
    ),
    ("medium", 24, 16): (
        ("20230213-aca5cd0c", 84.15, 96.82),
        ("20230213-ad0aa92e", 82.56, 95.82),
        ("20230214-6c23a201", 85.47, 97.49),
    ),
    ("medium", 24, 8): (
        ("20230214-625c953b", 85.0, 97.16),
        ("20230214-c362850b", 83.61, 96.23),
        ("20230214-5db925e0", 85.87, 97.61),
    ),
    ("large", 24, 16): (
        ("20230214-4fea599c", 84.61, 97.07),
        ("20230214-d29d2529", 82.97, 95.86),
        ("20230214-bd515a34", 85.78, 97.6),
    ),
    ("large", 24, 8): (
        ("20230214-8c092b34", 85.14, 97.32),
        ("20230214-08f2f664", 84.23, 96.58),
        ("20230214-9f718b1a", 86.13, 97.75),
    ),
}


def _row(name: str, version: str, top1: float, top5: float) -> Published:
    return mmpretrain(name, top1, top5, f"mmclassification/v0/xcit/{{}}_{version}.pth")


def _entry(arch: str, depth: int, patch_size: int, large: bool) -> Entry:
    embed_dims, num_heads = _WIDTHS[arch]
    name, suffix = f"xcit-{arch}-{depth}-p{patch_size}", "-384px" if large else ""
    taught, alone, at_384 = _PUBLISHED[arch, depth, patch_size]
    rows = {"-dist": at_384} if large else {"-dist": taught, "": alone}
    backbone = dict(type="XCiT", patch_size=patch_size, embed_dims=embed_dims, depth=depth, num_heads=num_heads)
    backbone |= dict(
        layer_scale_init_value=1e-5 if depth == 24 else 1.0, tokens_norm=arch != "nano", out_type="cls_token"
    )
    return Entry(
        name.replace("-", "_") + ("_384" if large else ""),
        backbone,
        linear_head(embed_dims),
        neck=None,
        preprocessing=bicubic(384, None) if large else BICUBIC,
        aliases=(f"{name}_8xb128_in1k{suffix}",),
        published=tuple(_row(f"{name}_3rdparty{kind}_in1k{suffix}", *row) for kind, row in rows.items()),
    )


ENTRIES = tuple(_entry(*variant, large) for variant in _PUBLISHED for large in (False, True))
