"""Runs whose student learns from a teacher: what fits, what is refused before anything is written, and continuing."""

from __future__ import annotations

import json
import re

import jax
import numpy as np
import pytest

import jaxcls
from jaxcls.config import complete
from jaxcls.data.transforms import Normalize
from jaxcls.engine.distillation import Trained, build_teacher, view
from jaxcls.engine.network import Network
from jaxcls.engine.step.parallel import Parallel
from jaxcls.errors import UserError
from jaxcls.models import build_classifier
from tests.engine import tiny
from tests.engine.test_network import config_of, dataset


def trained(**changes):
    network = Network(config_of(), dataset(), Parallel())
    values = {
        "source": "work_dirs/teacher",
        "classifier": network.classifier,
        "variables": {},
        "classes": ("a", "b", "c"),
        "image_shape": (8, 8, 1),
        "normalize": None,
    }
    return Trained(**{**values, **changes})


def teacher(pipeline=(), **changes):
    data = dataset(pipeline=pipeline)
    return build_teacher(trained(**changes), Network(config_of(), data, Parallel()), data, {"teacher": "x"})


def test_the_same_classes_and_images_stay():
    made = teacher()
    assert made.see is None
    assert made.columns is None


def test_classes_go_by_name():
    made = teacher(classes=("c", "a", "b"))
    assert [("c", "a", "b")[column] for column in made.columns] == ["a", "b", "c"]


def test_classes_of_a_file_of_others_go_by_number(caplog):
    assert teacher(classes=("cat", "dog", "cow"), by_number=True).columns is None
    assert "they go by their numbers" in caplog.text


def test_images_get_the_teachers_normalisation_and_size():
    pixels = np.random.default_rng(0).integers(0, 256, (2, 8, 8, 1)).astype(np.float32)
    own, other = Normalize((20.0,), (3.0,)), Normalize((100.0,), (50.0,))
    pipeline = [{"type": "Normalize", "mean": other.mean, "std": other.std}]
    assert teacher(pipeline, normalize=other).see is None
    seen = teacher(pipeline, normalize=own).see(other.on_device(pixels))
    np.testing.assert_allclose(seen, own.on_device(pixels), atol=1e-4)
    np.testing.assert_allclose(teacher(normalize=own).see(pixels), own.on_device(pixels), atol=1e-4)
    np.testing.assert_allclose(teacher(pipeline).see(other.on_device(pixels)), pixels, atol=1e-4)
    assert teacher(image_shape=(12, 10, 1)).see(pixels).shape == (2, 12, 10, 1)


def test_red_and_blue_change_places_where_the_teacher_sees_them_so():
    pixels = np.random.default_rng(0).integers(0, 256, (2, 8, 8, 3)).astype(np.float32)
    own, other = Normalize((1.0, 2.0, 3.0), (4.0, 5.0, 6.0), bgr=True), Normalize((7.0,) * 3, (2.0,) * 3)
    np.testing.assert_allclose(view(own, other)(other.on_device(pixels)), own.on_device(pixels), atol=1e-4)
    np.testing.assert_allclose(view(other, own)(own.on_device(pixels)), other.on_device(pixels), atol=1e-4)


MULTI = {"type": "MultiLabelLinearClsHead", "num_classes": 3}


@pytest.mark.parametrize(
    ("changes", "student", "message"),
    [
        ({"classes": ("a", "b", "d")}, {}, "has other classes than data.train: it lacks 'c'; it has 'd' besides"),
        ({"classes": ("a", "b", "c", "d")}, {}, "it has 'd' besides"),
        ({"classes": ("cat", "dog", "cow")}, {}, "it lacks 'a', 'b', 'c'; it has 'cat', 'dog', 'cow' besides"),
        ({"image_shape": (8, 8, 3)}, {}, "sees 3 channels, the student 1"),
        ({"classifier": build_classifier({**tiny.model(), "head": MULTI})}, {}, "gives any number of labels an image"),
        ({}, {"head": "MultiLabelLinearClsHead"}, "MultiLabelLinearClsHead is for any number of labels an image"),
    ],
)
def test_what_does_not_fit(changes, student, message):
    data = dataset()
    with pytest.raises(UserError, match=re.escape(message)):
        build_teacher(trained(**changes), Network(config_of(**student), data, Parallel()), data, {"teacher": "x"})


def test_all_problems_come_at_once():
    with pytest.raises(UserError, match=r"2 problems") as caught:
        teacher(classes=("a", "b", "d"), image_shape=(8, 8, 3))
    assert len(caught.value.problems) == 2


def student(given, **distill):
    return {**tiny.model(), "train_cfg": {"distill": {"teacher": given, **distill}}}


@pytest.mark.parametrize(
    ("distill", "message"),
    [
        ({"type": "medium"}, "config.model.train_cfg.distill: type='medium'; Allowed: hard, soft"),
        ({"alpha": 2}, "config.model.train_cfg.distill: alpha=2: expected a number from 0 to 1"),
        ({"temperature": 2}, "config.model.train_cfg.distill has no key 'temperature'"),
        ({"teacher": 3}, "config.model.train_cfg.distill.teacher: 3; expected text or a dict"),
        ({"teacher": None}, "config.model.train_cfg.distill lacks teacher"),
    ],
)
def test_mistakes_in_the_config(distill, message):
    with pytest.raises(UserError, match=re.escape(message)):
        complete(tiny.config(model={**tiny.model(), "train_cfg": {"distill": {"teacher": "work_dirs/t", **distill}}}))


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("nowhere", "nowhere does not exist; expected a work directory or a checkpoint in it"),
        ({"model": "resnet50"}, "model.train_cfg.distill.teacher: lacks checkpoint; a dict has a model and"),
        ({"model": "resnet50", "weights": "x.pth"}, "has no key 'weights'"),
        ("lenet5", "model.train_cfg.distill.teacher: model 'lenet5': no weights are published"),
    ],
)
def test_teachers_that_are_not_there(given, message, tmp_path):
    with pytest.raises(UserError, match=re.escape(message)):
        tiny.train(tmp_path / "run", model=student(given))
    assert not (tmp_path / "run").exists()


def test_a_head_that_needs_a_teacher_is_refused_without_one(tmp_path):
    head = {"type": "EfficientFormerClsHead", "num_classes": 10}
    with pytest.raises(UserError, match="EfficientFormerClsHead: distillation=True needs a teacher"):
        tiny.train(tmp_path / "run", model={**tiny.model(), "head": head})
    assert not (tmp_path / "run").exists()


@pytest.mark.slow
def test_a_run_continues_bit_for_bit_with_the_same_teacher_alone(tmp_path):
    teaching, other, whole, parts = (tmp_path / name for name in ("teacher", "other", "whole", "parts"))
    tiny.train(teaching, runner={"max_epochs": 1})
    model = student(str(teaching), type="soft", alpha=0.5, tau=2.0)
    expected = tiny.train(whole, model=model)
    log = next(whole.glob("*.log.json")).read_text().splitlines()
    assert {"loss_cls", "loss_distill", "loss"} <= json.loads(log[1]).keys()
    tiny.train(parts, model=model, runner={"max_epochs": 1})
    found = tiny.train(parts, model=model, resume=True)
    jax.tree.map(np.testing.assert_array_equal, jax.device_get(found.state), jax.device_get(expected.state))
    notes = json.loads((parts / "checkpoints" / "2" / "meta" / "metadata").read_text())
    assert len(notes["fingerprint of the teacher"]) == 16
    assert notes["model"]["train_cfg"]["distill"]["teacher"] == str(teaching)
    teaching.rename(tmp_path / "moved")
    assert len(jaxcls.init_model(parts).classes) == 10  # needs no teacher
    tiny.train(other, runner={"max_epochs": 1}, seed=1)
    for changed in (student(str(other)), tiny.model()):
        with pytest.raises(UserError, match="cannot continue: fingerprint of the teacher was"):
            tiny.train(parts, model=changed, resume=True, runner={"max_epochs": 3})
