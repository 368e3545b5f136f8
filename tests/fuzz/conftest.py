"""Fuzzing may run for long."""

import pytest


@pytest.fixture(scope="module", autouse=True)
def garbage():
    """Collected as Python does, other than in the tests of one file each: what thousands of examples leave is much."""
