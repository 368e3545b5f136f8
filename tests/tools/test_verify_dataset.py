import subprocess
import sys

import cv2
import numpy as np
import pytest

from jaxcls.data.sources import CustomDataset
from jaxcls.tools.verify_dataset import damaged_images

CONFIG = """
from ml_collections import ConfigDict

def get_config(folder):
    pipeline = [dict(type="LoadImageFromFile")]
    return ConfigDict(dict(data=dict(train=dict(type="CustomDataset", data_prefix=folder, pipeline=pipeline))))
"""


@pytest.fixture
def folder(tmp_path):
    noise = np.random.default_rng(0).integers(0, 256, (30, 30, 3), np.uint8)
    for name in ("cat/a.png", "cat/b.png", "dog/c.png"):
        (tmp_path / "images" / name).parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(tmp_path / "images" / name), noise)
    (tmp_path / "config.py").write_text(CONFIG)
    return tmp_path / "images"


def damage(folder):
    (folder / "cat/b.png").write_bytes((folder / "cat/b.png").read_bytes()[:500])
    (folder / "dog/c.png").write_bytes(b"")


def test_finds_all_of_them(folder):
    source = CustomDataset(str(folder))
    assert list(damaged_images(source)) == []
    damage(folder)
    first, second = damaged_images(source, num_workers=2)
    assert first.startswith(str(folder / "cat/b.png"))
    assert second.startswith(str(folder / "dog/c.png"))


def test_the_command(folder, tmp_path):
    damage(folder)
    out = tmp_path / "broken.txt"
    config = f"--config={tmp_path / 'config.py'}:{folder}"
    command = [sys.executable, "-m", "jaxcls.tools.verify_dataset", config]
    run = subprocess.run([*command, f"--out={out}"], capture_output=True, text=True, timeout=120, check=False)
    assert (run.returncode, run.stderr) == (1, "")
    lines = run.stdout.splitlines()
    assert lines[:2] == ["3 images of 2 classes", "cat: 2, dog: 1"]
    assert lines[-1] == "2 of 3 images are missing or damaged"
    assert out.read_text().splitlines() == lines[2:4]
    run = subprocess.run([*command, "--split=val"], capture_output=True, text=True, timeout=120, check=False)
    assert run.returncode == 1
    assert run.stderr.startswith("error: --split=val: not in the config; Allowed: train")
