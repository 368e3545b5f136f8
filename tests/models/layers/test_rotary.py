"""Rotary positions against their definition, and what a state dict has of them."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np

from jaxcls.convert import convert_state_dict, export_state_dict
from jaxcls.models.layers.rotary import rotary_tables, rotate
from tests.models.families import classifier, images
from tests.models.filled import filled


def test_pairs_are_turned_by_their_places_angles():
    x = np.random.default_rng(0).standard_normal((2, 1 + 2 * 3, 2, 8)).astype(np.float32)
    turned = np.asarray(rotate(jnp.asarray(x), rotary_tables(2, 3, 8)))
    assert np.array_equal(turned[:, 0], x[:, 0])  # the class token
    pairs, found = (a[:, 1:, :, 0::2] + 1j * a[:, 1:, :, 1::2] for a in (x, turned))
    for place in range(6):
        row, column = place // 3 / 2 * 4, place % 3 / 3 * 4
        # cosines and sines of an axis lie as (f0, f1, f0, f1), and the first of a pair turns the first value
        cos, sin = (
            f([row, row / 100, row, row / 100, column, column / 100, column, column / 100]) for f in (np.cos, np.sin)
        )
        first, second = pairs[:, place].real, pairs[:, place].imag
        expected = first * cos[0::2] - second * sin[0::2] + 1j * (second * cos[1::2] + first * sin[1::2])
        np.testing.assert_allclose(found[:, place], expected, atol=1e-5)


def test_the_papers_tables():
    x = np.random.default_rng(0).standard_normal((1, 2 * 4, 1, 8)).astype(np.float32)
    turned = np.asarray(rotate(jnp.asarray(x), rotary_tables(2, 4, 8, reference=16)))
    pairs, found = (a[0, :, 0, 0::2] + 1j * a[0, :, 0, 1::2] for a in (x, turned))
    for place in range(8):
        row, column = place // 4 / 2 * 16, place % 4 / 4 * 16
        angles = np.array([row, row / 100, column, column / 100])
        np.testing.assert_allclose(found[place], pairs[place] * np.exp(1j * angles), atol=1e-5)


def test_tables_of_a_state_dict_are_used():
    made, data = classifier("ViTEVA02"), images("ViTEVA02", 2)
    state_dict = export_state_dict(made, filled(made, data))
    computed = dict(zip(("freqs_cos", "freqs_sin"), rotary_tables(4, 4, 8), strict=True))

    def logits(factor):
        """With the tables times a factor, under all the names that they have in the original."""
        names = ("rope", "layers.0.attn.rope", "layers.1.attn.rope")
        tables = {f"backbone.{at}.{name}": factor * table for at in names for name, table in computed.items()}
        return made.apply(convert_state_dict(made, state_dict | tables, data.shape[1:]), data)

    expected = made.apply(convert_state_dict(made, state_dict, data.shape[1:]), data)
    np.testing.assert_allclose(logits(1.0), expected, atol=1e-5)
    assert np.abs(logits(0.5) - expected).max() > 1e-3
    assert jax.tree.leaves(convert_state_dict(made, state_dict, data.shape[1:]).get("buffers", {})) == []
