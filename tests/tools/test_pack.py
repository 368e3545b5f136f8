import subprocess
import sys

import cv2
import numpy as np
import pytest

from jaxcls.data.sources import TFDS, CustomDataset
from jaxcls.errors import UserError
from jaxcls.tools.pack import main, pack

SIZES = {"cat/a.jpg": (60, 40), "cat/b.png": (30, 90), "dog/c.jpg": (20, 24)}


@pytest.fixture
def folder(tmp_path):
    for name, (height, width) in SIZES.items():
        path = tmp_path / "images" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        rows, columns = np.mgrid[:height, :width]
        cv2.imwrite(str(path), np.stack([rows * 4 % 256, columns * 2, rows + columns], -1).astype(np.uint8))
    return tmp_path / "images"


def test_packed_images_have_the_shorter_side(folder, tmp_path):
    main([f"train={folder}", f"val={folder}", "--name=pets", f"--data_dir={tmp_path}", "--short_side=24"])
    for split in ("train", "val"):
        source = TFDS("pets", split, data_dir=str(tmp_path))
        assert source.classes == ("cat", "dog")
        shapes = sorted((sample["image"].shape, sample["label"]) for sample in source)
        assert shapes == [((20, 24, 3), 1), ((24, 72, 3), 0), ((36, 24, 3), 0)]
    expected = cv2.resize(cv2.imread(str(folder / "cat/a.jpg")), (24, 36), interpolation=cv2.INTER_AREA)[..., ::-1]
    (packed,) = (sample["image"] for sample in source if sample["image"].shape == (36, 24, 3))
    assert np.abs(packed.astype(int) - expected).mean() < 4  # JPEG


def test_small_images_stay_the_very_bytes(folder, tmp_path):
    train, other_order = CustomDataset(str(folder)), CustomDataset(str(folder), classes=["dog", "cat"])
    pack({"train": train, "val": other_order}, "pets", str(tmp_path), short_side=24)
    for split in ("train", "val"):  # the classes go by their names
        assert sorted(TFDS("pets", split, data_dir=str(tmp_path)).labels) == [0, 0, 1]
    source = TFDS("pets", "train", data_dir=str(tmp_path))
    assert (folder / "dog/c.jpg").read_bytes() in [record["image"] for record in source._records]


def test_annotations(folder, tmp_path):
    (tmp_path / "list.txt").write_text("cat/a.jpg 1\ndog/c.jpg 0\n")
    main([f"test={folder}:{tmp_path / 'list.txt'}", "--name=some", f"--data_dir={tmp_path}"])
    assert sorted(TFDS("some", "test", data_dir=str(tmp_path)).labels) == [0, 1]


def test_refuses(folder, tmp_path):
    with pytest.raises(UserError, match="'train': expected SPLIT=FOLDER"):
        main(["train", "--name=pets", f"--data_dir={tmp_path}"])
    with pytest.raises(UserError, match="quality=101"):
        main([f"train={folder}", "--name=pets", f"--data_dir={tmp_path}", "--quality=101"])
    for name in ("", "a/b", "Pets", "my pets"):
        with pytest.raises(UserError, match=f"name='{name}': expected lower case letters"):
            main([f"train={folder}", f"--name={name}", f"--data_dir={tmp_path}"])
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match=r"data_dir: .*file cannot be made"):
        main([f"train={folder}", "--name=pets", f"--data_dir={tmp_path / 'file'}"])
    with pytest.raises(UserError, match="val has other classes than train: 'cat', 'dog' against 'dog'"):
        pack({"train": CustomDataset(str(folder), classes=["dog"]), "val": CustomDataset(str(folder))}, "x", "y")
    (folder / "dog/c.jpg").write_bytes(b"no image")
    with pytest.raises(UserError, match=r"c\.jpg: not a readable image"):
        main([f"train={folder}", "--name=pets", f"--data_dir={tmp_path}"])


def test_the_command_names_the_mistake_alone(tmp_path):
    command = [sys.executable, "-m", "jaxcls.tools.pack", "train=nowhere", "--name=x", f"--data_dir={tmp_path}"]
    run = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert run.returncode == 1
    assert run.stderr == "error: data_prefix='nowhere': no such folder\n"
    assert not (tmp_path / "x").exists()
