from __future__ import annotations

import json
from types import SimpleNamespace

import pytest

from jaxcls.engine.hooks import ProfilerHook
from jaxcls.errors import UserError
from tests.engine.tiny import train


def test_chosen_iterations_are_traced(tmp_path):
    path = tmp_path / "trace.json"
    chosen = {"by_epoch": False, "start": 2, "profile_iters": 3, "json_trace_path": str(path)}
    train(
        tmp_path / "work",
        {"type": "ProfilerHook", **chosen},
        runner={"max_epochs": 1},
        evaluation={"interval": 9},
    )
    assert list((tmp_path / "work" / "tf_tracing_logs").glob("plugins/profile/*/*.xplane.pb"))
    events = json.loads(path.read_text())["traceEvents"]
    steps = [event for event in events if event.get("name") == "train"]
    assert sorted(int(event["args"]["step_num"]) for event in steps) == [2, 3, 4]
    assert len(events) > 100  # what the devices did in them


def test_chosen_epochs_are_traced(tmp_path):
    path = tmp_path / "trace.json"
    train(tmp_path / "work", {"type": "ProfilerHook", "profile_iters": 1, "json_trace_path": str(path)})
    steps = [event for event in json.loads(path.read_text())["traceEvents"] if event.get("name") == "train"]
    assert sorted(int(event["args"]["step_num"]) for event in steps) == list(range(8))  # of sixteen


def fake(**attributes):
    return SimpleNamespace(**{"by_epoch": True, "epoch": 0, "iter": 0, "max_epochs": 2, "max_iters": 16, **attributes})


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"start": 1, "profile_iters": 2}, "start=1 and profile_iters=2 go beyond the 2 epochs of this run"),
        ({"by_epoch": False, "profile_iters": 17}, "go beyond the 16 iterations"),
    ],
)
def test_more_than_there_is(arguments, message):
    with pytest.raises(UserError, match=message):
        ProfilerHook(**arguments).check(fake())


def test_what_a_continuation_has_left():
    ProfilerHook(start=0, profile_iters=1).check(fake(epoch=1))
    with pytest.raises(UserError, match="go beyond the 1 epochs of this run"):
        ProfilerHook(start=1, profile_iters=1).check(fake(epoch=1))


def test_messages():
    with pytest.raises(UserError, match="profile_iters=0, start=0"):
        ProfilerHook(profile_iters=0)
    runner = fake()
    runner.by_epoch = False
    with pytest.raises(UserError, match="the runner counts iterations; give by_epoch=False"):
        ProfilerHook().check(runner)
