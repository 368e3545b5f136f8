"""A process that trains again and again keeps the programs of none of its trainings."""

from __future__ import annotations

import gc
import weakref

import jax
import jax.numpy as jnp
import pytest

from jaxcls.errors import UserError
from jaxcls.inspect import trainings, tuning
from jaxcls.tools import kfold
from tests.engine import tiny

STEPS = []


@pytest.fixture(autouse=True)
def trainings_of_one_step(monkeypatch):
    """Each jumps over all but what stays: a function that pmap has compiled; then it diverges."""

    def train(*_, **__):
        def step(x):
            return x + len(STEPS)

        jax.pmap(step)(jnp.zeros((1, 1)))
        STEPS.append(weakref.ref(step))
        raise UserError("a loss that is not finite")

    STEPS.clear()
    monkeypatch.setattr(trainings, "train_model", train)


def test_a_trial_leaves_nothing(tmp_path):
    rate = tuning.parsed("optimizer.lr=1e-3..1e-1")
    search = tuning.Tuning(tiny.config(), tmp_path, [rate], count=3, eta=3, length=2)
    for trial in search.trials:
        search._train(trial, tmp_path / str(trial.index), 1)
    gc.collect()
    assert [step() for step in STEPS] == [None] * 3


def test_a_fold_leaves_nothing(tmp_path):
    for _ in range(2):
        with pytest.raises(UserError, match="not finite"):
            kfold.train_folds(tiny.config(), tmp_path, 5, range(5))
    gc.collect()
    assert [step() for step in STEPS] == [None] * 2
