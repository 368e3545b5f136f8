import dataclasses
import json
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxcls.builder import build
from jaxcls.errors import UserError
from jaxcls.models import losses
from jaxcls.models.losses import AsymmetricLoss, CrossEntropyLoss, FocalLoss, LabelSmoothLoss, SeesawLoss

GOLDEN = json.loads((Path(__file__).parents[1] / "golden/semantics/losses.json").read_text())
CASES = [case for case in GOLDEN["cases"] if case["loss"]["type"] in losses.__all__]
LOGITS = jnp.asarray(GOLDEN["logits"], jnp.float32)
Y, SOFT, MULTI = (np.asarray(GOLDEN[name]) for name in ("y", "soft", "multi"))


def case_id(case):
    arguments = {**case["loss"], **case["call"]}
    return f"{arguments.pop('type')}-{case['target']}-{'-'.join(arguments)}"


def arguments_of(case):
    label = jnp.asarray(GOLDEN[case["target"]], jnp.int32 if case["target"] == "y" else jnp.float32)
    call = dict(case["call"])
    if "weight" in call:
        call["weight"] = jnp.asarray(GOLDEN["weight"], jnp.float32)
    return label, call


def test_every_golden_case_has_its_loss():
    assert len(CASES) == len(GOLDEN["cases"]) == 31


@pytest.mark.parametrize("case", CASES, ids=case_id)
def test_value_and_gradient_are_the_original_s(case):
    loss = build(case["loss"], losses)
    label, call = arguments_of(case)
    np.testing.assert_allclose(loss(LOGITS, label, **call), case["value"], rtol=1e-5, atol=1e-6)
    grad = jax.grad(lambda logits: jnp.sum(loss(logits, label, **call)))(LOGITS)
    np.testing.assert_allclose(grad, case["grad"], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("case", CASES, ids=case_id)
def test_jit_gives_the_same_with_the_loss_static_and_types_strict(case):
    loss = build(case["loss"], losses)
    label, call = arguments_of(case)
    reduction = call.pop("reduction_override", None)

    def run(loss, logits, label, call):
        return loss(logits, label, **call, reduction_override=reduction)

    with jax.numpy_dtype_promotion("strict"):
        actual = jax.jit(run, static_argnums=0)(loss, LOGITS, label, call)
    np.testing.assert_allclose(actual, run(loss, LOGITS, label, call), rtol=1e-6)


def test_is_computed_in_float32_for_half_precision_logits():
    logits = LOGITS.astype(jnp.bfloat16)
    value = CrossEntropyLoss()(logits, Y)
    assert value.dtype == jnp.float32
    assert value == CrossEntropyLoss()(logits.astype(jnp.float32), Y)


@pytest.mark.parametrize(
    ("name", "defaults"),
    [
        ("CrossEntropyLoss", dict(use_sigmoid=False, use_soft=False, class_weight=None, pos_weight=None)),
        ("LabelSmoothLoss", dict(num_classes=None, mode="original")),
        ("FocalLoss", dict(gamma=2.0, alpha=0.25)),
        ("AsymmetricLoss", dict(gamma_pos=0.0, gamma_neg=4.0, clip=0.05, use_sigmoid=True, eps=1e-8)),
        ("SeesawLoss", dict(use_sigmoid=False, p=0.8, q=2.0, num_classes=1000, eps=1e-2)),
    ],
)
def test_defaults_are_the_original_s(name, defaults):
    fields = {field.name: field.default for field in dataclasses.fields(getattr(losses, name))}
    assert {key: fields[key] for key in defaults} == defaults
    assert (fields["reduction"], fields["loss_weight"]) == ("mean", 1.0)


def test_without_a_clip_nothing_is_shifted():
    prob = 1 / (1 + np.exp(-np.asarray(LOGITS, np.float64)))
    expected = np.where(MULTI == 1, -np.log(prob), -np.log(1 - prob) * prob**4)
    for clip in (None, 0.0):
        np.testing.assert_allclose(AsymmetricLoss(clip=clip, reduction="none")(LOGITS, MULTI), expected, rtol=1e-5)


@pytest.mark.parametrize(("p", "q"), [(0.0, 0.0), (0.8, 0.0), (0.0, 0.5), (0.5, 2.0)])
def test_seesaw_by_its_definition(p, q):
    """Wang et al. 2021, equations 4 to 7, with the counts of this batch."""
    logits, counts = np.asarray(LOGITS, np.float64), np.maximum(np.bincount(Y, minlength=7), 1)
    scores = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    expected = []
    for row, score, label in zip(logits, scores, Y, strict=True):
        mitigation = np.minimum(counts / counts[label], 1) ** p
        compensation = np.maximum(score / max(score[label], 1e-2), 1) ** q
        weighted = np.exp(row) * mitigation * compensation
        weighted[label] = np.exp(row[label])
        expected.append(-np.log(weighted[label] / weighted.sum()))
    loss = SeesawLoss(num_classes=7, p=p, q=q, reduction="none")
    np.testing.assert_allclose(loss(LOGITS, Y), expected, rtol=1e-5)


def test_one_hot_labels_equal_class_indices():
    one_hot = np.eye(LOGITS.shape[1])[Y]
    weights = GOLDEN["cases"][15]["loss"]["class_weight"]
    for loss in (CrossEntropyLoss(), CrossEntropyLoss(class_weight=weights), LabelSmoothLoss(0.1), FocalLoss()):
        np.testing.assert_allclose(loss(LOGITS, one_hot), loss(LOGITS, Y), rtol=1e-6)


def test_mixed_labels_mix_the_losses():
    other = (Y + 1) % LOGITS.shape[1]
    mixed = 0.3 * np.eye(LOGITS.shape[1])[Y] + 0.7 * np.eye(LOGITS.shape[1])[other]
    for loss in (CrossEntropyLoss(), LabelSmoothLoss(0.1), LabelSmoothLoss(0.1, mode="classy_vision")):
        expected = 0.3 * loss(LOGITS, Y) + 0.7 * loss(LOGITS, other)
        np.testing.assert_allclose(loss(LOGITS, mixed), expected, rtol=1e-6)


def test_column_of_class_indices_is_one_hot_coded_but_not_for_one_class():
    for classes in (2, LOGITS.shape[1]):
        logits, labels = LOGITS[:, :classes], Y % classes
        np.testing.assert_array_equal(FocalLoss()(logits, labels[:, None]), FocalLoss()(logits, labels))
    one_class, label = LOGITS[:, :1], MULTI[:, :1]
    value = FocalLoss(gamma=0.0, alpha=0.5)(one_class, label)
    np.testing.assert_allclose(value, 0.5 * CrossEntropyLoss(use_sigmoid=True)(one_class, label), rtol=1e-6)


@pytest.mark.parametrize(
    "plain_loss",
    [CrossEntropyLoss(), LabelSmoothLoss(0.1), FocalLoss(), AsymmetricLoss()],
    ids=lambda x: type(x).__name__,
)
def test_loss_weight_and_reduction_hold_for_every_loss(plain_loss):
    fields = {**vars(plain_loss), "loss_weight": 3.0, "reduction": "sum"}
    expected = 3 * plain_loss(LOGITS, Y, reduction_override="sum")
    np.testing.assert_allclose(type(plain_loss)(**fields)(LOGITS, Y), expected, rtol=1e-6)


@pytest.mark.parametrize("loss", [CrossEntropyLoss(use_sigmoid=True), AsymmetricLoss(), FocalLoss(gamma=0.5)], ids=repr)
def test_gradients_stay_finite_for_extreme_logits(loss):
    logits = jnp.asarray([[200.0, -200.0, 0.0], [-200.0, 200.0, 20.0]])
    grad = jax.grad(lambda logits: loss(logits, jnp.asarray([[1, 0, 1], [1, 0, 0]])))(logits)
    assert np.isfinite(grad).all()


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"type": "CrossEntropyLos"}, "did you mean 'CrossEntropyLoss'"),
        ({"type": "CrossEntropyLoss", "use_soft": True, "use_sigmoid": True}, "exclude each other"),
        ({"type": "CrossEntropyLoss", "reduction": "average"}, "'average' is not one of none, mean, sum"),
        ({"type": "CrossEntropyLoss", "pos_weight": [1.0]}, "needs use_sigmoid"),
        ({"type": "LabelSmoothLoss"}, "needs 'label_smooth_val'"),
        ({"type": "LabelSmoothLoss", "label_smooth_val": 1.0}, r"1.0 is not in \[0, 1\)"),
        ({"type": "LabelSmoothLoss", "label_smooth_val": 0.1, "mode": "soft"}, "'soft' is not one of original"),
    ],
)
def test_refuses_a_bad_config(config, message):
    with pytest.raises(UserError, match=message):
        build(config, losses)


def test_weights_in_lists_leave_a_loss_hashable():
    lists = CrossEntropyLoss(use_sigmoid=True, class_weight=[1, 2], pos_weight=[3.0, 4.0])
    tuples = CrossEntropyLoss(use_sigmoid=True, class_weight=(1.0, 2.0), pos_weight=(3.0, 4.0))
    assert hash(lists) == hash(tuples)
    assert lists == tuples


@pytest.mark.parametrize("name", losses.__all__)
def test_every_loss_refuses_an_unknown_reduction(name):
    needed = {"label_smooth_val": 0.1} if name == "LabelSmoothLoss" else {}
    with pytest.raises(UserError, match="reduction: 'average' is not one of none, mean, sum"):
        build({"type": name, "reduction": "average", **needed}, losses)


@pytest.mark.parametrize(
    ("loss", "label", "call", "message"),
    [
        (CrossEntropyLoss(), Y, {"avg_factor": 2, "reduction_override": "sum"}, "CrossEntropyLoss: avg_factor cannot"),
        (CrossEntropyLoss(), Y, {"reduction_override": "max"}, "'max' is not one of"),
        (CrossEntropyLoss(), Y, {"weight": np.ones(2)}, r"weight has shape \(2,\)"),
        (CrossEntropyLoss(), SOFT[:, :3], {}, r"label has shape \(6, 3\), expected .* \(6, 7\)"),
        (CrossEntropyLoss(use_soft=True), Y, {}, r"label has shape \(6,\)"),
        (CrossEntropyLoss(use_sigmoid=True), Y, {}, r"label has shape \(6,\)"),
        (CrossEntropyLoss(class_weight=(1.0, 2.0)), Y, {}, "class_weight has 2 values, expected one a class, 7"),
        (LabelSmoothLoss(0.1, num_classes=10), Y, {}, "num_classes is 10, but cls_score has 7"),
        (AsymmetricLoss(), MULTI[:, :3], {}, r"AsymmetricLoss: label has shape \(6, 3\)"),
    ],
)
def test_refuses_a_bad_call(loss, label, call, message):
    with pytest.raises(UserError, match=message):
        loss(LOGITS, label, **call)
