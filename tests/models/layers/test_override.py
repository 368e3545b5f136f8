from __future__ import annotations

import pytest

from jaxcls.errors import UserError
from jaxcls.models.layers import FFN, for_each, override


def test_the_config_wins():
    layer = override(FFN, {"ffn_drop": 0.5}, "ffn_cfgs", feedforward_channels=8, ffn_drop=0.1)
    assert layer == FFN(8, ffn_drop=0.5)


@pytest.mark.parametrize("key", ["ffn_dorp", "name", "parent"])
def test_unknown_arguments(key):
    with pytest.raises(UserError, match=f"ffn_cfgs: FFN has no argument '{key}'.*ffn_drop"):
        override(FFN, {key: 0.5}, "ffn_cfgs", feedforward_channels=8)


def test_one_config_for_each_layer_or_for_all():
    assert for_each({"a": 1}, 3, "layer_cfgs") == ({"a": 1},) * 3
    assert for_each(({"a": 1}, {}), 2, "layer_cfgs") == ({"a": 1}, {})
    with pytest.raises(UserError, match="layer_cfgs: 1 configs for 2"):
        for_each(({},), 2, "layer_cfgs")
