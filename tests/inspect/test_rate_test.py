import numpy as np
import pytest

from jaxcls.errors import UserError
from jaxcls.inspect.rate_test import found, smooth


def test_averages_are_of_what_was_seen():
    np.testing.assert_allclose(smooth(np.full(5, 3.0)), 3.0)
    np.testing.assert_allclose(smooth(np.array([1.0, 2.0])), [1.0, (0.95 * 0.05 * 1 + 0.05 * 2) / (1 - 0.95**2)])


def test_rates_of_a_known_curve():
    lr = np.geomspace(1e-5, 1e1, 600)
    loss = 2 - 1 / (1 + np.exp(-4 * np.log10(lr / 1e-2))) + np.maximum(0, lr - 0.5) ** 2
    test = found(lr, loss)
    # the average is late by about 1 / (1 - 0.95) = 20 iterations
    late = (lr[1] / lr[0]) ** 20
    assert test.steepest / late == pytest.approx(1e-2, rel=0.2)
    assert 0.05 < 10 * test.tenth < 2


def test_what_is_not_finite_is_left_out():
    lr = np.geomspace(1e-3, 1, 40)
    loss = np.linspace(3, 1, 40)
    loss[30:] = np.nan
    assert len(found(lr, loss).lr) == 30
    loss[5:] = np.inf
    with pytest.raises(UserError, match="not finite after 5 iterations; give a smaller --start_lr"):
        found(lr, loss)
