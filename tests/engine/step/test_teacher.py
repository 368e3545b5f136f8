"""A training step with a teacher."""

from __future__ import annotations

import jax
import numpy as np
import optax
import pytest

import jaxcls
from jaxcls.engine.step.accumulation import Accumulation
from jaxcls.engine.step.inputs import Inputs
from jaxcls.engine.step.options import StepOptions
from jaxcls.engine.step.parallel import Parallel
from jaxcls.engine.step.teacher import Teacher
from jaxcls.engine.step.train_step import make_train_step
from jaxcls.models.distillation import Distillation
from tests.engine import tiny
from tests.models.filled import filled
from tests.models.test_distillation import softmax, teacher_loss

EIGHT, ONE = len(jax.devices()), Parallel(devices=jax.devices()[:1])
RNG = np.random.default_rng(0)
BATCH = {
    "image": RNG.standard_normal((EIGHT, 8, 8, 1)).astype(np.float32),
    "label": np.arange(EIGHT, dtype=np.int32) % 10,
}
ARCH = {"embed_dims": 8, "num_layers": 1, "num_heads": 2, "feedforward_channels": 8}
DEIT = {
    "type": "ImageClassifier",
    "backbone": {
        "type": "DistilledVisionTransformer",
        "arch": ARCH,
        "img_size": 8,
        "patch_size": 4,
        "in_channels": 1,
    },
    "neck": None,
    "head": {"type": "DeiTClsHead", "in_channels": 8, "num_classes": 10},
}
ONE_HEAD = tiny.model(norm_cfg={"type": "LN2d"})
TWO_HEADS = {**ONE_HEAD, "head": {"type": "EfficientFormerClsHead", "num_classes": 10}}
HARD, SOFT = Distillation("hard", 0.3), Distillation("soft", 0.1, 3.0)


def made(config):
    classifier = jaxcls.build_classifier(config)
    return classifier, filled(classifier, BATCH["image"])


def teacher_of(distillation, see=None, columns=None):
    classifier, variables = made(tiny.model())
    return Teacher(classifier, variables, distillation, see, columns)


def stepped(student, teacher, parallel=ONE, inputs=Inputs(), options=StepOptions(), steps=1):  # noqa: B008 (immutable)
    classifier, variables = student
    tx = optax.sgd(0.1)
    state = jaxcls.create_train_state(variables, tx, options)
    step = make_train_step(classifier, tx, parallel=parallel, inputs=inputs, options=options, teacher=teacher)
    for _ in range(steps):
        state, log_vars = step(state, BATCH, jax.random.key(0))
    return jax.device_get((state, log_vars))


@pytest.mark.parametrize(
    ("config", "distillation"),
    [
        pytest.param(ONE_HEAD, HARD, id="one head, hard"),
        pytest.param(ONE_HEAD, SOFT, id="one head, soft", marks=pytest.mark.slow),
        pytest.param(TWO_HEADS, HARD, id="two heads, hard", marks=pytest.mark.slow),
        pytest.param(DEIT, SOFT, id="tokens, soft"),
    ],
)
def test_the_loss_is_its_definition(config, distillation):
    student, teacher = made(config), teacher_of(distillation)
    classifier, variables = student
    features = classifier.apply(variables, BATCH["image"], train=True, method="extract_feat", rngs={})
    of_labels, of_teacher = classifier.apply(
        variables, features, method=lambda module, x: module.head.student_logits(x, True)
    )
    taught = np.asarray(teacher.classifier.apply(teacher.variables, BATCH["image"]))
    right = softmax(np.float64(of_labels))[np.arange(EIGHT), BATCH["label"]]
    alpha = distillation.alpha
    own, other = (
        -np.log(right).mean(),
        teacher_loss(distillation.type, np.asarray(of_teacher), taught, distillation.tau),
    )
    _, log_vars = stepped(student, teacher)
    assert log_vars["loss_cls"] == pytest.approx((1 - alpha) * own, rel=1e-5)
    assert log_vars["loss_distill"] == pytest.approx(alpha * other, rel=1e-5)
    assert log_vars["loss"] == pytest.approx((1 - alpha) * own + alpha * other, rel=1e-5)


def test_the_teacher_is_no_part_of_the_state_and_stays_as_it_is():
    student, teacher = made(TWO_HEADS), teacher_of(SOFT)
    before = jax.tree.map(np.array, teacher.variables)
    state, _ = stepped(student, teacher, steps=2)
    plain = jaxcls.create_train_state(student[1], optax.sgd(0.1))
    assert jax.tree.structure(state) == jax.tree.structure(plain)
    jax.tree.map(np.testing.assert_array_equal, teacher.variables, before)
    for name in ("head", "dist_head"):  # both learn
        assert np.any(state.params["head"][name]["kernel"] != student[1]["params"]["head"][name]["kernel"])


@pytest.mark.parametrize("mode", ["pmap", "shard_map", "fsdp"])
def test_every_wrapping_gives_the_same(mode):
    student, teacher = made(TWO_HEADS), teacher_of(SOFT)
    (alone, expected), (state, log_vars) = (stepped(student, teacher, parallel) for parallel in (ONE, Parallel(mode)))
    assert log_vars["loss_distill"] == pytest.approx(expected["loss_distill"], rel=1e-5)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6), state.params, alone.params)


def test_what_the_teacher_sees_and_in_which_order_its_classes_stand():
    student, order = made(TWO_HEADS), tuple(np.random.default_rng(1).permutation(10).tolist())
    changed = teacher_of(SOFT, see=lambda images: 2 * images - 1, columns=order)
    taught = changed.classifier.apply(changed.variables, 2 * BATCH["image"] - 1)[:, np.array(order)]
    of_teacher = student[0].apply(
        student[1], BATCH["image"], method=lambda m, x: m.head.student_logits(m.extract_feat(x))[1]
    )
    expected = SOFT.alpha * teacher_loss("soft", np.asarray(of_teacher), np.asarray(taught), SOFT.tau)
    assert stepped(student, changed)[1]["loss_distill"] == pytest.approx(expected, rel=1e-5)


def test_the_teacher_sees_mixed_images_and_gradients_accumulate():
    def mix(key, images, labels):
        return (images + images[::-1]) / 2, (np.eye(10)[BATCH["label"]] + np.eye(10)[BATCH["label"][::-1]]) / 2

    inputs, options = Inputs(mix_batch=mix), StepOptions(accumulation=Accumulation(2))
    student, teacher = made(TWO_HEADS), teacher_of(SOFT)
    state, log_vars = stepped(student, teacher, inputs=inputs, options=options)
    images, labels, _ = inputs(BATCH, jax.random.fold_in(jax.random.fold_in(jax.random.key(0), 0), 0))
    taught = teacher.classifier.apply(teacher.variables, images)
    losses = student[0].apply(student[1], images, labels, taught, SOFT, method="forward_distill")
    assert log_vars["loss"] == pytest.approx(float(losses["loss_cls"] + losses["loss_distill"]), rel=1e-5)
    jax.tree.map(np.testing.assert_array_equal, state.params, student[1]["params"])  # no update yet
    assert np.any(state.accumulated.grads["head"]["dist_head"]["kernel"])
