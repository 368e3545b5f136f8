"""A model of the zoo by its name."""

from __future__ import annotations

import jax
import numpy as np
import optax
import pytest

import jaxcls
from jaxcls import zoo
from jaxcls.convert import export_state_dict
from jaxcls.convert.writers import write_file
from jaxcls.engine.checkpoints.storage import Checkpoints
from jaxcls.errors import UserError


def filled(shapes):
    return jax.tree.map(lambda leaf: np.full(leaf.shape, 0.5, leaf.dtype), shapes)


def test_a_name_is_enough():
    model = jaxcls.get_model("lenet5")
    assert (model.image_shape, model.classes[7], len(model.classes)) == ((32, 32, 1), "7 - seven", 10)
    picture = np.random.default_rng(0).integers(0, 256, (40, 48, 3), np.uint8)
    (result,) = jaxcls.inference_model(model, picture)
    scores = jax.nn.softmax(model.classifier.apply(model.variables, model.preprocess(picture)[None])[0])
    np.testing.assert_allclose(result["class_scores"], scores, rtol=1e-5)
    assert result["pred_class"] == model.classes[int(scores.argmax())]


def test_weights_of_a_checkpoint(tmp_path):
    classifier = jaxcls.build_classifier(zoo.model_config("lenet5"))
    variables = filled(jax.eval_shape(classifier.init, jax.random.key(0), np.zeros((1, 32, 32, 1), np.float32)))
    checkpoints = Checkpoints(tmp_path)
    checkpoints.save(1, jaxcls.create_train_state(variables, optax.sgd(0.1)), {})
    checkpoints.close()
    model = jaxcls.get_model("lenet5", pretrained=tmp_path)
    assert jax.tree.all(jax.tree.map(np.array_equal, model.variables["params"], variables["params"]))


def test_preprocessing_goes_with_the_weights(monkeypatch):
    made = []
    monkeypatch.setattr("jaxcls.inference.named.Model", lambda description, *_: made.append(description))
    for name in ("resnet50", "resnet50_8xb256-rsb-a1-600e_in1k", "vit_base_p16_384"):
        jaxcls.get_model(name)
    assert [description["pipeline"][0]["size"] for description in made] == [(256, -1), (236, -1), (384, -1)]
    assert [description["image_shape"] for description in made] == [(224, 224, 3), (224, 224, 3), (384, 384, 3)]
    assert made[0]["classes"] == zoo.find("resnet50").class_names


def test_a_file_for_other_classes(tmp_path):
    classifier = jaxcls.build_classifier(zoo.model_config("lenet5", num_classes=3))
    variables = filled(jax.eval_shape(classifier.init, jax.random.key(0), np.zeros((1, 32, 32, 1), np.float32)))
    meta = {"CLASSES": ["cat", "dog", "hen"]}
    path = write_file(tmp_path / "lenet5.pth", export_state_dict(classifier, variables), meta)
    model = jaxcls.get_model("lenet5", pretrained=path)
    assert model.classes == ("cat", "dog", "hen")
    assert jax.tree.all(jax.tree.map(np.array_equal, model.variables["params"], variables["params"]))


def test_published_weights_are_fetched(tmp_path, monkeypatch):
    monkeypatch.setenv("JAXCLS_CACHE", str(tmp_path))
    monkeypatch.setenv("https_proxy", "http://localhost:9")
    message = r"resnet50_8xb32_in1k_20210831-ea4938fc\.pth is not there, and https://.* cannot be downloaded: "
    with pytest.raises(UserError, match=message):
        jaxcls.get_model("resnet50", pretrained=True)


def test_weights_that_are_not_there():
    with pytest.raises(UserError, match=r"model 'lenet5': no weights are published; give pretrained=FILE"):
        jaxcls.get_model("lenet5", pretrained=True)
    with pytest.raises(UserError, match="pretrained=3: expected True, False, or weights"):
        jaxcls.get_model("lenet5", pretrained=3)
    with pytest.raises(UserError, match="nowhere"):
        jaxcls.get_model("lenet5", pretrained="nowhere")
    with pytest.raises(UserError, match="did you mean 'lenet5'"):
        jaxcls.get_model("lenet")
