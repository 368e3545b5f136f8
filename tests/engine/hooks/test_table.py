from __future__ import annotations

from pathlib import Path

import pytest

from jaxcls.engine import hooks
from jaxcls.engine.hooks.hook import priority_name

TABLE = (Path(__file__).resolve().parents[3] / "docs" / "hooks.md").read_text()
BASES = {"Hook", "LoggerHook"}


@pytest.mark.parametrize("name", sorted(set(hooks.__all__) - BASES))
def test_each_hook_is_in_the_table_with_its_priority(name):
    rows = [[cell.strip() for cell in line.split("|")] for line in TABLE.splitlines() if line.startswith("| ")]
    (row,) = (row for row in rows if name in " ".join(row[1:3]))
    assert row[3] == priority_name(getattr(hooks, name).priority)
