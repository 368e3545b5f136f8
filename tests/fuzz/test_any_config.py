"""Configs with mistakes in them are refused, or all that they ask for is there; nothing else happens."""

from __future__ import annotations

import copy

import jax
import jax.numpy as jnp
import pytest
from hypothesis import given
from hypothesis import strategies as st

from configs import convnext, mobilenet_v2, vit
from jaxcls.config import complete
from jaxcls.engine.assembly import build_runner
from jaxcls.engine.network import Network
from tests.engine import tiny
from tests.fuzz.mutations import attempt, examples

BASES = [tiny.config({"type": "PreciseBNHook"}, ema={"momentum": 0.1}, data={**tiny.config()["data"], "tta": {}})]
BASES += [module.get_config("digits").to_dict() for module in (convnext, mobilenet_v2, vit)]

scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-2, 40),
    st.floats(),
    st.sampled_from(["", "SGD", "digits", "train", "GlobalAveragePooling", "step", "LN", "a.b:C", "nowhere", "1", "é"]),
    st.text(max_size=4),
)
keys = st.sampled_from(["type", "lr", "depth", "size", "policy", "interval", "num_classes", "by_epoch", "prob", "x"])
values = st.recursive(
    scalars,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(keys, inner, max_size=3)),
    max_leaves=5,
)


def places(node, path=()):
    """The paths of all parts of a config."""
    pairs = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list | tuple) else ()
    for key, part in pairs:
        yield (*path, key)
        yield from places(part, (*path, key))


def thawed(node):
    if isinstance(node, dict):
        return {key: thawed(part) for key, part in node.items()}
    return [thawed(part) for part in node] if isinstance(node, list | tuple) else node


@st.composite
def changed(draw):
    """A config that works, with up to three changes."""
    config = thawed(copy.deepcopy(draw(st.sampled_from(BASES))))
    for _ in range(draw(st.integers(1, 3))):
        *path, last = draw(st.sampled_from(list(places(config))))
        node = config
        for key in path:
            node = node[key]
        match draw(st.sampled_from(("replace", "replace", "remove", "rename", "add", "exchange"))):
            case "replace":
                node[last] = draw(values)
            case "remove":
                del node[last]
            case "rename" if isinstance(node, dict):
                node[str(last)[:-1] + draw(st.sampled_from("xs_"))] = node.pop(last)
            case "add" if isinstance(node, dict):
                node[draw(keys)] = draw(values)
            case "exchange":
                other = config
                for key in draw(st.sampled_from(list(places(config)))):
                    other = other[key]
                node[last] = copy.deepcopy(other)
    return config


@pytest.fixture(scope="module")
def zeros():
    """Networks begin with zeros, which compiles nothing."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            Network, "init", lambda self, key: jax.tree.map(lambda leaf: jnp.zeros(leaf.shape, leaf.dtype), self.shapes)
        )
        yield


def test_any_config(zeros, tmp_path):
    @examples(25)
    @given(changed())
    def build(config):
        whole, refusal = attempt(lambda: complete(config))
        if refusal:
            return
        made, refusal = attempt(lambda: build_runner(whole, tmp_path, validate=True))
        if made is not None:
            for loader in made[1].values():
                loader.close()

    build()
    assert not any(tmp_path.iterdir())
