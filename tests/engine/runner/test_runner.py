from __future__ import annotations

import json

import numpy as np
import pytest

from jaxcls.engine.hooks import Hook, TextLoggerHook
from jaxcls.engine.hooks.hook import PRIORITIES, STAGES
from jaxcls.engine.log import get_logger
from jaxcls.engine.runner import EpochBasedRunner, IterBasedRunner
from jaxcls.engine.runner.hook_list import HookList
from jaxcls.errors import UserError


class Counting:
    """A loader of `length` batches an epoch."""

    def __init__(self, length):
        self.length = length

    def __len__(self):
        return self.length

    def iterate(self, start=0):
        yield from ({"mask": np.ones(4)} for _ in range(10**6 if start is not None and self.endless else self.length))

    endless = False


class Training(Counting):
    endless = True


class State:
    variables = raw_variables = None
    skipped_updates = 0


def runner_for(tmp_path, max_epochs=2, kind=EpochBasedRunner, **kwargs):
    return kind(
        lambda state, batch, key: (state, {"loss": np.float32(1.0)}),
        lambda variables, batch: (None, {"loss": np.float32(2.0)}),
        State(),
        None,
        schedule=lambda step: 0.1 / (1 + step),
        length=max_epochs,
        batch_size=4,
        work_dir=tmp_path,
        **kwargs,
    )


class Recorder(Hook):
    def __init__(self, name, calls):
        self.name, self.calls = name, calls


for _stage in STAGES:

    def _record(self, runner, stage=_stage):
        place = [runner.mode, runner.epoch, runner.iter, runner.inner_iter]
        self.calls.append([stage, self.name, *place])

    setattr(Recorder, _stage, _record)


def test_every_call_comes_in_the_originals_order(golden, tmp_path):
    runs = json.loads((golden / "semantics" / "hook_order.json").read_text())
    assert len(runs) == 2
    for run in runs:
        runner, calls = runner_for(tmp_path, run["max_epochs"]), []
        for name, priority in run["registered"]:
            runner.register_hook(Recorder(name, calls), priority)
        loaders = {"train": Training(run["train_iters"]), "val": Counting(run["val_iters"])}
        runner.run(loaders, run["workflow"])
        assert calls == run["calls"]


class Epochs(Hook):
    """What mmcv/runner/iter_based_runner.py calls around the whole of a run."""

    def __init__(self):
        self.calls = []

    def before_epoch(self, runner):
        self.calls.append(("before", runner.iter))

    def after_epoch(self, runner):
        self.calls.append(("after", runner.iter))


def test_a_run_by_iterations_is_one_epoch(tmp_path):
    runner, hook = runner_for(tmp_path, 3, IterBasedRunner), Epochs()
    runner.register_hook(hook)
    runner.run({"train": Training(4)})
    assert hook.calls == [("before", 0), ("after", 3)]


class Failing(Hook):
    """Notes what `after_run` sees, and fails at a stage."""

    def __init__(self, stage=None, error=None):
        self.seen = []
        if stage:
            setattr(self, stage, self._fail)
        self.error = error or ValueError("a bug")

    def _fail(self, runner):
        raise self.error

    def after_run(self, runner):
        self.seen.append((runner.mode, runner.failure))


@pytest.mark.parametrize("stage", [stage for stage in STAGES if stage != "after_run"])
def test_after_run_is_called_whatever_ends_the_run(tmp_path, stage):
    runner, hooks = runner_for(tmp_path), [Failing(), Failing(stage), Failing()]
    for hook in hooks:
        runner.register_hook(hook)
    with pytest.raises(ValueError, match="a bug") as raised:
        runner.run({"train": Training(2), "val": Counting(2)}, [("train", 1), ("val", 1)])
    begun = hooks[:1] if stage == "before_run" else hooks
    assert [hook.seen for hook in hooks] == [[(None, raised.value)] if hook in begun else [] for hook in hooks]


def test_one_after_run_that_fails_spares_the_others(tmp_path, caplog, monkeypatch):
    monkeypatch.setattr(get_logger(), "propagate", True)
    bugs = ValueError("first"), ValueError("second")
    runner, last = runner_for(tmp_path), Failing()
    for hook in (Failing("after_run", bugs[0]), Failing("after_run", bugs[1]), last):
        runner.register_hook(hook)
    with pytest.raises(ValueError, match="first"):
        runner.run({"train": Training(2)})
    assert last.seen == [(None, bugs[0])]
    assert "Failing.after_run failed, too: second" in caplog.text


def test_priorities():
    assert tuple(PRIORITIES.values()) == (0, 10, 30, 40, 50, 60, 70, 90, 100)  # mmcv's
    runner = runner_for("unused")
    for name, priority in (("a", "LOW"), ("b", 50), ("c", "normal"), ("d", 0), ("e", "LOWEST")):
        runner.register_hook(Recorder(name, []), priority)
    assert [hook.name for hook in runner.hooks] == ["d", "b", "c", "a", "e"]
    with pytest.raises(UserError, match="priority: 'LOOW'; did you mean 'LOW"):
        runner.register_hook(Hook(), "LOOW")
    with pytest.raises(UserError, match="priority: 101; allowed: 0 to 100"):
        runner.register_hook(Hook(), 101)


def test_hooks_of_the_users_own(tmp_path):
    runner = runner_for(tmp_path)
    runner.register_hook_from_cfg(
        {"type": "tests.engine.runner.test_runner:Recorder", "name": "x", "calls": [], "priority": 7}
    )
    assert (type(runner.hooks[0]).__name__, runner.hooks[0].priority) == ("Recorder", 7)
    with pytest.raises(UserError, match=r"custom_hooks: 'ChekpointHook' is not in .*did you mean 'CheckpointHook'"):
        runner.register_hook_from_cfg({"type": "ChekpointHook"})


class Generic(Hook):
    def after_iter(self, runner):
        pass


class Keeping(Hook):
    def __init__(self, kept=None):
        self.kept = kept

    def state(self):
        return {"kept": self.kept} if self.kept else {}

    def restore(self, state):
        self.kept = state["kept"]


def test_states_of_hooks_have_their_types_names_and_a_number_from_the_second_on():
    before, after = HookList(), HookList()
    for kept in (1, None, 3):
        before.add(Keeping(kept))
        after.add(Keeping())
    assert before.state() == {"Keeping": {"kept": 1}, "Keeping-3": {"kept": 3}}
    after.restore(before.state())
    assert [hook.kept for hook in after] == [1, None, 3]


@pytest.mark.parametrize(("intervals", "due"), [([3], [3, 6, 7]), ([2, 3], [2, 3, 4, 6, 7]), ([], [7])])
def test_iterations_after_which_a_logger_reads(tmp_path, intervals, due):
    runner = runner_for(tmp_path)
    runner.log_intervals, runner.iters_per_epoch, found = intervals, 7, []
    for runner.inner_iter in range(7):
        found += [runner.inner_iter + 1] * runner.log_is_due
    assert found == due


def test_table_of_hooks():
    runner = runner_for("unused")
    runner.register_hook(Generic(), "LOW")
    runner.register_hook(TextLoggerHook(), "VERY_LOW")
    table = runner.hooks.table().splitlines()
    assert table[table.index("after_train_iter:") + 1].rstrip() == "(LOW         ) Generic"
    assert table[table.index("after_train_iter:") + 2].rstrip() == "(VERY_LOW    ) TextLoggerHook"
    assert "after_val_iter:" in table
    assert "after_run:" not in table


def test_bad_workflows(tmp_path):
    with pytest.raises(UserError, match="workflow: 'test'"):
        runner_for(tmp_path).run({"train": Training(1)}, [("test", 1)])
    with pytest.raises(UserError, match=r"workflow: 'val'; there are loaders for train; it needs data\.val"):
        runner_for(tmp_path).run({"train": Training(1)}, [("train", 1), ("val", 1)])
    with pytest.raises(UserError, match="no part trains"):
        runner_for(tmp_path).run({"train": Training(1), "val": Counting(1)}, [("val", 1)])
