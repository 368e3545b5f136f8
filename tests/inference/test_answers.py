"""From one checkpoint to answers: evaluation, inference_model and predict say the same."""

from __future__ import annotations

import csv
import json
from functools import partial
from types import SimpleNamespace

import jax
import numpy as np
import pytest

import jaxcls
from jaxcls.errors import UserError
from jaxcls.inference import find_model, predictions
from jaxcls.outputs import EvaluationOutputs
from jaxcls.results import Results, rounded
from jaxcls.tools import export_checkpoint, predict
from tests.engine.test_class_names import config_of, images, source

NAMES = ("ant", "bee", "cat")
TTA = {"flips": ["horizontal"], "scales": [1.5], "crops": 5, "average": "logits"}


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A training with averages whose last batch of validation is not full; its scores and the model."""
    root = tmp_path_factory.mktemp("answers")
    train, val = images(root / "train", *NAMES), images(root / "val", *NAMES, count=7)
    config = config_of(source(train), source(val), tta=TTA, batch_size=16)
    config.ema = {"momentum": 0.5}
    jaxcls.train_model(config, root / "work")
    log = next((root / "work").glob("*.log.json")).read_text()
    return SimpleNamespace(
        root=root,
        config=config,
        work=root / "work",
        paths=[str(path) for path in sorted(val.glob("*/*.png"))],
        logged=json.loads(log.splitlines()[-1]),
        model=jaxcls.init_model(root / "work"),
    )


def evaluated(run, **options):
    """The numbers and the scores of an evaluation."""
    batches = []
    numbers, _ = jaxcls.evaluate_model(run.config, run.work, keep=batches.append, **options)
    return numbers, np.concatenate([batch.scores for batch in batches])


def scores_of(results):
    return np.stack([result["class_scores"] for result in results])


@pytest.fixture(scope="module")
def plain(run):
    return evaluated(run)


def test_all_ways_to_scores_give_the_same_bits(run, plain, tmp_path, capsys):
    numbers, scores = plain
    assert rounded(numbers) == {name: run.logged[name] for name in numbers}
    results = jaxcls.inference_model(run.model, run.root / "val")
    np.testing.assert_array_equal(scores_of(results), scores)
    predict.main([str(run.root / "val"), f"--ckpt={run.work}", f"--out={tmp_path / 'p.json'}", "--topk=3"])
    listed = json.loads((tmp_path / "p.json").read_text())
    assert [entry["image"] for entry in listed] == run.paths
    for entry, row in zip(listed, scores, strict=True):
        best = int(row.argmax())
        assert (entry["pred_label"], entry["pred_class"], entry["pred_score"]) == (best, NAMES[best], float(row[best]))
        assert [one["label"] for one in entry["topk"]] == np.argsort(-row, kind="stable").tolist()
        assert [(one["class"], one["score"]) for one in entry["topk"]] == [
            (NAMES[one["label"]], float(row[one["label"]])) for one in entry["topk"]
        ]
        assert set(entry) == {"image", "pred_label", "pred_class", "pred_score", "topk"}
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 21  # many images: a line each
    assert lines[0] == f"{run.paths[0]}: {listed[0]['pred_class']} {listed[0]['pred_score']:.4f}"


def test_an_iterator_is_read_in_parts(run, plain, monkeypatch):
    monkeypatch.setattr("jaxcls.inference.predict._CHUNK", 1)
    taken = []
    results = predictions(run.model, (taken.append(path) or path for path in run.paths))
    first = next(results)
    assert len(taken) == 16
    np.testing.assert_array_equal(scores_of([first, *results]), plain[1])


def test_damaged_files_are_named_and_the_rest_is_done(run, plain, tmp_path, capsys):
    broken, missing, out = tmp_path / "broken.png", tmp_path / "missing.png", tmp_path / "p.csv"
    broken.write_bytes(b"no image")
    given = [str(broken), run.paths[0], str(missing), *run.paths[1:8]]
    with pytest.raises(UserError) as error:
        predict.main([*given, f"--ckpt={run.work}", f"--out={out}", f"--show_dir={tmp_path / 'shown'}"])
    first, *others = str(error.value).splitlines()
    assert first == "2 of 10 images have no prediction"
    assert [str(path) in line for path, line in zip((broken, missing), others, strict=True)] == [True, True]
    rows = list(csv.DictReader(out.read_text().splitlines()))
    assert [row["image"] for row in rows] == given
    assert [bool(row["error"]) for row in rows] == [True, False, True] + [False] * 7
    assert float(rows[1]["pred_score"]) == plain[1][0].max()
    assert rows[1]["top1_class"] == rows[1]["pred_class"]
    assert len(list((tmp_path / "shown").iterdir())) == 8
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2 + 8 * 4  # a table for each of few images
    assert "█" in lines[2]


def test_batches_of_few_sizes_are_compiled(run, monkeypatch):
    model = jaxcls.init_model(run.work)
    shapes = []

    def counted(images):
        shapes.append(images.shape[0] * jax.device_count())  # at each trace
        return run.model.preprocess.on_device(images)

    monkeypatch.setattr(model.preprocess, "on_device", counted)
    for count in (1, 1, 2, 5, 8, 9, 13, 21):
        assert len(jaxcls.inference_model(model, run.paths[:count])) == count
    assert set(shapes) == {max(1, jax.device_count()), 8, 16}  # 16 is the run's
    shapes.clear()
    jaxcls.inference_model(model, run.paths[:3])
    assert not shapes


def test_augmented_scores_are_those_of_the_definition(run, plain):
    _, scores = evaluated(run, tta=True)
    assert np.abs(scores - plain[1]).max() > 1e-3
    np.testing.assert_array_equal(scores_of(jaxcls.inference_model(run.model, run.paths, tta=True)), scores)
    apply = jax.jit(run.model.classifier.apply)
    whole = np.stack([run.model.preprocess(path) for path in run.paths])
    large = np.asarray(jax.image.resize(whole, (21, 12, 12, 3), "bilinear"))
    starts = ((0, 0), (0, 4), (4, 0), (4, 4), (2, 2))
    crops = [large[:, top : top + 8, left : left + 8] for top, left in starts]
    logits = [apply(run.model.variables, view) for crop in crops for view in (crop, crop[:, :, ::-1])]
    np.testing.assert_allclose(scores, jax.nn.softmax(np.mean(logits, 0)), atol=1e-6)
    flipped = scores_of(jaxcls.inference_model(run.model, run.paths, tta={"flips": "vertical"}))
    by_hand = [jax.nn.softmax(apply(run.model.variables, view)) for view in (whole, whole[:, ::-1])]
    np.testing.assert_allclose(flipped, np.mean(by_hand, 0), atol=1e-6)


@pytest.mark.slow
def test_views_of_larger_images_than_the_networks(run):
    """Crops by the centre and corners of what another pipeline leaves, also where an image cannot be read."""
    pipeline = [*run.config.data.val.pipeline]
    pipeline[1] = {"type": "Resize", "size": (9, 10)}
    run.config.data.tta, kept = {"crops": 5, "pipeline": pipeline}, run.config.data.tta
    try:
        _, scores = evaluated(run, tta=True)
        given = [*run.paths, "nowhere.png"]
        *results, failed = predictions(run.model, given, tta=run.config.data.tta, on_error="note")
    finally:
        run.config.data.tta = kept
    np.testing.assert_array_equal(scores_of(results), scores)
    assert "nowhere.png" in failed["error"]


def test_what_a_network_cannot_take_is_said_before_the_training(run, tmp_path):
    for tta, message in (
        ({"crops": 5}, r"^data\.tta: crops of 8x8 pixels of images of 8x8 are all the same"),
        ({"crops": 5, "crop_size": 9}, r"^data\.tta: crops of 9x9 pixels of images of 8x8: the images are too small"),
        ({"flips": ["left"]}, r"config\.data\.tta: Views: flips='left': expected one of"),
        ({"pipeline": [{"type": "Resise"}]}, r"config\.data\.tta\.pipeline\[0\]\.type: 'Resise'"),
    ):
        config = config_of(source(run.root / "train"), source(run.root / "val"), tta=tta)
        with pytest.raises(UserError, match=message):
            jaxcls.train_model(config, tmp_path / "work")
    assert not (tmp_path / "work").exists()


def test_averaged_and_raw_weights_by_name(run, plain):
    raw, averaged = evaluated(run, weights="raw")[1], evaluated(run, weights="ema")[1]
    np.testing.assert_array_equal(averaged, plain[1])
    assert not np.array_equal(raw, averaged)
    with pytest.raises(UserError, match="weights='mean': expected 'ema' or 'raw'"):
        evaluated(run, weights="mean")


@pytest.mark.slow
def test_the_deployed_form_says_the_same(run, plain, tmp_path):
    _, scores = evaluated(run, deploy=True)
    np.testing.assert_allclose(scores, plain[1], atol=1e-5)
    model = jaxcls.init_model(run.work, deploy=True)
    assert not jax.tree.leaves(model.variables["batch_stats"])
    np.testing.assert_array_equal(scores_of(jaxcls.inference_model(model, run.paths)), scores)
    augmented = scores_of(jaxcls.inference_model(model, run.paths, tta=True))
    np.testing.assert_allclose(augmented, evaluated(run, tta=True)[1], atol=1e-5)


def test_features_of_all_images(run):
    seen = np.stack([run.model.preprocess(path) for path in run.paths])
    apply = jax.jit(partial(run.model.classifier.apply, method="extract_feat"), static_argnames="stage")
    for stage in ("backbone", "neck"):
        expected = apply(run.model.variables, seen, stage=stage)
        found = run.model.features(run.root / "val", stage=stage)
        jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6), found, expected)
    with pytest.raises(UserError, match="stage='necks'; did you mean 'neck'"):
        run.model.features(run.paths, "necks")


def test_what_an_evaluation_leaves(run, plain, tmp_path):
    out = Results(tmp_path / "r.json")
    with EvaluationOutputs(out, tmp_path / "m.csv", tmp_path / "shown", show_limit=4) as outputs:
        numbers, _ = jaxcls.evaluate_model(run.config, run.work, keep=outputs.keep, begin=outputs.begin)
    outputs.write(numbers)
    found = json.loads((tmp_path / "r.json").read_text())
    assert found["image"] == run.paths
    assert found["class_scores"] == plain[1].tolist()
    assert found["gt_class"] == ["ant"] * 7 + ["bee"] * 7 + ["cat"] * 7
    matrix = [row[1:] for row in csv.reader((tmp_path / "m.csv").read_text().splitlines())][1:]
    right = sum(int(matrix[k][k]) for k in range(3))
    assert right == round(numbers["accuracy_top-1"] * 21 / 100) < 21
    shown = sorted(path.stem for path in (tmp_path / "shown").iterdir())
    assert len(shown) == 4
    wrong = np.asarray(found["pred_label"]) != np.repeat(np.arange(3), 7)
    surest = int(np.argmax(np.where(wrong, found["pred_score"], 0)))
    assert shown[0] == f"00001_wrong_{surest % 7}"


def test_what_a_checkpoint_can_be_called(run, tmp_path):
    with pytest.raises(UserError, match=r"resnet51: no such work directory.*did you mean 'resnet50'"):
        find_model("resnet51")
    file = tmp_path / "w.pth"
    export_checkpoint.export_checkpoint(run.work, file)
    with pytest.raises(UserError, match="is a file of weights, which does not say of what network: give --config"):
        find_model(file)
    for address in ("hf://nobody/here", "https://host.invalid/x.pth"):  # nothing is fetched before that is said
        with pytest.raises(UserError, match=f"{address} is a file of weights, which does not say of what network"):
            find_model(address)
    model = find_model(file, run.config)
    np.testing.assert_allclose(
        scores_of(jaxcls.inference_model(model, run.paths)),
        scores_of(jaxcls.inference_model(run.model, run.paths)),
        atol=1e-6,
    )
