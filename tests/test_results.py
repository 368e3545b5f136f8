import csv
import json
from types import SimpleNamespace

import numpy as np
import pytest

from jaxcls import results
from jaxcls.results import ITEMS, Results, rounded

SCORES = np.asarray([[0.5, 0.5], [np.nan, 0.1], [0.2, 0.8]], np.float32)
LABELS = np.asarray([0, 1, 0])
CLASSES = ("cat", "dog")


def written(path, items=("all",), scores=SCORES, labels=LABELS, numbers=None, dataset=None):
    """What a file holds: of .csv the rows and the comments, else item -> values."""
    made = Results(path, items)
    if dataset is not None:
        made.begin(dataset)
    made.keep(SimpleNamespace(scores=scores[:2], labels=labels[:2]))
    made.keep(SimpleNamespace(scores=scores[2:], labels=labels[2:]))
    made.write(numbers or {}, CLASSES)
    if path.suffix == ".json":
        return json.loads(path.read_text())
    if path.suffix == ".npz":
        return dict(np.load(path))
    lines = path.read_text().splitlines()
    comments = [line for line in lines if line.startswith("#")]
    return list(csv.DictReader(lines[len(comments) :])), comments


@pytest.mark.parametrize("ending", [".json", ".csv", ".npz"])
def test_an_image_without_finite_scores_has_no_class(tmp_path, ending):
    numbers = {"accuracy": 50.0, "confusion_matrix": [[1, 0], [0, 1]]}
    found = written(tmp_path / f"r{ending}", ["pred_label", "pred_class"], numbers=numbers)
    if ending == ".csv":
        rows, comments = found
        assert comments == ["# accuracy: 50.0", "# confusion_matrix: [[1, 0], [0, 1]]"]
        labels, names = ([row[key] for row in rows] for key in ("pred_label", "pred_class"))
    else:
        labels, names = list(found["pred_label"]), list(found["pred_class"])
        assert np.shape(found["confusion_matrix"]) == (2, 2)
    assert list(map(int, labels)) == [0, -1, 1]
    assert names == ["cat", "", "dog"]


def test_all_that_is_known_of_an_image(tmp_path, monkeypatch):
    monkeypatch.setattr(results, "_ROWS", 2)  # several parts
    scores = np.asarray([[1 / 3, 2 / 3], [0.5, 0.5], [0.9, 0.1]], np.float32)
    dataset = SimpleNamespace(source=[{"filename": f"/data/{i}.png"} for i in range(3)])
    found = written(tmp_path / "r.json", scores=scores, dataset=dataset)
    assert tuple(found) == ITEMS
    assert found["image"] == ["/data/0.png", "/data/1.png", "/data/2.png"]
    assert (found["gt_label"], found["gt_class"]) == ([0, 1, 0], ["cat", "dog", "cat"])
    assert (found["pred_label"], found["pred_class"]) == ([1, 0, 0], ["dog", "cat", "cat"])
    assert found["class_scores"] == scores.tolist()  # to the last bit
    assert found["pred_score"] == scores.max(1).tolist()
    best = {"label": 1, "class": "dog", "score": float(scores[0, 1])}
    assert found["topk"][0] == [best, {"label": 0, "class": "cat", "score": float(scores[0, 0])}]
    rows, _ = written(tmp_path / "r.csv", scores=scores)
    assert [row["image"] for row in rows] == ["0", "1", "2"]
    assert [row["index"] for row in rows] == ["0", "1", "2"]
    assert (rows[0]["top1_class"], rows[0]["top2_class"], float(rows[0]["score_1"])) == ("dog", "cat", scores[0, 1])
    arrays = written(tmp_path / "r.npz", scores=scores)
    np.testing.assert_array_equal(arrays["class_scores"], scores)
    np.testing.assert_array_equal(arrays["topk_label"], [[1, 0], [0, 1], [0, 1]])


def test_several_labels_an_image(tmp_path):
    labels = np.asarray([[1, 1], [0, 0], [-1, 1]])
    found = written(tmp_path / "r.json", ["gt_label", "gt_class"], labels=labels)
    assert found == {"gt_label": labels.tolist(), "gt_class": [["cat", "dog"], [], ["cat", "dog"]]}
    rows, _ = written(tmp_path / "r.csv", ["gt_label", "gt_class"], labels=labels)
    assert (rows[2]["gt_label"], rows[2]["gt_class"]) == ("-1 1", "cat, dog")
    arrays = written(tmp_path / "r.npz", ["gt_label", "gt_class"], labels=labels)
    np.testing.assert_array_equal(arrays["gt_label"], labels)
    assert arrays["gt_class"].tolist() == ["cat, dog", "", "cat, dog"]


def test_structured_numbers_are_json():
    numbers = {"accuracy": 1 / 3, "confusion_matrix": np.eye(2, dtype=int), "recall": np.asarray([np.nan, 2 / 3])}
    assert json.dumps(rounded(numbers)) == (
        '{"accuracy": 0.33333, "confusion_matrix": [[1, 0], [0, 1]], "recall": [NaN, 0.66667]}'
    )
