"""The parts of recipes, and the README's config for pictures of one's own."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import jaxcls
from jaxcls import recipes, zoo
from jaxcls.data.pipeline import build_dataset, build_pipeline
from jaxcls.errors import UserError
from jaxcls.zoo.entry import IMAGENET, Preprocessing

README = Path(__file__).parents[2] / "README.md"


def pictures(root: Path, count: int = 10, names: tuple[str, ...] = ("cat", "dog")) -> Path:
    rng = np.random.default_rng(0)
    for label, name in enumerate(names):
        (root / name).mkdir(parents=True)
        for i in range(count):
            pixels = rng.integers(0, 100, (20, 24, 3)) + 100 * label
            Image.fromarray(pixels.astype(np.uint8)).save(root / name / f"{i}.png")
    return root


def files(config: dict) -> set[str]:
    dataset = build_dataset(config)
    return {dataset.source[i]["filename"] for i in range(len(dataset.source))}


def test_a_folder_without_a_split_gives_a_fifth_of_each_class(tmp_path):
    data, classes = recipes.folder(pictures(tmp_path / "pets"), size=16, batch_size=4)
    train, val = files(data["train"]), files(data["val"])
    assert classes == ("cat", "dog")
    assert (len(train), len(val), train & val) == (16, 4, set())
    assert sorted(Path(name).parent.name for name in val) == ["cat", "cat", "dog", "dog"]
    assert files(recipes.folder(tmp_path / "pets")[0]["val"]) == val


@pytest.mark.parametrize("held", ["val", "valid", "validation", "test"])
def test_a_folder_with_a_split_is_taken_as_it_is(tmp_path, held):
    pictures(tmp_path / "train"), pictures(tmp_path / held, 3)
    data, classes = recipes.folder(tmp_path)
    assert classes == ("cat", "dog")
    assert len(files(data["train"])) == 20
    assert {Path(name).parents[1].name for name in files(data["val"])} == {held}


def test_train_alone_is_split(tmp_path):
    pictures(tmp_path / "train")
    data, classes = recipes.folder(tmp_path)
    assert (classes, len(files(data["train"])), len(files(data["val"]))) == (("cat", "dog"), 16, 4)


def test_a_missing_folder_is_named(tmp_path):
    with pytest.raises(UserError, match="nowhere"):
        recipes.folder(tmp_path / "nowhere")


def test_a_part_that_is_no_dict_is_named(tmp_path):
    both = recipes.folder(pictures(tmp_path))
    with pytest.raises(UserError, match=r"data: expected a dict, got tuple; .* data, classes = folder"):
        recipes.recipe(zoo.model_config("resnet18", 2), both, recipes.sgd(0.1), recipes.step([1]), max_epochs=1)


def test_sizes():
    preprocessing = zoo.find("convnext_tiny").preprocessing.at(112)
    assert preprocessing.pipeline() == [
        dict(type="Resize", size=(128, -1), interpolation="bicubic", backend="pillow"),
        dict(type="CenterCrop", crop_size=112),
        preprocessing.normalize,
    ]
    assert zoo.find("swin_base_384").preprocessing.at(64).pipeline()[0]["size"] == 64
    assert zoo.find("resnet50_cub").preprocessing.at(224).pipeline()[0]["size"] == (300, 300)
    assert recipes.digits(size=48)["val"]["pipeline"][0] == dict(type="Resize", size=48)


def test_efficientnets_crops():
    data = recipes.imagenet(256, Preprocessing(224, None, interpolation="bicubic", efficientnet_style=True, bgr=True))
    train, val = data["train"]["pipeline"], data["val"]["pipeline"]
    style = dict(interpolation="bicubic", efficientnet_style=True)
    assert train[0] == dict(type="RandomResizedCrop", size=224, **style)
    assert val[0] == dict(type="CenterCrop", crop_size=224, **style)
    assert train[-1] == val[-1] == dict(type="Normalize", mean=IMAGENET.mean, std=IMAGENET.std, bgr=True)
    for pipeline in train, val:
        assert build_pipeline(pipeline)[-1].bgr


def test_the_readmes_config_trains(tmp_path, monkeypatch, capsys):
    blocks = re.findall(r"```python\n(.*?)```", README.read_text(), re.DOTALL)
    (code,) = [block for block in blocks if "recipes.folder" in block]
    assert len(code.splitlines()) <= 10
    pictures(tmp_path / "path/to/pictures")
    monkeypatch.chdir(tmp_path)
    Path("mine.py").write_text(code)
    space: dict = {}
    exec(compile(code, "mine.py", "exec"), space)
    config = space["get_config"]()
    assert config.model.head.num_classes == 2
    small = dict(num_stages=1, out_indices=(0,), stem_channels=4, base_channels=4)
    config.model = zoo.model_config("resnet18", 2, backbone=small, head=dict(in_channels=4, topk=(1,)))
    config.update(runner=dict(type="EpochBasedRunner", max_epochs=1), data=recipes.folder("path/to/pictures", 16, 8)[0])
    jaxcls.train_model(config, "run")
    assert "accuracy_top-1" in json.loads(next(Path("run").glob("*.log.json")).read_text().splitlines()[-1])
