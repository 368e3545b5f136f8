import numpy as np
import pytest

from jaxcls.builder import plain
from jaxcls.errors import UserError
from jaxcls.inspect import tuning
from jaxcls.inspect.folds import fold_of
from jaxcls.inspect.tuning import Tuning, _rungs, _scaled, parsed
from tests.engine import tiny


def test_rungs():
    assert _rungs(9, 3, 27) == [(9, 3), (3, 9), (1, 27)]
    assert _rungs(9, 3, 4) == [(9, 1), (3, 4)]
    assert _rungs(5, 2, 100) == [(5, 25), (2, 50), (1, 100)]
    assert _rungs(1, 3, 10) == [(1, 10)]


def test_schedules_are_shortened():
    assert _scaled((30, 60, 90), 0.1) == (3, 6, 9)
    assert _scaled(500, 0.01) == 5
    assert _scaled(3, 0.01) == 1
    assert _scaled(0.1, 0.01) == 0.1


def test_what_is_drawn():
    rng = np.random.default_rng(0)
    drawn = np.array([float(parsed("optimizer.lr=1e-4..1e-2")(rng).text) for _ in range(2000)])
    assert 1e-4 <= drawn.min() < 1.1e-4
    assert 0.9e-2 < drawn.max() <= 1e-2
    assert np.mean(drawn < 1e-3) == pytest.approx(0.5, abs=0.04)
    texts = {parsed("a.b=[1, 'x', None]")(rng).text for _ in range(50)}
    assert texts == {"1", "x", "None"}
    for wrong in ("lr", "lr=1", "lr=[]", "lr=a..b"):
        with pytest.raises(UserError, match=r"expected KEY=LOW\.\.HIGH or KEY="):
            parsed(wrong)


def test_folds_leave_validation_data_alone():
    config = tiny.config()
    one, other = (fold_of(config, fold, 4) for fold in (0, 1))
    assert one["data"]["train"]["dataset"]["split"] == one["data"]["val"]["dataset"]["split"] == "train[:256]"
    assert one["data"]["val"]["test_mode"]
    assert (one["data"]["val"]["fold"], other["data"]["val"]["fold"]) == (0, 1)
    assert one["data"]["val"]["pipeline"] == plain(config)["data"]["val"]["pipeline"]
    with pytest.raises(UserError, match="fold=4, num_splits=4; expected"):
        fold_of(config, 4, 4)


def test_the_best_go_on_and_what_is_done_is_not_done_again(tmp_path, monkeypatch):
    """With trainings that give the rate as their score."""
    trained = []

    def train(self, trial, workdir, length):
        trained.append((trial.index, length))
        rate = self._changed(trial, length)["optimizer"]["lr"]
        trial.scores.append(rate if trial.index != 2 else float("nan"))

    monkeypatch.setattr(Tuning, "_train", train)
    search = [parsed("optimizer.lr=1e-3..1e-1"), parsed("model.train_cfg=[None]")]
    made = Tuning(tiny.config(), tmp_path, search, count=9, eta=3, length=18)
    rates = [made._changed(trial, 2)["optimizer"]["lr"] for trial in made.trials]
    assert made.trials[0].flags == ""
    assert made.trials[1].flags == f"--config.optimizer.lr={rates[1]:.3g} --config.model.train_cfg=None"
    order = [index for index in np.argsort(-np.array(rates)) if index != 2]
    made.run()
    assert trained == [*((i, 2) for i in range(9)), *((i, 6) for i in order[:3]), (order[0], 18)]
    assert [trial.index for trial in made.trials[:2]] == order[:2]
    assert made.trials[-1].index == 2


def test_mistakes_are_said_before_anything_is_trained(tmp_path):
    with pytest.raises(UserError, match="no argument 'lrr'"):
        Tuning(tiny.config(), tmp_path, [parsed("optimizer.lrr=1..2")])
    with pytest.raises(UserError, match="--eta: 1"):
        Tuning(tiny.config(), tmp_path, eta=1)
    assert len(tuning.usual(tiny.config())) == 3
