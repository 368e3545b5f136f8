"""What a student learns from a teacher, against its definition in float64."""

from __future__ import annotations

import numpy as np
import pytest

from jaxcls.errors import UserError
from jaxcls.models.distillation import Distillation

RNG = np.random.default_rng(0)
STUDENT, TEACHER = 3 * RNG.standard_normal((2, 5, 7)), 3 * RNG.standard_normal((5, 7))


def softmax(logits):
    powers = np.exp(logits - logits.max(-1, keepdims=True))
    return powers / powers.sum(-1, keepdims=True)


def teacher_loss(type, student, teacher, tau):
    """Plainly, of one image after the other."""
    total = 0.0
    for s, t in zip(student.astype(np.float64), teacher.astype(np.float64), strict=True):
        if type == "hard":
            total -= np.log(softmax(s)[np.argmax(t)])
        else:
            p, q = softmax(t / tau), softmax(s / tau)
            total += tau**2 * np.sum(p * np.log(p / q))
    return total / len(student)


@pytest.mark.parametrize("arguments", [{"type": "hard"}, {"type": "soft"}, {"type": "soft", "tau": 3.0}])
def test_the_teachers_loss(arguments):
    distillation, tau = Distillation(**arguments), arguments.get("tau", 1.0)
    expected = [teacher_loss(arguments["type"], branch, TEACHER, tau) for branch in STUDENT]
    logits, taught = np.float32(STUDENT), np.float32(TEACHER)
    assert distillation.teacher_loss(logits[0], taught) == pytest.approx(expected[0], rel=1e-5)
    assert distillation.teacher_loss(logits, taught) == pytest.approx(np.mean(expected), rel=1e-5)


def test_one_that_the_student_has_reached_is_zero():
    assert Distillation("soft", tau=2.0).teacher_loss(np.float32(TEACHER) + 5, np.float32(TEACHER)) < 1e-6


def test_losses_are_weighed_and_other_numbers_are_not():
    own = {"loss": np.float32(2.0), "accuracy": {"top-1": np.float32(50.0)}}
    losses = Distillation("hard", alpha=0.25).losses(own, np.float32(STUDENT[0]), np.float32(TEACHER))
    assert losses.keys() == {"loss_cls", "loss_distill", "accuracy"}
    assert losses["loss_cls"] == 1.5
    assert losses["accuracy"]["top-1"] == 50.0
    assert losses["loss_distill"] == pytest.approx(0.25 * teacher_loss("hard", STUDENT[0], TEACHER, 1), rel=1e-5)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"type": "softt"}, "type='softt'; did you mean 'soft'?"),
        ({"alpha": 1.5}, "alpha=1.5: expected a number from 0 to 1"),
        ({"tau": 0.0}, "tau=0.0: expected a number above 0"),
    ],
)
def test_messages(arguments, message):
    with pytest.raises(UserError, match=message):
        Distillation(**arguments)
