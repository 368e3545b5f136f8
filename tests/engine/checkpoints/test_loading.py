"""Files of weights wherever a checkpoint can stand."""

from __future__ import annotations

import json

import jax
import numpy as np
import pytest

import jaxcls
from jaxcls.convert import export_state_dict
from jaxcls.convert.recognise import rename_back
from jaxcls.convert.writers import write_file
from jaxcls.engine.checkpoints.loading import choose, read_notes
from jaxcls.engine.checkpoints.storage import Checkpoints
from jaxcls.engine.checkpoints.weights import load_for_tuning, load_pretrained
from jaxcls.engine.log import get_logger
from jaxcls.errors import UserError
from jaxcls.tools.export_checkpoint import export_checkpoint
from tests.engine import tiny
from tests.engine.checkpoints.test_weights import differing, made, model

SHAPE = (8, 8, 3)


@pytest.fixture(scope="module")
def network():
    """(classifier, its variables, the same with timm's names)."""
    classifier, variables = made(model(8, 3), 0)
    return classifier, variables, rename_back(classifier, export_state_dict(classifier, variables), "timm")


@pytest.fixture(params=["pth", "safetensors", "npz", "index.json", "a work directory"])
def place(request, network, tmp_path):
    """Where the weights are."""
    _, variables, named = network
    path = tmp_path / f"model.{request.param}"
    if request.param == "npz":
        np.savez(path, **named)
    elif request.param == "index.json":
        files = [write_file(tmp_path / f"{i}.safetensors", dict(list(named.items())[i::2]), {}) for i in range(2)]
        places = {name: files[i % 2].name for i, name in enumerate(named)}
        path.write_text(json.dumps({"metadata": {"total_size": 0}, "weight_map": places}))
    elif request.param == "a work directory":
        path = tmp_path / "work"
        checkpoints = Checkpoints(path)
        checkpoints.save(1, variables, {})
        checkpoints.close()
    else:
        write_file(path, named, {"CLASSES": ["a", "b", "c"]})
    return path


def test_load_checkpoint(network, place):
    classifier, variables, _ = network
    found = jaxcls.load_checkpoint(classifier, place, SHAPE)
    assert jax.tree.all(jax.tree.map(np.array_equal, found["params"], variables["params"]))


def test_half_precision(network, tmp_path):
    classifier, variables, named = network
    path = write_file(tmp_path / "x.pth", {name: value.astype(np.float16) for name, value in named.items()}, {})
    found = jaxcls.load_checkpoint(classifier, path, SHAPE)
    rounded = jax.tree.map(lambda leaf: leaf.astype(np.float16).astype(np.float32), variables["params"])
    assert jax.tree.all(jax.tree.map(np.array_equal, found["params"], rounded))


def test_positions_for_another_size(network, tmp_path):
    named = network[2]
    classifier, _ = made(model(12, 3), 1)
    found = jaxcls.load_checkpoint(classifier, write_file(tmp_path / "x.pth", named, {}), (12, 12, 3))
    assert found["params"]["backbone"]["pos_embed"].shape == (1, 10, 8)
    assert differing(found["params"]["backbone"], network[1]["params"]["backbone"]) == {"pos_embed"}


def test_all_that_does_not_fit_is_named(network, tmp_path):
    classifier, _, named = network
    given = {**named, "fc.weight": np.zeros((3, 8), np.float32), "norm.bias": np.zeros(5, np.float32)}
    given["norm.weight"] = np.zeros(8, np.int64)
    del given["blocks.0.mlp.fc1.bias"]
    path = write_file(tmp_path / "x.pth", given, {})
    message = r"x\.pth: state dict \(timm or the paper's code's names\) does not fit the model, 4 problems: "
    with pytest.raises(UserError, match=message) as error:
        jaxcls.load_checkpoint(classifier, path, SHAPE)
    for part in (
        "missing backbone.layers.0.ffn.layers.0.0.bias (8,)",
        "unexpected fc.weight (3, 8)",
        "backbone.ln1.bias has shape (5,), expected (8,)",
        "backbone.ln1.weight is int64, expected floating-point numbers",
    ):
        assert part in str(error.value)
    with pytest.raises(
        UserError, match=r"x\.pth \(timm or the paper's code's names.*: 1 problems: backbone\.ln1\.weight is int64"
    ):
        load_for_tuning(*made(model(8, 5), 1), str(path))


@pytest.mark.parametrize(
    ("meta", "notes"),
    [
        ({"CLASSES": ["a", "b"]}, {"original_classes": ["a", "b"]}),
        ({"dataset_meta": {"classes": ["a", "b"]}}, {"original_classes": ["a", "b"]}),
        ({"CLASSES": None}, {}),
        ({"CLASSES": [1, 2]}, {}),
    ],
)
def test_classes_that_a_file_names(network, tmp_path, meta, notes):
    assert read_notes(write_file(tmp_path / "x.pth", network[2], meta)) == notes


def test_averages_that_a_checkpoint_does_not_have():
    averaged, raw = {"params": {"a": np.zeros(2)}}, {"params": {"a": np.ones(2)}}
    assert [choose(averaged, raw, weights, "it") is averaged for weights in (None, "ema", "raw")] == [True, True, False]
    assert choose(raw, raw, None, "it") is raw
    with pytest.raises(UserError, match="weights='ema': it holds no averaged weights"):
        choose(raw, raw, "ema", "it")


def test_nothing_there(network, tmp_path):
    with pytest.raises(UserError, match=r"nothing\.pth does not exist; expected a work directory, a checkpoint in it"):
        jaxcls.load_checkpoint(network[0], tmp_path / "nothing.pth", SHAPE)


def test_tuning_with_other_classes(network, place, caplog, monkeypatch):
    monkeypatch.setattr(get_logger(), "propagate", True)
    classifier, variables = made(model(8, 5), 1)
    found = load_for_tuning(classifier, variables, str(place))["params"]
    assert not differing(found["backbone"], network[1]["params"]["backbone"])
    assert not differing(found["head"], variables["params"]["head"])
    assert "left as initialised: head.layers.head.bias ((3,) there, (5,) here), head.layers.head.kernel" in caplog.text
    assert "timm or the paper's code's names" in caplog.text or place.name == "work"


@pytest.mark.parametrize("prefix", [None, "encoder", "encoder."])
def test_a_pretrained_backbone(network, tmp_path, prefix):
    named = {name if prefix is None else f"encoder.{name}": value for name, value in network[2].items()}
    if prefix is not None:
        named["decoder.weight"] = np.zeros(3, np.float32)
    path, config = write_file(tmp_path / "x.pth", named, {}), model(8, 5)
    config["backbone"]["init_cfg"] = {"type": "Pretrained", "checkpoint": str(path), "prefix": prefix}
    classifier, variables = made(config, 1)
    found = load_pretrained(classifier, config, variables)["params"]
    assert not differing(found["backbone"], network[1]["params"]["backbone"])
    assert not differing(found["head"], variables["params"]["head"])


def test_a_pretrained_backbone_of_the_originals(network, tmp_path):
    classifier, variables, _ = network
    path, config = tmp_path / "x.pth", model(8, 5)
    write_file(path, export_state_dict(classifier, variables), {})
    config["backbone"]["init_cfg"] = {"type": "Pretrained", "checkpoint": str(path), "prefix": "backbone."}
    found = load_pretrained(classifier, config, made(config, 1)[1])["params"]
    assert not differing(found["backbone"], variables["params"]["backbone"])


def test_a_pretrained_backbone_that_is_deeper(network, tmp_path):
    named = dict(network[2])
    named |= {name.replace("blocks.0", "blocks.1"): value for name, value in named.items() if "blocks.0" in name}
    config = model(8, 3)
    path = str(write_file(tmp_path / "x.pth", named, {}))
    config["backbone"]["init_cfg"] = {"type": "Pretrained", "checkpoint": path}
    classifier, variables = made(config, 1)
    message = (
        r"backbone\.init_cfg: .*x\.pth \(timm or the paper's code's names.*12 problems: it has backbone\.layers\.1"
    )
    with pytest.raises(UserError, match=message):
        load_pretrained(classifier, config, variables)


def test_a_run_begins_with_a_file_and_is_exported(tmp_path):
    """A training's weights go out as a file of PyTorch's names, begin another training, and are evaluated."""
    work = tmp_path / "first"
    runner = tiny.train(work, runner={"max_epochs": 1})
    path = export_checkpoint(work, tmp_path / "first.pth")
    own = json.loads((work / "config.json").read_text())
    numbers, classes = jaxcls.evaluate_model(own, work)
    assert jaxcls.evaluate_model(own, path) == (numbers, classes)
    images = list(np.zeros((2, 8, 8, 1), np.uint8))
    models = (jaxcls.init_model(own, path), jaxcls.init_model(work))
    found, expected = (jaxcls.inference_model(model, images)[0]["class_scores"] for model in models)
    np.testing.assert_array_equal(found, expected)
    with pytest.raises(UserError, match=r"first\.pth is a file of weights, which does not say of what network"):
        jaxcls.init_model(path)
    still = {"type": "SGD", "lr": 1e-30}
    again = tiny.train(tmp_path / "second", runner={"max_epochs": 1}, load_from=str(path), optimizer=still)
    kernel = runner.state.params["head"]["fc"]["kernel"]
    np.testing.assert_array_equal(again.state.params["head"]["fc"]["kernel"], kernel)
