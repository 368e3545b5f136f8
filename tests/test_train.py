"""The commands, from flags to files, on the embedded digits."""

from __future__ import annotations

import csv
import json
import shutil

import cv2
import jax
import numpy as np
import pytest

import jaxcls
from jaxcls import command
from jaxcls.config import load_config
from jaxcls.engine.checkpoints.storage import numbered, restore_checkpoint
from jaxcls.errors import UserError
from jaxcls.results import rounded
from tests import commands, recipe
from tests.engine import tiny


def small_config(**changes):
    """The recipe with some keys changed, `__` between the levels."""
    config = recipe.get_config()
    change(config, changes)
    return config


def change(config, changes):
    for path, value in changes.items():
        *parents, last = path.split("__")
        node = config
        for parent in parents:
            node = node[parent]
        with node.unlocked():
            node[last] = value


@pytest.fixture(scope="module")
def trained(tmp_path_factory, tfds_data_dir):
    workdir = tmp_path_factory.mktemp("run") / "work"
    done = commands.run("train.py", "--config=tests/recipe.py", f"--workdir={workdir}")
    assert done.returncode == 0, done.stderr
    return workdir, done


def log_lines(workdir):
    (path,) = workdir.glob("*.log.json")
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_the_work_directory(trained):
    workdir, done = trained
    assert {path.name.split(".", 1)[-1] for path in workdir.iterdir() if path.name[0] == "2"} == {"log", "log.json"}
    assert json.loads((workdir / "config.json").read_text())["model"]["backbone"]["depth"] == 18
    first, *rest = log_lines(workdir)
    assert {"env_info", "seed", "config", "CLASSES"} <= first.keys()
    assert first["CLASSES"] == [str(i) for i in range(10)]
    assert [(line["mode"], line["epoch"]) for line in rest] == [(m, e) for e in (1, 2, 3) for m in ("train", "val")]
    assert rest[-2]["loss"] < rest[0]["loss"]
    assert "Hooks will be executed in the following order" in done.stderr
    assert done.stderr.lower().count("compiling the training step") == 1
    assert done.stdout == ""  # no progress bar where nobody watches


def test_evaluation_gives_the_logged_numbers_digit_for_digit(trained):
    workdir, _ = trained
    best = json.loads((workdir / "best.json").read_text())
    logged = [line for line in log_lines(workdir)[1:] if line["mode"] == "val"]
    for arguments, epoch in ((["--ckpt", workdir], best["number"]), ([f"--ckpt={workdir}/checkpoints/3"], 3)):
        done = commands.run("evaluate.py", *arguments)
        numbers = json.loads(done.stdout.splitlines()[-1])
        assert numbers == {key: value for key, value in logged[epoch - 1].items() if key.startswith("accuracy")}


def test_evaluation_is_exact_on_eight_devices(trained):
    workdir, metrics = trained[0], ["accuracy", "support", "f1_score", "confusion_matrix", "roc_auc"]
    done = commands.run("evaluate.py", f"--ckpt={workdir}", f"--metrics={','.join(metrics)}")
    one, config = json.loads(done.stdout), load_config(workdir / "config.json")
    assert jax.device_count() == 8
    eight = rounded(jaxcls.evaluate_model(config, workdir, metric=metrics)[0])
    assert one.keys() == eight.keys()
    assert one["support"] == eight["support"] == 360.0
    assert one["accuracy_top-1"] == eight["accuracy_top-1"]
    assert one["confusion_matrix"] == eight["confusion_matrix"]
    assert np.trace(one["confusion_matrix"]) == round(3.6 * one["accuracy_top-1"])
    assert one["roc_auc_macro"] == pytest.approx(eight["roc_auc_macro"], abs=1e-3)


def test_results_in_files(trained, tmp_path):
    workdir, _ = trained
    labels = []
    for ending, items in ((".json", "pred_label"), (".csv", "all"), (".npz", "pred_label,class_scores")):
        out = tmp_path / f"results{ending}"
        done = commands.run("evaluate.py", f"--ckpt={workdir}", f"--out={out}", f"--out_items={items}")
        numbers = json.loads(done.stdout.splitlines()[-1])
        if ending == ".json":
            found = json.loads(out.read_text())
            assert found.keys() == {*numbers, "pred_label"}
            labels.append(found["pred_label"])
        elif ending == ".csv":
            text = out.read_text().splitlines()
            assert text[0] == f"# accuracy_top-1: {numbers['accuracy_top-1']}"
            rows = list(csv.DictReader(line for line in text if not line.startswith("#")))
            assert rows[0].keys() >= {"index", "score_0", "score_9", "pred_score", "pred_label", "pred_class"}
            labels.append([int(row["pred_label"]) for row in rows])
        else:
            found = np.load(out)
            assert found["class_scores"].shape == (360, 10)
            labels.append(found["pred_label"].tolist())
    assert labels[0] == labels[1] == labels[2]
    assert len(labels[0]) == 360


def test_options_of_metrics(trained):
    done = commands.run(
        "evaluate.py", f"--ckpt={trained[0]}", "--metric_options", "topk=1,3", "--metric_options=thrs=0.0,0.5",
        "--metrics=accuracy", "--split=test",
    )  # fmt: skip
    numbers = json.loads(done.stdout)
    assert list(numbers) == [f"accuracy_top-{k}_thr_{thr}" for k in (1, 3) for thr in ("0.00", "0.50")]


def test_resume_continues_to_the_end(trained, tmp_path):
    workdir = tmp_path / "work"
    shutil.copytree(trained[0], workdir)
    more = [f"--config={workdir}/config.json", "--config.runner.max_epochs=4"]
    done = commands.run("train.py", *more, f"--workdir={workdir}", "--resume")
    assert done.returncode == 0, done.stderr
    assert numbered(workdir / "checkpoints")[-1].name == "4"
    _, meta = restore_checkpoint(workdir / "checkpoints" / "4")
    assert (meta["epoch"], meta["iter"]) == (4, 4 * 23)


def test_weights_can_be_loaded_from_another_run(trained, tmp_path):
    config = small_config(runner__max_epochs=1, optimizer__lr=1e-9, load_from=str(trained[0] / "checkpoints" / "3"))
    config.data.train.split = "train[:64]"
    runner = jaxcls.train_model(config, tmp_path / "work", validate=False)
    arrays, _ = restore_checkpoint(trained[0] / "checkpoints" / "3")
    for own, given in zip(jax.tree.leaves(runner.state.params), jax.tree.leaves(arrays["params"]), strict=True):
        np.testing.assert_allclose(own, given, atol=1e-6)


def test_validation_workflow_and_novalidate(tmp_path):
    config = {**small_config(runner__max_epochs=1), "model": tiny.model()}
    jaxcls.train_model({**config, "workflow": [("train", 1), ("val", 1)]}, tmp_path / "a")
    assert [line["mode"] for line in log_lines(tmp_path / "a")[1:]] == ["train", "val", "val"]
    jaxcls.train_model({**config, "evaluation": {"save_best": "auto"}}, tmp_path / "b", validate=False)
    assert [line["mode"] for line in log_lines(tmp_path / "b")[1:]] == ["train"]
    (log,) = (tmp_path / "b").glob("*.log")
    assert "evaluation.save_best: 'auto' does nothing: the run has no evaluation" in log.read_text()


def test_a_work_directory_with_another_run_is_refused(trained):
    done = commands.run("train.py", "--config=configs/resnet.py", f"--workdir={trained[0]}")
    assert done.returncode == 1
    assert (
        done.stderr
        == f"error: {trained[0]} holds a run already; continue it with --resume, or give another --workdir\n"
    )


def test_an_unknown_flag_says_how_keys_are_set():
    with pytest.raises(SystemExit, match=r"error: Unknown command line flag 'lr'.*; --config\.KEY=VALUE sets a key"):
        command._parse(["train.py", "--lr=0.1"])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["train.py", "--config=configs/resnet.py", "--config.optimzer.lr=1"],
            "config has no key 'optimzer'; did you mean 'optimizer'",
        ),
        (["train.py", "--config=configs/resnet.py:cifar11"], "no such variant; did you mean 'cifar10'"),
        (["train.py", "--config=configs/nothing.py"], "No such file or directory: 'configs/nothing.py'"),
        (
            [
                "train.py",
                "--config=configs/lenet5.py",
                "--config.data.train.type=CustomDataset",
                "--config.data.train.data_prefix=/nowhere",
            ],
            "data_prefix='/nowhere': no such folder",
        ),
        (
            ["evaluate.py", "--ckpt=/nowhere"],
            "/nowhere does not exist; expected a work directory, a checkpoint in it or a file",
        ),
    ],
)
def test_mistakes_end_with_one_line(arguments, message, tmp_path):
    workdir = [f"--workdir={tmp_path / 'work'}"] if arguments[0] == "train.py" else []
    done = commands.run(*arguments, *workdir)
    assert done.returncode == 1
    assert message in done.stderr
    assert done.stderr.startswith("error: ")
    assert done.stderr.count("\n") == 1
    assert not (tmp_path / "work").exists()


def folder_config(tmp_path, **changes):
    pipeline = [{"type": "LoadImageFromFile"}, {"type": "Resize", "size": (8, 8)}]
    source = {"type": "CustomDataset", "data_prefix": str(tmp_path / "images"), "pipeline": pipeline}
    defaults = {"model__backbone__in_channels": 3, "model__head__num_classes": 2, "runner__max_epochs": 1}
    return small_config(data={"batch_size": 8, "num_workers": 1, "train": source}, **{**defaults, **changes})


@pytest.fixture
def folder(tmp_path):
    for name in ("cat", "dog"):
        (tmp_path / "images" / name).mkdir(parents=True)
        for i in range(6):
            image = np.random.default_rng(i).integers(0, 256, (9, 10, 3), np.uint8)
            cv2.imwrite(str(tmp_path / "images" / name / f"{i}.png"), image)
    return tmp_path / "images"


def test_folders_of_images(folder, tmp_path):
    runner = jaxcls.train_model(folder_config(tmp_path), tmp_path / "work")
    assert runner.iter == 2


def test_a_damaged_image_is_named(folder, tmp_path):
    path = folder / "dog" / "3.png"
    path.write_bytes(path.read_bytes()[:60])
    with pytest.raises(UserError, match=str(path)):
        jaxcls.train_model(folder_config(tmp_path), tmp_path / "work")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"model__head__num_classes": 1},
            r"data\.train has 2 classes .* the head has 1; set its num_classes to 2$",
        ),
        ({"data__batch_size": 12}, r"data\.batch_size: 12 does not split over 8 devices"),
        ({"optimizer__type": "SDG"}, "optimizer.type: 'SDG'; did you mean 'SGD'"),
        ({"optimizer": {"type": "SGD"}}, "config.optimizer: SGD needs 'lr'"),
        (
            {"optimizer_config": {"grad_clip": {"norm": 1}}},
            r"optimizer_config\.grad_clip: type='norm' has no argument 'norm'",
        ),
        ({"runner": {"type": "EpochRunner", "max_epochs": 1}}, "runner.type: 'EpochRunner' .*did you mean"),
        ({"runner": {"max_epochs": 0}}, "runner.max_epochs: 0; expected"),
        ({"checkpoint_config": {"intervall": 1}}, "checkpoint_config: CheckpointHook has no argument 'intervall'"),
        (
            {"evaluation": {"metrics": "accuracy"}},
            "evaluation: EvalHook has no argument 'metrics'; did you mean 'metric'",
        ),
        (
            {"evaluation": {"metric": "mAP"}},
            "evaluation.metric: 'mAP' is not for data with one label an image; .*accuracy",
        ),
        ({"evaluation": {"metric": "acuracy"}}, "evaluation.metric: 'acuracy' is unknown; did you mean 'accuracy'"),
        ({"evaluation": {"metric_options": {"topk": (1, 2.5)}}}, "evaluation.metric_options.topk: expected positive"),
        ({"evaluation": {"save_best": "acc"}}, "evaluation.save_best: 'acc' is not evaluated; evaluation.metric says"),
        ({"load_from": "/nowhere"}, "/nowhere does not exist"),
    ],
)
def test_mistakes_in_a_config_leave_no_work_directory(changes, message, tmp_path):
    config = small_config()
    change(config, changes)
    if "model__head__num_classes" in changes:
        (tmp_path / "images").mkdir()
        for name in ("cat", "dog"):
            (tmp_path / "images" / name).mkdir()
            cv2.imwrite(str(tmp_path / "images" / name / "0.png"), np.zeros((9, 9, 3), np.uint8))
        config = folder_config(tmp_path, **changes)
    with pytest.raises(UserError, match=message):
        jaxcls.train_model(config, tmp_path / "work")
    assert not (tmp_path / "work").exists()


def test_a_checkpoint_of_another_model_is_refused(trained, tmp_path):
    config = small_config(model__backbone__depth=34, load_from=str(trained[0]))
    with pytest.raises(UserError, match=r"is of another model or optimiser, .*: it lacks params\.backbone\.layer1\.2"):
        jaxcls.train_model(config, tmp_path / "work")
    assert not (tmp_path / "work").exists()
