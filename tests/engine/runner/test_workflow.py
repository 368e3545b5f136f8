"""What is still to run of a workflow."""

from __future__ import annotations

import pytest

from jaxcls.engine.runner.workflow import parts, validated

BOTH = (("train", 2), ("val", 1))
FIRST_VAL = (("val", 1), ("train", 1))


@pytest.mark.parametrize(
    ("workflow", "done", "length", "within", "expected"),
    [
        ((("train", 1),), 0, 3, False, "ttt"),
        ((("train", 1),), 2, 3, False, "t"),
        ((("train", 1),), 2, 3, True, "t"),
        (BOTH, 0, 4, False, "ttvttv"),
        (BOTH, 0, 3, False, "ttvtv"),  # the last time through it ends with its validation
        (BOTH, 1, 4, False, "tvttv"),
        (BOTH, 2, 4, False, "vttv"),  # what was validated before is not known: only what was trained is
        (BOTH, 2, 4, True, "ttv"),  # the third was begun, and so the validation before it is over
        (BOTH, 4, 4, False, "v"),
        (FIRST_VAL, 0, 2, False, "vtvt"),
        (FIRST_VAL, 1, 2, False, "vt"),
        (FIRST_VAL, 1, 2, True, "t"),
    ],
)
def test_parts(workflow, done, length, within, expected):
    assert "".join(mode[0] for mode, _ in parts(workflow, done, length, within)) == expected


def test_places_are_those_in_the_workflow():
    assert list(parts(BOTH, 1, 3, False)) == [("train", 1), ("val", 0), ("train", 0), ("val", 0)]


@pytest.mark.parametrize(
    ("workflow", "done", "expected"), [(BOTH, 0, 0), (BOTH, 2, 0), (BOTH, 3, 1), (FIRST_VAL, 1, 1), (FIRST_VAL, 3, 3)]
)
def test_validated(workflow, done, expected):
    assert validated(workflow, done) == expected
