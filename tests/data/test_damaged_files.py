"""Ten thousand image files of which fifty are damaged, each in one of six ways."""

from __future__ import annotations

import re
from collections import deque

import cv2
import numpy as np
import pytest

import jaxcls
from jaxcls.data.pipeline import build_dataset
from jaxcls.data.sources import CustomDataset
from jaxcls.errors import UserError
from jaxcls.tools.verify_dataset import damaged_images
from tests import recipe

pytestmark = pytest.mark.slow


def overwrite_the_middle(path):
    data = path.read_bytes()
    path.write_bytes(data[:-200] + b"\xff\x3c" * 50 + data[-100:])


DAMAGES = [
    lambda path: path.write_bytes(b""),
    lambda path: path.write_bytes(path.read_bytes()[: path.stat().st_size // 2]),
    lambda path: path.write_bytes(b"not an image"),
    lambda path: path.write_bytes(path.read_bytes()[:2] + bytes(path.stat().st_size - 2)),
    overwrite_the_middle,
    lambda path: path.unlink() or path.symlink_to(path.parent / "nowhere.jpg"),
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    root = tmp_path_factory.mktemp("images")
    rng = np.random.default_rng(0)
    paths = []
    for name in ("cat", "dog"):
        (root / name).mkdir()
        for i in range(5000):
            paths.append(root / name / f"{i:04}.jpg")
            cv2.imwrite(str(paths[-1]), rng.integers(0, 256, (12, 14, 3), np.uint8))
    chosen = [paths[i] for i in rng.choice(len(paths), 50, replace=False)]
    for i, path in enumerate(chosen):
        DAMAGES[i % len(DAMAGES)](path)
    return root, {str(path) for path in chosen}


def config(root, **options):
    made = recipe.get_config()
    made.model.head.num_classes, made.model.backbone.in_channels = 2, 3
    pipeline = [{"type": "LoadImageFromFile"}, {"type": "Resize", "size": (8, 8)}]
    source = {"type": "CustomDataset", "data_prefix": str(root), "pipeline": pipeline, **options}
    made.data = {"batch_size": 200, "num_workers": 2, "train": source}
    made.runner.max_epochs = 1
    return made


def test_all_are_named(folder):
    root, damaged = folder
    messages = list(damaged_images(CustomDataset(str(root)), num_workers=2))
    assert len(messages) == 50
    assert {re.search(r"\S+\.jpg", message)[0] for message in messages} == damaged


def test_training_goes_on_where_they_are_skipped(folder, tmp_path):
    root, _ = folder
    runner = jaxcls.train_model(config(root, on_error="skip"), tmp_path / "work")
    assert runner.iter == 50
    log = next((tmp_path / "work").glob("*.log")).read_text()
    assert sum(path in log for path in folder[1]) == 50


def test_training_stops_at_the_first_with_its_path(folder, tmp_path):
    root, damaged = folder
    with pytest.raises(UserError) as error:
        jaxcls.train_model(config(root), tmp_path / "work")
    assert re.search(r"\S+\.jpg", str(error.value))[0] in damaged


def test_too_many_stop_training(folder, tmp_path):
    dataset = build_dataset(config(folder[0], on_error="skip", max_errors=3).data.train)
    rng = np.random.default_rng(0)
    with pytest.raises(UserError, match="4 damaged images, max_errors=3"):
        deque((dataset.readable_sample(index, rng) for index in range(len(dataset))), maxlen=0)
