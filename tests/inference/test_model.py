"""A trained model that needs no data, and its word on images."""

from __future__ import annotations

import json
import shutil

import jax
import numpy as np
import pytest

import jaxcls
from jaxcls.config import load_config
from jaxcls.engine.checkpoints.storage import restore_checkpoint
from jaxcls.errors import UserError
from tests.engine import tiny
from tests.engine.test_class_names import config_of, images, source


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A work directory with averaged weights, the scores of its evaluation, and copies of its images; no data."""
    root = tmp_path_factory.mktemp("inference")
    train, val = images(root / "train", "ant", "bee", "cat"), images(root / "val", "cat", "bee", count=5)
    config = config_of(source(train), source(val))
    config.ema = {"momentum": 0.5}
    runner = jaxcls.train_model(config, root / "work")
    runner.checkpoints.save_interrupted(3, runner.state, runner.position())
    scores = []
    jaxcls.evaluate_model(config, root / "work", keep=lambda batch: scores.append(batch.scores))
    shutil.copytree(val, root / "copies")
    for folder in (train, val):
        shutil.rmtree(folder)
    return root, config, np.concatenate(scores)


@pytest.fixture(scope="module")
def model(trained):
    return jaxcls.init_model(trained[0] / "work")


def test_a_checkpoint_is_enough(trained, model):
    root, _, _ = trained
    assert (model.classes, model.image_shape) == (("ant", "bee", "cat"), (8, 8, 3))
    arrays, _ = restore_checkpoint(root / "work" / "checkpoints" / "1")
    assert not np.array_equal(arrays["params"]["head"]["fc"]["kernel"], arrays["ema_params"]["head"]["fc"]["kernel"])
    assert jax.tree.all(jax.tree.map(np.array_equal, model.variables["params"], arrays["ema_params"]))
    (root / "elsewhere" / "checkpoints").mkdir(parents=True)  # without config.json
    shutil.copytree(root / "work" / "checkpoints" / "1", root / "elsewhere" / "checkpoints" / "1")
    for place in ("work/checkpoints/1", "work/interrupted/3", "elsewhere", "elsewhere/checkpoints/1"):
        other = jaxcls.init_model(root / place)
        assert jax.tree.all(jax.tree.map(np.array_equal, other.variables, model.variables))


def test_scores_are_those_of_the_evaluation_bit_for_bit(trained, model):
    root, _, scores = trained
    paths = sorted((root / "copies").glob("*/*.png"))
    contents = [path.read_bytes() for path in paths[5:]]
    results = jaxcls.inference_model(model, [paths[0], root / "copies" / "bee", *contents])
    found = np.stack([result["class_scores"] for result in results])
    np.testing.assert_array_equal(found, scores[[0, *range(10)]])
    for result, row in zip(results, found, strict=True):
        assert result["pred_label"] == row.argmax()
        assert result["pred_class"] == model.classes[row.argmax()]
        assert result["pred_score"] == row.max()
        json.dumps({**result, "class_scores": row.tolist()})
    assert jaxcls.inference_model(model, []) == []


def test_classifier_variables_and_preprocess_fit_each_other(trained, model):
    root, _, scores = trained
    seen = model.preprocess(sorted((root / "copies").glob("*/*.png"))[0])
    logits = jax.jit(model.classifier.apply)(model.variables, seen[None])
    np.testing.assert_allclose(jax.nn.softmax(logits)[0], scores[0], rtol=1e-5)


def test_an_image_that_cannot_be_read_is_named(trained, model, tmp_path):
    (tmp_path / "broken.png").write_bytes(b"no image")
    with pytest.raises(UserError, match=r"broken\.png: not a readable image"):
        jaxcls.inference_model(model, tmp_path)
    with pytest.raises(UserError, match=r"\*\.gif: no file matches"):
        jaxcls.inference_model(model, str(tmp_path / "*.gif"))


def test_a_config_with_a_checkpoint_and_without(trained, model, tmp_path):
    root, config, _ = trained
    other = jaxcls.init_model(config, root / "work")
    assert (other.classes, other.image_shape) == (model.classes, model.image_shape)
    assert jax.tree.all(jax.tree.map(np.array_equal, other.variables, model.variables))
    recipe = jaxcls.init_model(f"{root / 'work' / 'config.json'}", root / "work")
    assert jax.tree.all(jax.tree.map(np.array_equal, recipe.variables, model.variables))
    config = config_of(source(images(tmp_path / "new", "dog", "emu")), classes=2)
    untrained = jaxcls.init_model(config)
    assert (untrained.classes, untrained.image_shape) == (("dog", "emu"), (8, 8, 3))
    # without data.val: the training pipeline's reading and normalising, and the network's size between them
    image = sorted((root / "copies").glob("*/*.png"))[0]
    np.testing.assert_array_equal(untrained.preprocess(image), model.preprocess(image))
    with pytest.raises(UserError, match=r"work has 3 classes \(ant, bee, cat\), but the head has 2"):
        jaxcls.init_model(config, root / "work")


def test_an_old_checkpoint_takes_what_it_lacks_from_the_data_of_its_config(trained, tmp_path):
    root, _, _ = trained
    work = tmp_path / "work"
    shutil.copytree(root / "work", work)
    for path in (work / "checkpoints" / "1" / "meta" / "metadata", work / "config.json"):
        content = json.loads(path.read_text())
        for key in ("classes", "pipeline", "image_shape", "precision", "import_from"):
            content.pop(key, None)
        path.write_text(json.dumps(content))
    (work / "checkpoints" / "1" / "checksums.json").unlink()
    shutil.rmtree(work / "interrupted")
    with pytest.raises(UserError, match=r"does not say how its classes .* cannot be read: data\.train.*no such"):
        jaxcls.init_model(work)
    for split, classes in (("train", ("ant", "bee", "cat")), ("val", ("cat",))):
        content["data"][split]["data_prefix"] = str(images(tmp_path / split, *classes, count=1))
    (work / "config.json").write_text(json.dumps(content))
    assert jaxcls.init_model(work).classes == ("ant", "bee", "cat")
    with pytest.raises(UserError, match=r"data\.val has 1 classes \(cat\), but the head has 3$"):
        jaxcls.evaluate_model(load_config(work / "config.json"), work)


def test_a_head_for_several_labels(tmp_path):
    images(tmp_path / "images", "x", count=4)
    (tmp_path / "a.txt").write_text("".join(f"x/{i}.png {i % 2}\n" for i in range(4)))
    node = source(tmp_path / "images", type="MultiLabelDataset", ann_file=str(tmp_path / "a.txt"), classes=["p", "q"])
    config = config_of(node)
    config.model = {**tiny.model(), "head": {"type": "MultiLabelLinearClsHead", "num_classes": 2}}
    (result,) = jaxcls.inference_model(jaxcls.init_model(config), tmp_path / "images" / "x" / "0.png")
    assert result["class_scores"].shape == (2,)
