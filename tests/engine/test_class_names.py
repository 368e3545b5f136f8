"""Class names from the data to the checkpoint and back, in runs as a user starts them."""

from __future__ import annotations

import csv
import shutil

import cv2
import numpy as np
import pytest

import jaxcls
from jaxcls.engine.checkpoints.storage import read_meta
from jaxcls.engine.log import get_logger
from jaxcls.errors import UserError
from jaxcls.results import Results
from tests import recipe
from tests.engine import tiny
from tests.engine.runner.test_runner import runner_for

PIPELINE = [
    {"type": "LoadImageFromFile"},
    {"type": "Resize", "size": 8},
    {"type": "Normalize", "mean": [120.0] * 3, "std": [60.0] * 3},
]


def images(root, *classes, count=4):
    for k, name in enumerate(classes):
        (root / name).mkdir(parents=True)
        for i in range(count):
            pixels = np.random.default_rng((k, i)).integers(0, 256, (9, 10, 3), np.uint8)
            cv2.imwrite(str(root / name / f"{i}.png"), pixels)
    return root


def source(folder, **arguments):
    return {"type": "CustomDataset", "data_prefix": str(folder), "pipeline": PIPELINE, **arguments}


def config_of(train, val=None, classes=3, **data):
    config = recipe.get_config()
    config.model = tiny.model()
    config.model["head"]["num_classes"] = classes
    config.runner.max_epochs = 1
    config.data = {"batch_size": 8, "num_workers": 0, "train": train, **({"val": val} if val else {}), **data}
    return config


def labels_of(config, workdir, split="val"):
    labels = []
    _, classes = jaxcls.evaluate_model(config, workdir, split, keep=lambda batch: labels.extend(batch.labels.tolist()))
    return labels, classes


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    root = tmp_path_factory.mktemp("names")
    train, val = images(root / "train", "ant", "bee", "cat"), images(root / "val", "cat", "bee", count=2)
    config = config_of(source(train, classes=["cat", "ant", "bee"]), source(val), test=source(val, classes=["cat"]))
    jaxcls.train_model(config, root / "work")
    return root, config


def test_each_checkpoint_says_what_it_takes_to_use_it(trained):
    root, config = trained
    meta = read_meta(root / "work" / "checkpoints" / "1")
    assert meta["classes"] == ["cat", "ant", "bee"]
    assert (meta["image_shape"], meta["pipeline"], meta["precision"]) == ([8, 8, 3], PIPELINE, "float32")
    assert meta["model"] == config.model.to_dict()


def test_validation_labels_go_by_the_names_of_the_checkpoint(trained):
    root, config = trained
    assert labels_of(config, root / "work") == ([2, 2, 0, 0], ("cat", "ant", "bee"))  # folders bee, cat
    assert labels_of(config, root / "work", "test") == ([0, 0], ("cat", "ant", "bee"))
    lines = next((root / "work").glob("*.log")).read_text()
    assert "data.val lacks 1 of the 3 classes of data.train: 'ant'" in lines


def test_a_table_of_one_class_has_the_names_of_the_checkpoint(trained, tmp_path):
    root, config = trained
    out = Results(str(tmp_path / "x.csv"))
    out.write(*jaxcls.evaluate_model(config, root / "work", "test", keep=out.keep))
    rows = csv.DictReader(line for line in (tmp_path / "x.csv").read_text().splitlines() if line[0] != "#")
    assert [row["pred_class"] in ("cat", "ant", "bee") and "score_2" in row for row in rows] == [True, True]


def test_data_of_other_classes_is_refused_with_both_lists(trained, tmp_path):
    root, config = trained
    other = images(tmp_path / "other", "ant", "Bee")
    message = "data.val has other classes than {}: 'Bee', 'ant' against 'cat', 'ant', 'bee'; {} has no 'Bee'"
    config = config_of(config.data.train, source(other))
    with pytest.raises(UserError, match=message.format(*["the checkpoint"] * 2)):
        jaxcls.evaluate_model(config, root / "work")
    for workflow in ([("train", 1)], [("train", 1), ("val", 1)]):
        config.workflow = workflow
        with pytest.raises(UserError, match=message.format(*["data.train"] * 2)) as error:
            jaxcls.train_model(config, tmp_path / "work")
        assert "num_classes" not in str(error.value)
        assert not (tmp_path / "work").exists()


def test_a_head_of_another_count_is_told_the_training_datas(trained, tmp_path):
    root, _ = trained
    config = config_of(source(root / "train"), source(root / "val"), classes=2)
    with pytest.raises(UserError, match=r"data\.train has 3 classes \(ant, bee, cat\), .* set its num_classes to 3"):
        jaxcls.train_model(config, tmp_path / "work")


def rename(root):
    (root / "ant" / "0.png").rename(root / "ant" / "00.png")


def move(root):
    shutil.move(root / "ant" / "3.png", root / "ant" / "x.png")
    shutil.move(root / "ant" / "x.png", root / "bee" / "x.png")
    (root / "bee" / "0.png").rename(root / "ant" / "3.png")
    (root / "bee" / "x.png").rename(root / "cat" / "x.png")


def rename_class(root):
    (root / "bee").rename(root / "wasp")


@pytest.mark.parametrize(
    ("change", "classes", "message"),
    [
        (rename, ["cat", "ant", "bee"], r"cannot continue: fingerprint of the file names was '\w+' when .*; set it"),
        (move, ["cat", "ant", "bee"], r"cannot continue: fingerprint of the labels was '\w+' when .* and is '\w+' now"),
        (
            rename_class,
            ["cat", "ant", "wasp"],
            r"cannot continue: classes was \['cat', 'ant', 'bee'\] when .* and is \['cat', 'ant', 'wasp'\] now",
        ),
        (lambda root: None, ["ant", "bee", "cat"], "cannot continue: classes was .*; fingerprint of the file names"),
        (lambda root: None, ["cat", "ant", "bee"], None),  # only the folder is another
    ],
)
def test_a_continuation_needs_the_same_names_labels_and_files(trained, tmp_path, change, classes, message):
    root, _ = trained
    moved, workdir = tmp_path / "elsewhere", tmp_path / "work"
    shutil.copytree(root / "train", moved)
    shutil.copytree(root / "work", workdir)
    change(moved)
    config = config_of(source(moved, classes=classes))
    if message is None:
        assert jaxcls.train_model(config, workdir, resume=True).epoch == 1
        return
    with pytest.raises(UserError, match=message):
        jaxcls.train_model(config, workdir, resume=True)


def test_weights_of_other_classes_are_said(trained, tmp_path, caplog, monkeypatch):
    monkeypatch.setattr(get_logger(), "propagate", True)
    root, _ = trained
    config = config_of(source(root / "train"))
    config.load_from = str(root / "work")
    jaxcls.train_model(config, tmp_path / "work")
    assert "another order: 'cat', 'ant', 'bee' there, 'ant', 'bee', 'cat' here" in caplog.text


def test_weights_of_more_classes_are_no_other_order(trained, tmp_path, caplog, monkeypatch):
    monkeypatch.setattr(get_logger(), "propagate", True)
    root, _ = trained
    config = config_of(source(images(tmp_path / "train", "ant", "bee", "cat", "dog")), classes=4)
    config.load_from = str(root / "work")
    jaxcls.train_model(config, tmp_path / "work")
    assert "another order" not in caplog.text


def test_of_many_classes_a_continuation_names_the_first_that_differs(tmp_path):
    names = [str(i) for i in range(1000)]
    with pytest.raises(UserError, match=r"classes\[998\] was \['998'\] when .* and is \['x'\] now; set it back"):
        runner_for(tmp_path, identity={"classes": [*names[:998], "x", "999"]}).restore(None, {"classes": names})
