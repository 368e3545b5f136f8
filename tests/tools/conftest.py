import json

import numpy as np
import pytest
from PIL import Image
from sklearn.datasets import load_digits

import jaxcls
from jaxcls.config import load_config
from jaxcls.results import Results, rounded
from tests.engine import tiny


@pytest.fixture(scope="session")
def workdir(tmp_path_factory):
    """The work directory of a short training, and what an evaluation of it saved: `scores.npz`, `.json` and `.csv`."""
    path = tmp_path_factory.mktemp("runs") / "tiny"
    tiny.train(path)
    files = [Results(path / f"scores.{ending}") for ending in ("npz", "json", "csv")]

    def keep(predictions):
        for file in files:
            file.keep(predictions)

    config, options = load_config(path / "config.json"), {"topk": (1, 2)}
    numbers, classes = jaxcls.evaluate_model(config, path, "val", ["accuracy", "log_loss"], options, keep=keep)
    for file in files:
        file.write({}, classes)
    images = load_digits().images
    Image.fromarray((images[3] * 15.9).astype(np.uint8)).save(path.parent / "three.png")
    (path / "numbers.json").write_text(json.dumps(rounded(numbers)))
    return path
