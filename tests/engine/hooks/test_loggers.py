"""TensorBoard is read back by its own reader; Weights & Biases and MLflow are stand-ins that note their calls."""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
from collections import defaultdict
from types import SimpleNamespace

import numpy as np
import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from jaxcls.engine.hooks import Hook, MlflowLoggerHook, WandbLoggerHook
from jaxcls.engine.runner.interruption import Interrupted
from jaxcls.errors import UserError
from tests.engine.tiny import train


class Wandb:
    """A stand-in for the package `wandb`."""

    def __init__(self):
        self.started, self.lines, self.metrics, self.artifacts = [], [], {}, []
        self.exit_codes = []

    def init(self, **arguments):
        self.started.append(arguments)
        return SimpleNamespace(
            id="run7",
            define_metric=lambda name, summary: self.metrics.update({name: summary}),
            log=lambda tags, **where: self.lines.append((where, tags)),
            log_artifact=self.artifacts.append,
            finish=self.finish,
        )

    def finish(self, exit_code=0):
        self.exit_codes.append(exit_code)

    class Artifact:
        def __init__(self, name, type):
            self.name, self.files = name, []

        def add_file(self, path):
            self.files.append(path)


class Mlflow:
    """A stand-in for the package `mlflow`."""

    def __init__(self):
        self.experiment, self.started, self.tags, self.params = None, [], {}, {}
        self.lines, self.artifacts, self.statuses = [], [], []

    def set_experiment(self, name):
        self.experiment = name

    def start_run(self, run_id):
        self.started.append(run_id)
        return SimpleNamespace(info=SimpleNamespace(run_id="run8"))

    def set_tags(self, tags):
        self.tags.update(tags)

    def log_params(self, params):
        self.params.update(params)

    def log_metrics(self, tags, step):
        self.lines.append((step, tags))

    def log_artifacts(self, folder, artifact_path):
        self.artifacts.append((folder, artifact_path))

    def end_run(self, status="FINISHED"):
        self.statuses.append(status)


LOGGERS = (
    {"type": "TensorboardLoggerHook"},
    {
        "type": "WandbLoggerHook",
        "init_kwargs": {"project": "digits"},
        "define_metric_cfg": {"val/accuracy_top-1": "max"},
    },
    {"type": "WandbLoggerHook", "with_step": False, "log_artifact": False, "commit": False},
    {"type": "MlflowLoggerHook", "exp_name": "digits", "tags": {"a": "b"}, "params": {"lr": 0.02}},
)


EVALUATION = {
    "metric": ["accuracy", "recall", "class_accuracy", "confusion_matrix"],
    "metric_options": {"average_mode": "none"},
    "save_best": "class_accuracy/3",
}


def read_events(workdir):
    """Tag -> {step: value}, as TensorBoard shows them."""
    events = EventAccumulator(str(workdir / "tf_logs"))
    events.Reload()
    found = {tag: [(event.step, event.value) for event in events.Scalars(tag)] for tag in events.Tags()["scalars"]}
    assert all(len(dict(pairs)) == len(pairs) for tag, pairs in found.items() if "/" in tag)
    return {tag: dict(pairs) for tag, pairs in found.items()}


def read_lines(workdir):
    (path,) = workdir.glob("*.log.json")
    return [line for line in map(json.loads, path.read_text().splitlines()) if "epoch" in line]


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A training of two epochs, and the same one stopped after the first and continued."""
    workdir = tmp_path_factory.mktemp("loggers") / "work"
    wandb, mlflow = Wandb(), Mlflow()
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, "wandb", wandb)
        patch.setitem(sys.modules, "mlflow", mlflow)
        whole = train(workdir, loggers=LOGGERS, evaluation=EVALUATION)
        lines, events = read_lines(workdir), read_events(workdir)
        counts = len(wandb.lines), len(mlflow.lines)
        shutil.rmtree(workdir / "checkpoints" / "2")
        continued = train(workdir, loggers=LOGGERS, evaluation=EVALUATION, resume=True)
    return SimpleNamespace(
        workdir=workdir, wandb=wandb, mlflow=mlflow, lines=lines, events=events, counts=counts, runs=(whole, continued)
    )


def test_tensorboard_has_the_originals_tags_and_steps(trained):
    events, lines = trained.events, trained.lines
    assert list(events["train/loss"]) == [3, 6, 11, 14]
    assert list(events["val/accuracy_top-1"]) == [9, 17]  # one on from an epoch's last iteration
    assert {"val/accuracy_top-5", "learning_rate", "momentum"} <= events.keys()
    np.testing.assert_allclose(list(events["momentum"].values()), 0.9, rtol=1e-6)
    assert not {tag for tag in events if "time" in tag or "eval_iter_num" in tag}
    losses = [line["loss"] for line in lines if line["mode"] == "train"]
    np.testing.assert_allclose(list(events["train/loss"].values()), losses, atol=1e-5)
    accuracies = [line["accuracy_top-1"] for line in lines if line["mode"] == "val"]
    np.testing.assert_allclose(list(events["val/accuracy_top-1"].values()), accuracies, atol=1e-5)


def test_numbers_of_each_class_reach_every_logger(trained):
    line = trained.lines[-1]
    assert np.shape(line["confusion_matrix"]) == (10, 10)
    assert sum(map(sum, line["confusion_matrix"])) == 64
    assert line["recall"] == [line[f"class_accuracy/{i}"] for i in range(10)]
    assert trained.runs[0].checkpoints.best["metric"] == "class_accuracy/3"
    tags = {f"val/{name}/{i}" for name in ("recall", "class_accuracy") for i in range(10)}
    for logged in (trained.events, trained.wandb.lines[4][1], trained.mlflow.lines[2][1]):
        assert {tag for tag in logged if tag.count("/") == 2} == tags
        assert not any("confusion_matrix" in tag for tag in logged)
    np.testing.assert_allclose(trained.mlflow.lines[-1][1]["val/recall/7"], line["recall"][7], atol=1e-5)
    text = next(trained.workdir.glob("*.log")).read_text()
    assert "recall: [" in text
    assert "class_accuracy/3: " in text
    assert "confusion_matrix: 10 x 10, loss: " in text


def test_tensorboard_of_a_continued_run_shows_each_step_once(trained):
    assert len(list((trained.workdir / "tf_logs").iterdir())) == 2
    assert read_events(trained.workdir) == trained.events


def test_wandb(trained):
    wandb = trained.wandb
    first, plain, second, _ = wandb.started
    assert first == {"dir": str(trained.workdir), "project": "digits"}
    assert plain == {"dir": str(trained.workdir)}
    assert second == {**first, "id": "run7", "resume": "allow"}
    assert wandb.metrics == {"val/accuracy_top-1": "max"}
    with_step, without = wandb.lines[: trained.counts[0] : 2], wandb.lines[1 : trained.counts[0] : 2]
    assert [where for where, _ in with_step] == [{"step": step} for step in (3, 6, 9, 11, 14, 17)]
    assert [where for where, _ in without] == [{"commit": False}] * 6
    assert [tags for _, tags in without] == [{**tags, "global_step": where["step"]} for where, tags in with_step]
    assert with_step[0][1]["train/loss"] == pytest.approx(trained.events["train/loss"][3])
    names = [sorted(path.rsplit(".", 1)[-1] for path in artifact.files) for artifact in wandb.artifacts]
    assert names == [["json", "json", "log"]] * 2
    assert wandb.exit_codes == [0] * 4


def test_mlflow(trained):
    mlflow = trained.mlflow
    assert (mlflow.experiment, mlflow.tags, mlflow.params) == ("digits", {"a": "b"}, {"lr": 0.02})
    assert mlflow.started == [None, "run8"]
    assert [step for step, _ in mlflow.lines[: trained.counts[1]]] == [3, 6, 9, 11, 14, 17]
    assert mlflow.lines[trained.counts[1] :] == mlflow.lines[2 : trained.counts[1]]  # to the bit
    assert mlflow.artifacts == [(str(trained.workdir / "checkpoints" / "2"), "models/2")] * 2
    assert mlflow.statuses == ["FINISHED"] * 2


class Ending(Hook):
    """Ends a run at its fourth iteration."""

    def __init__(self, kind):
        self.kind = kind

    def after_train_iter(self, runner):
        if runner.iter == 3:
            if self.kind == "signal":
                os.kill(os.getpid(), signal.SIGTERM)
            else:
                raise ValueError("a bug")


@pytest.mark.parametrize(
    ("kind", "status", "raised"), [("signal", "KILLED", Interrupted), ("error", "FAILED", ValueError)]
)
def test_trackers_hear_how_a_run_ends(tmp_path, monkeypatch, kind, status, raised):
    wandb, mlflow = Wandb(), Mlflow()
    monkeypatch.setitem(sys.modules, "wandb", wandb)
    monkeypatch.setitem(sys.modules, "mlflow", mlflow)
    with pytest.raises(raised):
        train(tmp_path, {"type": f"{__name__}:Ending", "kind": kind}, loggers=LOGGERS)
    assert (mlflow.statuses, mlflow.artifacts) == ([status], [])
    assert (wandb.exit_codes, wandb.artifacts) == ([1, 1], [])
    assert list(read_events(tmp_path)["train/loss"]) == [3]


def test_the_json_log_reads_as_the_originals_tools_read_it(trained):
    for lines in (trained.lines, read_lines(trained.workdir)):
        log = {}
        for line in lines:
            epoch = log.setdefault(line["epoch"], defaultdict(list))
            for name, value in line.items():
                epoch[name].append(value)
        assert list(log) == [1, 2]
        for epoch in log.values():
            assert epoch["mode"] == ["train", "train", "val"]
            assert epoch["iter"][:-1] == [3, 6]
            assert len(epoch["accuracy_top-1"]) == 1
            assert len(epoch["loss"][:2]) == 2
        # one row an epoch, as long as the others, for the mean over each
        assert np.array([epoch["time"] for epoch in log.values()]).shape == (2, 2)


@pytest.mark.parametrize(("hook", "package"), [(WandbLoggerHook, "wandb"), (MlflowLoggerHook, "mlflow")])
def test_a_package_that_is_not_there(hook, package, monkeypatch):
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(
        UserError, match=rf"{hook.__name__} needs the package {package}.*pip install 'jaxcls\[{package}\]'"
    ):
        hook()


def test_another_summary(monkeypatch):
    monkeypatch.setitem(sys.modules, "wandb", Wandb())
    with pytest.raises(UserError, match="define_metric_cfg: loss='maxx'; did you mean 'max'"):
        WandbLoggerHook(define_metric_cfg={"loss": "maxx"})
