"""Sources of image files beyond CustomDataset."""

import json
import pickle

import numpy as np
import pytest
from scipy.io import savemat

from jaxcls.data.sources import CUB, VOC, CustomDataset, ImageNet, ImageNet21k, MultiLabelDataset, StanfordCars
from jaxcls.errors import UserError


def touch(root, *names):
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"")


def names(source):
    return [sample["filename"].removeprefix(source._folder + "/") for sample in source]


def test_names_survive_in_one_block(tmp_path):
    touch(tmp_path, "ä/ü 1.jpg", "ä/b.jpg", "c/x.jpg")
    source = pickle.loads(pickle.dumps(CustomDataset(str(tmp_path))))
    assert names(source) == ["c/x.jpg", "ä/b.jpg", "ä/ü 1.jpg"]
    assert source.path(-1) == str(tmp_path / "ä/ü 1.jpg")
    with pytest.raises(IndexError):
        source.path(3)


def test_imagenet_from_folders_and_from_annotations(tmp_path):
    wnids = [f"n{i:08d}" for i in range(1000)]
    touch(tmp_path, *(f"{wnid}/{wnid}_1.JPEG" for wnid in wnids))
    source = ImageNet(str(tmp_path))
    assert source.classes == tuple(wnids)
    assert source[7]["label"] == 7
    (tmp_path / "train.txt").write_text("".join(f"{wnid}/{wnid}_1.JPEG {i}\n" for i, wnid in enumerate(wnids)))
    annotated = ImageNet(str(tmp_path), str(tmp_path / "train.txt"))
    assert annotated.classes == source.classes
    (tmp_path / "val.txt").write_text("".join(f"val_{i}.JPEG {i}\n" for i in range(1000)))
    assert ImageNet(str(tmp_path), str(tmp_path / "val.txt")).classes[:2] == ("0", "1")


def test_imagenet_of_fewer_classes_needs_their_names(tmp_path):
    touch(tmp_path, "cat/a.jpg", "dog/b.jpg")
    with pytest.raises(UserError, match=r"2 classes, but ImageNet has 1,000; .* use CustomDataset"):
        ImageNet(str(tmp_path))
    assert len(ImageNet(str(tmp_path), classes=["cat", "dog"])) == 2
    source = ImageNet21k(str(tmp_path))
    assert source.classes == ("cat", "dog")
    (tmp_path / "a.txt").write_text("dog/b.jpg 0\ncat/a.jpg 1\n")
    assert ImageNet21k(str(tmp_path), str(tmp_path / "a.txt")).classes == ("dog", "cat")
    with pytest.raises(UserError, match="recursion_subdir=False"):
        ImageNet21k(str(tmp_path), recursion_subdir=False)


def test_multi_label_text(tmp_path):
    (tmp_path / "a.txt").write_text("x y.jpg 0,2\nb.jpg -\nc.jpg 1\n")
    source = MultiLabelDataset(str(tmp_path), str(tmp_path / "a.txt"))
    np.testing.assert_array_equal(source.labels, [[1, 0, 1], [0, 0, 0], [0, 1, 0]])
    assert source.classes == ("0", "1", "2")
    assert names(source)[0] == "x y.jpg"
    np.testing.assert_array_equal(source[0]["label"], [1, 0, 1])
    assert source[0]["label"].dtype == np.int32


def test_multi_label_json(tmp_path):
    content = {
        "metainfo": {"classes": ["A", "B", "C"]},
        "data_list": [{"img_path": "a.jpg", "gt_label": [0, 2]}, {"img_path": "b.jpg", "gt_label": ["B"]}],
    }
    (tmp_path / "a.json").write_text(json.dumps(content))
    source = MultiLabelDataset(str(tmp_path), str(tmp_path / "a.json"))
    np.testing.assert_array_equal(source.labels, [[1, 0, 1], [0, 1, 0]])
    assert source.classes == ("A", "B", "C")


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("a.txt", "a.jpg 0,1\nb.jpg 0;1\n", r"a\.txt:2: 'b.jpg 0;1': expected 'path label,label"),
        ("a.txt", "a.jpg\n", r"a\.txt:1: 'a.jpg'"),
        ("a.txt", "", "no annotations in it"),
        ("a.txt", "a.jpg 0,5\n", r"'a.jpg': label 5, but the classes are 0\.\.1"),
        ("a.json", "{}", "expected JSON with data_list"),
        ("a.json", "no json", "expected JSON with data_list"),
    ],
)
def test_multi_label_refuses(tmp_path, name, text, message):
    (tmp_path / name).write_text(text)
    with pytest.raises(UserError, match=message):
        MultiLabelDataset(str(tmp_path), str(tmp_path / name), classes=["a", "b"])


@pytest.fixture
def voc(tmp_path):
    def thing(name, difficult):
        return f"<object><name>{name}</name><difficult>{difficult}</difficult></object>"

    objects = {
        "000001": thing("dog", 0) + thing("dog", 1) + thing("person", 1),
        "000002": thing("cat", 1) + thing("unicorn", 0),
        "000003": "<object><name>sofa</name></object>",
    }
    (tmp_path / "Annotations").mkdir()
    for number, content in objects.items():
        (tmp_path / "Annotations" / f"{number}.xml").write_text(f"<annotation>{content}</annotation>")
    (tmp_path / "trainval.txt").write_text("\n".join(objects) + "\n")
    return tmp_path


@pytest.mark.parametrize(("difficult", "value"), [(None, -1), (True, 1), (False, 0)])
def test_voc_difficult_objects(voc, difficult, value):
    source = VOC(str(voc), str(voc / "trainval.txt"), difficult_as_postive=difficult)
    expected = np.zeros((3, 20), int)
    for row, name, label in ((0, "person", value), (0, "dog", 1), (1, "cat", value), (2, "sofa", 1)):
        expected[row, source.classes.index(name)] = label
    np.testing.assert_array_equal(source.labels, expected)
    assert names(source)[0] == "JPEGImages/000001.jpg"


def test_voc_missing_annotation(voc):
    (voc / "Annotations" / "000002.xml").write_text("<annotation>")
    with pytest.raises(UserError, match=r"000002\.xml: cannot be read"):
        VOC(str(voc), str(voc / "trainval.txt"))


@pytest.fixture
def cub(tmp_path):
    (tmp_path / "images").mkdir()
    (tmp_path / "images.txt").write_text("1 001.Laysan/a.jpg\n2 001.Laysan/b.jpg\n3 002.Sooty/c.jpg\n")
    (tmp_path / "labels.txt").write_text("1 1\n2 1\n3 2\n")
    (tmp_path / "split.txt").write_text("1 1\n2 0\n3 1\n")
    return [str(tmp_path / name) for name in ("images", "images.txt", "labels.txt", "split.txt")]


def test_cub(cub):
    train, test = CUB(*cub), CUB(*cub, test_mode=True)
    assert names(train) == ["001.Laysan/a.jpg", "002.Sooty/c.jpg"]
    assert names(test) == ["001.Laysan/b.jpg"]
    assert train.labels.tolist() == [0, 1]
    assert test.classes == ("Laysan", "Sooty")


def test_cub_files_that_do_not_fit(cub):
    with open(cub[2], "a") as file:
        file.write("4 2\n")
    with pytest.raises(UserError, match=r"differ in length: .*images.txt: 3, .*labels.txt: 4"):
        CUB(*cub)
    with open(cub[2], "w") as file:
        file.write("1 1\n2\n3 1\n")
    with pytest.raises(UserError, match=r"labels.txt:2: expected two columns"):
        CUB(*cub)


@pytest.fixture
def cars(tmp_path):
    (tmp_path / "devkit").mkdir()
    fields = ["bbox_x1", "bbox_y1", "bbox_x2", "bbox_y2", "class", "fname"]
    for name, records in (
        ("cars_train_annos", [(1, 2, 3, 4, 2, "00001.jpg"), (1, 2, 3, 4, 1, "00002.jpg")]),
        ("cars_test_annos_withlabels", [(1, 2, 3, 4, 2, "00001.jpg")]),
    ):
        array = np.empty((1, len(records)), dtype=[(field, object) for field in fields])
        for i, record in enumerate(records):
            array[0, i] = record
        savemat(tmp_path / "devkit" / f"{name}.mat", {"annotations": array})
    savemat(tmp_path / "devkit" / "cars_meta.mat", {"class_names": np.array([["Acura", "Audi R8"]], dtype=object)})
    return tmp_path


def test_stanford_cars(cars):
    train, test = StanfordCars(str(cars)), StanfordCars(str(cars), test_mode=True)
    assert train.labels.tolist() == [1, 0]
    assert train[0]["filename"] == str(cars / "cars_train" / "00001.jpg")
    assert test[0]["filename"] == str(cars / "cars_test" / "00001.jpg")
    assert train.classes == ("Acura", "Audi R8")
    (cars / "devkit" / "cars_meta.mat").unlink()
    with pytest.raises(UserError, match=r"cars_meta\.mat: expected a MATLAB file with 'class_names'"):
        StanfordCars(str(cars))
    assert StanfordCars(str(cars), classes=["a", "b"]).classes == ("a", "b")
