"""Dependencies point one way, and neither PyTorch nor TensorFlow is needed."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parent.parent / "jaxcls"

ABOVE = (
    "jaxcls.recipes",
    "jaxcls.inference",
    "jaxcls.api",
    "jaxcls.inspect",
    "jaxcls.report",
    "jaxcls.export",
    "jaxcls.serve",
    "jaxcls.tools",
)
# folder or file of the package -> what it must not import of the package
FORBIDDEN = {
    "models": (*ABOVE, "jaxcls.zoo", "jaxcls.data", "jaxcls.engine", "jaxcls.metrics"),
    "data": (*ABOVE, "jaxcls.zoo", "jaxcls.models", "jaxcls.engine"),
    "metrics": (*ABOVE, "jaxcls.models", "jaxcls.data", "jaxcls.engine"),
    "convert": (*ABOVE, "jaxcls.data", "jaxcls.engine"),
    "engine": ABOVE,
    "inference": ("jaxcls.api", "jaxcls.recipes", "jaxcls.inspect", "jaxcls.export", "jaxcls.serve", "jaxcls.tools"),
    "export": ("jaxcls.api", "jaxcls.recipes", "jaxcls.serve", "jaxcls.tools"),
    "serve": ("jaxcls.api", "jaxcls.recipes", "jaxcls.export", "jaxcls.tools"),
    "inspect": ("jaxcls.recipes", "jaxcls.visualization", "jaxcls.report", "jaxcls.tools"),
    "report": ("jaxcls.recipes", "jaxcls.export", "jaxcls.serve", "jaxcls.tools"),
    "visualization": ("jaxcls.recipes", "jaxcls.api", "jaxcls.report", "jaxcls.tools"),
    "zoo": (*ABOVE, "jaxcls.data", "jaxcls.engine", "jaxcls.metrics"),
    "recipes": ("jaxcls.models", "jaxcls.engine", "jaxcls.inference", "jaxcls.metrics", "jaxcls.api"),
    "builder.py": ("jaxcls.models", "jaxcls.data", "jaxcls.engine", "jaxcls.metrics"),
    "engine/step": ("jaxcls.engine.hooks", "jaxcls.engine.runner"),
    "models/layers": ("jaxcls.models.backbones", "jaxcls.models.heads", "jaxcls.models.necks"),
}


def imports(path: Path) -> set[str]:
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def files(part: str) -> list[Path]:
    path = PACKAGE / part
    return [path] if path.suffix else sorted(path.rglob("*.py"))


@pytest.mark.parametrize("part", FORBIDDEN)
def test_imports_point_one_way(part):
    wrong = [
        f"{file.relative_to(PACKAGE)} imports {name}"
        for file in files(part)
        for name in imports(file)
        if name.startswith(FORBIDDEN[part])
    ]
    assert not wrong


def test_backbones_do_not_import_each_other():
    for file in files("models/backbones"):
        if file.name != "__init__.py":
            others = {n for n in imports(file) if n.startswith("jaxcls.models.backbones.")}
            assert not any(part.startswith("_") for name in others for part in name.split(".")), file


def test_attention_is_one_layer():
    """ResNeSt weighs its branches by a softmax, which is no attention between places."""
    folders = [PACKAGE / "models" / name for name in ("backbones", "layers", "necks")]
    files = {file.name for folder in folders for file in folder.glob("*.py") if "softmax(" in file.read_text()}
    assert files == {"attention.py", "resnest.py"}


def test_no_file_of_leftovers():
    names = {file.stem for file in PACKAGE.rglob("*.py")}
    assert not names & {"utils", "util", "common", "misc", "helpers"}


def test_runs_without_pytorch_and_tensorflow():
    code = (
        "import sys, jaxcls, jaxcls.convert, jaxcls.data.sources, jaxcls.engine.hooks; "
        "assert not {'torch', 'tensorflow'} & set(sys.modules), 'imported'"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=PACKAGE.parent)
