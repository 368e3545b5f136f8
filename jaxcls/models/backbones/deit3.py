"""DeiT III (Touvron et al. 2022, arXiv:2204.07118); mmpretrain/models/backbones/deit3.py."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from jaxcls.models.backbones.base import Config, architectures
from jaxcls.models.backbones.vision_transformer import VisionTransformer

_ARCHITECTURES = architectures(
    ("embed_dims", "num_layers", "num_heads", "feedforward_channels"),
    {
        ("s", "small"): (384, 12, 6, 1536),
        ("m", "medium"): (512, 12, 8, 2048),
        ("b", "base"): (768, 12, 12, 3072),
        ("l", "large"): (1024, 24, 16, 4096),
        ("h", "huge"): (1280, 32, 16, 5120),
    },
)
_SCALE = 1e-5


class DeiT3(VisionTransformer):
    """As `VisionTransformer`: factors on the layers' parts, a class token without a position, and its output alone.

    As in the original, the first norm of a layer stands before its feed-forward part too; the second is not used.

    Attributes:
        arch: s(mall), m(edium), b(ase), l(arge), h(uge), or a dict of embed_dims, num_layers, num_heads,
            feedforward_channels.
        use_layer_scale: whether there are factors on the layers' parts; they start at 1e-5.
    """

    out_type: str | None = "cls_token"
    class_position: bool = False
    use_layer_scale: bool = True

    architectures: ClassVar[Mapping[str, Config]] = _ARCHITECTURES

    @property
    def layer_arguments(self) -> Mapping[str, Any]:
        """Arguments of the layers."""
        scale = _SCALE if self.use_layer_scale else 0.0
        return {**super().layer_arguments, "layer_scale_init_value": scale, "shared_norm": True}
