"""Any command line ends with a result or a message, never with a traceback."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jaxcls.tools.commands import NAMES, SCRIPTS, options
from tests import commands
from tests.fuzz.mutations import examples

VALUES = ("", "0", "-1", "1e9", "nan", "nowhere", "nowhere/x.png", "a=b", "[", "None", "../x", "é", "resnet18", "*")
OTHERS = ("--", "-", "-h", "--help", "--no", "--config=", "--config.a.b=1", "--config.=", "--config.data", "-x=1", "=")


@st.composite
def lines(draw):
    name = draw(st.sampled_from(NAMES))
    flags = st.sampled_from(options(name) or ["--help"]).flatmap(
        lambda flag: st.sampled_from([flag + value for value in VALUES] if flag.endswith("=") else [flag])
    )
    tokens = st.one_of(flags, st.sampled_from(VALUES), st.sampled_from(OTHERS), st.text("-=.[a1 ", max_size=5))
    return name, draw(st.lists(tokens, max_size=6))


@pytest.mark.slow
@examples(60)
@given(lines())
def test_any_command_line(tmp_path_factory, line):
    name, arguments = line
    folder = tmp_path_factory.getbasetemp() / "lines"
    folder.mkdir(exist_ok=True)
    script = f"{name}.py" if name in SCRIPTS else f"jaxcls/tools/{name}.py"
    done = commands.run(script, *arguments, folder=folder)
    assert done.returncode in (0, 1, 2), (done.returncode, done.stderr)
    assert "Traceback" not in done.stderr
    assert done.returncode == 0 or done.stderr.strip()
