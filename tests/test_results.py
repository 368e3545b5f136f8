import csv
import json
from types import SimpleNamespace

import numpy as np
import pytest

from jaxcls.results import Results, rounded

SCORES = np.asarray([[0.5, 0.5], [np.nan, 0.1], [0.2, 0.8]], np.float32)


@pytest.mark.parametrize("ending", [".json", ".csv", ".npz"])
def test_an_image_without_finite_scores_has_no_class(tmp_path, ending):
    results = Results(tmp_path / f"r{ending}", ["pred_label", "pred_class"])
    results.keep(SimpleNamespace(scores=SCORES))
    results.write({"accuracy": 50.0, "confusion_matrix": [[1, 0], [0, 1]]}, ("cat", "dog"))
    if ending == ".csv":
        lines = (tmp_path / "r.csv").read_text().splitlines()
        assert lines[:2] == ["# accuracy: 50.0", "# confusion_matrix: [[1, 0], [0, 1]]"]
        rows = list(csv.DictReader(lines[2:]))
        labels, names = ([row[key] for row in rows] for key in ("pred_label", "pred_class"))
    else:
        found = json.loads((tmp_path / "r.json").read_text()) if ending == ".json" else np.load(tmp_path / "r.npz")
        labels, names = list(found["pred_label"]), list(found["pred_class"])
        assert np.shape(found["confusion_matrix"]) == (2, 2)
    assert list(map(int, labels)) == [0, -1, 1]
    assert names == ["cat", "", "dog"]


def test_structured_numbers_are_json():
    numbers = {"accuracy": 1 / 3, "confusion_matrix": np.eye(2, dtype=int), "recall": np.asarray([np.nan, 2 / 3])}
    assert json.dumps(rounded(numbers)) == (
        '{"accuracy": 0.33333, "confusion_matrix": [[1, 0], [0, 1]], "recall": [NaN, 0.66667]}'
    )
