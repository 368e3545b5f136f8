from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from jaxcls.errors import UserError
from jaxcls.visualization.confusion import confusion_picture, matrix_file, write_confusion_matrix
from jaxcls.visualization.ranked import RankedPictures, judge

SCORES = np.asarray([[0.9, 0.1], [0.6, 0.4], [0.2, 0.8], [0.3, 0.7], [np.nan, np.nan]], np.float32)


def test_the_wrong_ones_come_first_and_of_them_the_most_confident(tmp_path):
    source = [{"image": np.full((4, 4, 1), 9, np.uint8), "label": label} for label in (0, 1, 0, 1, 0)]
    source[1] = {"filename": str(tmp_path / "a name.png"), "label": 1}
    Image.new("RGB", (5, 5)).save(tmp_path / "a name.png")
    pictures = RankedPictures(tmp_path / "made" / "here")
    pictures.begin(SimpleNamespace(source=source, classes=("cat", "dog")))
    for part in (slice(0, 3), slice(3, 5)):
        labels = np.asarray([sample["label"] for sample in source[part]])
        pictures.keep(SimpleNamespace(scores=SCORES[part], labels=labels))
    pictures.write()
    names = ["00001_wrong_4", "00002_wrong_2", "00003_wrong_a name", "00004_right_0", "00005_right_3"]
    assert sorted(path.stem for path in (tmp_path / "made" / "here").iterdir()) == names
    with Image.open(tmp_path / "made" / "here" / "00002_wrong_2.jpg") as picture:
        assert (picture.width, picture.height > picture.width) == (320, True)


def test_several_labels_are_right_together():
    scores = np.asarray([[0.9, 0.2], [0.9, 0.8], [0.6, 0.1], [0.2, 0.3]], np.float32)
    labels = np.asarray([[1, 0], [1, 0], [0, 1], [-1, 0]])
    verdicts = judge(scores, labels)
    np.testing.assert_array_equal(verdicts.right, [True, False, False, False])
    np.testing.assert_allclose(verdicts.confidence, [0.8, 0.8, 0.9, 0.8])


def test_a_matrix_as_a_table_and_as_a_picture(tmp_path):
    matrix, classes = np.asarray([[12, 0], [3, 40]]), ("cat, grey", "dog")
    write_confusion_matrix(matrix_file(tmp_path / "m.csv", "--confusion_matrix"), matrix, classes)
    lines = (tmp_path / "m.csv").read_text().splitlines()
    assert lines == ['truth \\ predicted,"cat, grey",dog', '"cat, grey",12,0', "dog,3,40"]
    write_confusion_matrix(tmp_path / "m.png", matrix, classes)
    pixels = np.asarray(confusion_picture(matrix, classes))
    np.testing.assert_array_equal(np.asarray(Image.open(tmp_path / "m.png")), pixels)
    assert (pixels == [13, 71, 161]).all(-1).any()  # all cats are taken for cats
    assert confusion_picture(np.eye(1000, dtype=int), [""] * 1000).width < 1500
    with pytest.raises(UserError, match=r"--confusion_matrix: m\.pdf ends in '\.pdf'; allowed: \.png, \.csv"):
        matrix_file("m.pdf", "--confusion_matrix")
