"""What a source's networks are built with: the same weights in a network that is built otherwise give other logits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from flax import linen as nn

from jaxcls.models.layers import build_norm

# Keys of a backbone's config (`norm_cfg.eps` is that of its norms) -> a value.
Built = Mapping[str, Any]


def norms(eps: float, **others: Any) -> tuple[Built]:
    """One way: norms with that epsilon."""
    return ({"norm_cfg.eps": eps, **others},)


# TensorFlow's EfficientNets, whose convolutions pad at the end.
LIKE_TENSORFLOW = norms(1e-3, **{"conv_cfg.type": "Conv2dAdaptivePadding"})
# Those that were trained in PyTorch.
LIKE_PYTORCH = norms(1e-5, conv_cfg=None)


def differences(backbone: nn.Module, ways: Sequence[Built]) -> list[str]:
    """How a backbone differs from the way that is closest to it: layer, both values, the key to set."""
    found = [[_difference(backbone, key, value) for key, value in way.items()] for way in ways]
    return min(([text for text in texts if text] for texts in found), key=len, default=[])


def _difference(backbone: nn.Module, key: str, there: Any) -> str | None:
    if key == "norm_cfg.eps":
        return _eps(getattr(backbone, "norm_cfg", None), there)
    name, _, inner = key.partition(".")
    here = getattr(backbone, name, None)
    if inner:
        here = here.get(inner) if isinstance(here, Mapping) else None
    if here == there:
        return None
    here = dict(here) if isinstance(here, Mapping) else here
    value = f"dict({inner}={there!r})" if inner and there is not None else repr(there)
    what = "the convolutions' padding" if name == "conv_cfg" else name
    return f"{what}: {there!r} there, {here!r} here: set model.backbone.{name}={value}"


def _eps(norm_cfg: Any, there: float) -> str | None:
    if not isinstance(norm_cfg, Mapping):
        return None
    norm = build_norm(norm_cfg)
    here = norm.eps  # type: ignore[attr-defined]
    if here == there:
        return None
    given = ", ".join(f"{key}={value!r}" for key, value in {**norm_cfg, "eps": there}.items())
    return f"{type(norm).__name__}: eps={there} there, {here} here: set model.backbone.norm_cfg=dict({given})"
