"""BEiT (Bao et al. 2022, arXiv:2106.08254) and BEiT v2 (Peng et al. 2022, arXiv:2208.06366), to classify.

After mmpretrain/models/backbones/beit.py.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any, ClassVar

import jax.numpy as jnp
import numpy as np
from flax import linen as nn
from jax import Array

from jaxcls.errors import UserError
from jaxcls.models.backbones.base import Config
from jaxcls.models.backbones.vision_transformer import VisionTransformer
from jaxcls.models.layers import (
    FFN,
    GELU,
    LN,
    DropPath,
    Linear,
    attention,
    build_norm,
    fit_relative_position_bias_table,
    norm_name,
    override,
    pair,
    residual,
)
from jaxcls.models.layers.attention import split_heads
from jaxcls.models.layers.initializers import Initializer, constant, normal, trunc_normal, xavier

_TABLE = "relative_position_bias_table"
_OF_TOKEN = 3  # rows at the table's end: class token to patch, patch to class token, class token to itself


@functools.cache
def relative_position_index(height: int, width: int) -> np.ndarray:
    """(L, L) for the class token and height * width patches: the table's row for a query and a key."""
    place = np.stack(np.divmod(np.arange(height * width), width))
    rows, columns = place[:, :, None] - place[:, None, :]
    count = (2 * height - 1) * (2 * width - 1)
    index = np.full((height * width + 1,) * 2, count)
    index[1:, 1:] = (rows + height - 1) * (2 * width - 1) + columns + width - 1
    index[1:, 0] = count + 1
    index[0, 0] = count + 2
    return index


class RelativePositionBias(nn.Module):
    """A learnt bias for each relative position of tokens: -> (1, heads, L, L), float32.

    Attributes:
        window_size: patches down and across.
        table_init: the table's initial values.
    """

    window_size: tuple[int, int]
    num_heads: int
    table_init: Initializer = constant(0.0)

    @nn.compact
    def __call__(self) -> Array:
        index = relative_position_index(*self.window_size)
        table = self.param(_TABLE, self.table_init, (index.max() + 1, self.num_heads), jnp.float32)
        return table.astype(jnp.float32)[index].transpose(2, 0, 1)[None]


class BEiTAttention(nn.Module):
    """Self-attention with a bias for each relative position: (N, L, D) -> same.

    Attributes:
        window_size: patches down and across.
        use_rel_pos_bias: a table of its own.
        bias: `qv_bias`: query and value have one, the key has none; else whether all three have one.
        qk_scale: a factor on the logits in place of 1 / sqrt(D / num_heads).
    """

    num_heads: int
    window_size: tuple[int, int]
    use_rel_pos_bias: bool
    bias: bool | str = "qv_bias"
    qk_scale: float | None = None

    @nn.compact
    def __call__(self, x: Array, shared_bias: Array | None = None, train: bool = False) -> Array:
        """Attends; `shared_bias` (1, heads, L, L) is added to the logits."""
        width = x.shape[-1]
        qkv = Linear(3 * width, use_bias=self.bias is True, name="qkv")(x)
        if self.bias == "qv_bias":
            query_bias, value_bias = (
                self.param(name, constant(0.0), (width,), jnp.float32) for name in ("q_bias", "v_bias")
            )
            qkv = qkv + jnp.concatenate([query_bias, jnp.zeros_like(query_bias), value_bias]).astype(qkv.dtype)
        bias = shared_bias
        if self.use_rel_pos_bias:
            table = RelativePositionBias(self.window_size, self.num_heads, trunc_normal(std=0.02))
            nn.share_scope(self, table)
            bias = table() if bias is None else bias + table()
        y = attention(*split_heads(qkv, self.num_heads), bias=bias, scale=self.qk_scale)
        return Linear(width, name="proj")(y.reshape(x.shape))


class BEiTTransformerEncoderLayer(nn.Module):
    """Attention and feed-forward, each after a norm and scaled a channel: (N, L, D) -> same.

    As in the original, the attention has no dropout, and stochastic depth drops the feed-forward part twice.

    Attributes:
        layer_scale_init_value: where the factors start; 0: there are none.
        attn_cfg: arguments of `BEiTAttention` that differ.
        ffn_cfg: arguments of `FFN` that differ.
    """

    num_heads: int
    feedforward_channels: int
    layer_scale_init_value: float
    window_size: tuple[int, int]
    use_rel_pos_bias: bool
    drop_rate: float = 0.0
    drop_path_rate: float = 0.0
    num_fcs: int = 2
    bias: bool | str = "qv_bias"
    act_cfg: Config = GELU
    norm_cfg: Config = LN
    attn_cfg: Config = nn.FrozenDict()
    ffn_cfg: Config = nn.FrozenDict()
    init_cfg: Any = None

    @nn.compact
    def __call__(self, x: Array, train: bool = False, shared_bias: Array | None = None) -> Array:
        """`train`: with dropout and stochastic depth."""
        drop_path = DropPath(self.drop_path_rate)
        y = build_norm(self.norm_cfg, norm_name(self.norm_cfg, 1))(x, train)
        x = residual(x, drop_path(self._scaled(self._attention()(y, shared_bias, train), "gamma_1"), train))
        y = build_norm(self.norm_cfg, norm_name(self.norm_cfg, 2))(x, train)
        y = drop_path(self._ffn()(y, train), train)
        return residual(x, drop_path(self._scaled(y, "gamma_2"), train))

    def _attention(self) -> nn.Module:
        own = {"window_size": self.window_size, "use_rel_pos_bias": self.use_rel_pos_bias, "bias": self.bias}
        return override(BEiTAttention, self.attn_cfg, "attn_cfg", num_heads=self.num_heads, **own, name="attn")

    def _ffn(self) -> nn.Module:
        return override(
            FFN,
            {key: value for key, value in self.ffn_cfg.items() if key != "add_identity"},
            "ffn_cfg",
            feedforward_channels=self.feedforward_channels,
            num_fcs=self.num_fcs,
            act_cfg=self.act_cfg,
            ffn_drop=self.drop_rate,
            kernel_init=xavier(distribution="uniform"),  # in the original too it wins over any init_cfg
            bias_init=normal(std=1e-6),
            name="ffn",
        )

    def _scaled(self, x: Array, name: str) -> Array:
        if self.layer_scale_init_value <= 0:
            return x
        factor = self.param(name, constant(self.layer_scale_init_value), (x.shape[-1],), jnp.float32)
        return x * factor.astype(x.dtype)


class BEiTViT(VisionTransformer):
    """As `VisionTransformer`, with biases for relative positions; images are of `img_size`.

    Attributes:
        bias: `qv_bias`: query and value have one, the key has none; else whether all three have one.
        use_abs_pos_emb: a position embedding.
        use_rel_pos_bias: each layer has its own biases for relative positions.
        use_shared_rel_pos_bias: the layers have them in common.

    Raises:
        UserError: both kinds of biases, or biases without a class token, as in the original.
    """

    bias: bool | str = "qv_bias"
    final_norm: bool = False
    out_type: str | None = "avg_featmap"
    use_abs_pos_emb: bool = False
    use_rel_pos_bias: bool = True
    use_shared_rel_pos_bias: bool = False
    layer_scale_init_value: float = 0.1

    layer_class: ClassVar[type[nn.Module]] = BEiTTransformerEncoderLayer

    def __post_init__(self) -> None:
        if self.use_rel_pos_bias and self.use_shared_rel_pos_bias:
            raise UserError("use_rel_pos_bias and use_shared_rel_pos_bias exclude each other")
        if (self.use_rel_pos_bias or self.use_shared_rel_pos_bias) and not self.with_cls_token:
            raise UserError("with_cls_token=False: the biases for relative positions need the class token")
        if self.bias not in (True, False, "qv_bias"):
            raise UserError(f"bias={self.bias!r}; allowed: True, False, qv_bias")
        super().__post_init__()

    @property
    def window_size(self) -> tuple[int, int]:
        """Patches down and across."""
        return self._patch_embed(parent=None).resolution(pair(self.img_size))

    @property
    def layer_arguments(self) -> Mapping[str, Any]:
        """Arguments of the layers."""
        own = {"window_size": self.window_size, "use_rel_pos_bias": self.use_rel_pos_bias, "bias": self.bias}
        return {"layer_scale_init_value": self.layer_scale_init_value, **own}

    def _placed(self, x: Array, own_size: tuple[int, int], size: tuple[int, int], count: int) -> Array:
        return super()._placed(x, own_size, size, count) if self.use_abs_pos_emb else x

    def _of_all_layers(self, size: tuple[int, int]) -> tuple[Any, ...]:
        if (self.use_rel_pos_bias or self.use_shared_rel_pos_bias) and size != self.window_size:
            own, given = ("x".join(map(str, shape)) for shape in (self.window_size, size))
            raise UserError(f"{type(self).__name__}: images of {given} patches; img_size={self.img_size} has {own}")
        if not self.use_shared_rel_pos_bias:
            return (None,)
        return (RelativePositionBias(self.window_size, self.settings["num_heads"], name="rel_pos_bias")(),)

    @nn.nowrap
    def resize_on_load(self, path: tuple[str, ...], value: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
        """The tables of relative positions are resized too, but for their rows of the class token."""
        if path[-1] != _TABLE or value.ndim != 2 or value.shape == tuple(shape):
            return super().resize_on_load(path, value, shape)
        places = (shape[0] - _OF_TOKEN, shape[1])
        resized = fit_relative_position_bias_table(value[:-_OF_TOKEN], places)
        return np.concatenate([resized, value[-_OF_TOKEN:]])
