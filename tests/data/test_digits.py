import json
import subprocess
import sys

import numpy as np
import pytest
from sklearn.datasets import load_digits

from jaxcls.data.sources import TFDS
from jaxcls.errors import UserError

PREPARE = """
import json, sys
from jaxcls.data.sources import TFDS
train, test = (TFDS("digits", split, data_dir=sys.argv[1]) for split in ("train", "test"))
print(json.dumps([train.labels.tolist(), test.labels.tolist(), "tensorflow" in sys.modules]))
"""


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    """Two processes at once, each on an empty folder: (the folder, what both printed)."""
    folder = tmp_path_factory.mktemp("tfds")
    command = [sys.executable, "-c", PREPARE, str(folder)]
    processes = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    outputs = [process.communicate()[0] for process in processes]
    assert [process.returncode for process in processes] == [0, 0]
    return folder, outputs


def test_split_is_stratified_and_needs_no_tensorflow(prepared):
    _, outputs = prepared
    assert outputs[0] == outputs[1]
    train, test, tensorflow = json.loads(outputs[0])
    assert (len(train), len(test)) == (1437, 360)
    assert not tensorflow
    counts = np.bincount(load_digits().target)
    assert np.bincount(train).tolist() == (counts - np.bincount(test)).tolist()
    assert np.abs(np.bincount(test) - counts * 360 / 1797).max() < 1


def test_images_are_the_digits(prepared):
    sources = [TFDS("digits", split, data_dir=str(prepared[0])) for split in ("train", "test")]
    images = [sample["image"] for source in sources for sample in source]
    assert all(image.shape == (8, 8, 1) and image.dtype == np.uint8 for image in images)
    expected = np.round(load_digits().images * 255 / 16).astype(np.uint8)
    assert sorted(image.tobytes() for image in images) == sorted(image.tobytes() for image in expected)
    assert sources[0].classes == tuple("0123456789")


def test_cannot_be_prepared(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match=r"TFDS digits: cannot be prepared in .*file/digits"):
        TFDS("digits", "train", data_dir=str(tmp_path / "file"))
