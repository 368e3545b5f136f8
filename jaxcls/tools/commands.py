"""The commands by name, and what their sources say of them; none of them is imported for that."""

from __future__ import annotations

import ast
import functools
from collections.abc import Iterator
from pathlib import Path

from jaxcls.shipped import shipped

SCRIPTS = ("train", "evaluate")  # beside the package in a checkout; all others are modules of jaxcls.tools
COMMANDS = {
    "Training and using a model": ("train", "evaluate", "predict", "report", "serve"),
    "Before a training": ("list_models", "print_config", "browse_dataset", "lr_curve", "find_lr", "model_summary"),
    "Several trainings": ("tune", "kfold", "analyze_logs"),
    "Looking at a model": ("grad_cam", "tsne", "eval_metric", "confusion_matrix", "analyze_results", "benchmark"),
    "Data": ("verify_dataset", "pack"),
    "To and from elsewhere": ("export", "export_checkpoint", "publish", "convert_config"),
    "The shell": ("completion",),
}
NAMES = tuple(name for names in COMMANDS.values() for name in names)


def source(name: str) -> Path:
    """The file of a command."""
    return shipped(f"{name}.py") if name in SCRIPTS else Path(__file__).with_name(f"{name}.py")


def summary(name: str) -> str:
    """What a command does, in a line."""
    return (ast.get_docstring(_tree(name)) or "").partition("\n")[0]


def options(name: str) -> list[str]:
    """The flags and choices that a command defines, sorted."""
    return sorted({option for call in ast.walk(_tree(name)) if isinstance(call, ast.Call) for option in _defined(call)})


@functools.cache
def _tree(name: str) -> ast.Module:
    return ast.parse(source(name).read_text(encoding="utf-8"))


def _defined(call: ast.Call) -> Iterator[str]:
    """Of `add_argument("--out", …)`, `DEFINE_string("out", …)`, `add_config(…)` and `add_parser("plot_curve", …)`."""
    function = call.func.attr if isinstance(call.func, ast.Attribute) else ""
    texts = [node.value for node in call.args if isinstance(node, ast.Constant) and isinstance(node.value, str)]
    if function in ("add_config", "define_config"):
        yield "--config="
    elif function == "add_argument":
        takes_value = "action" not in {keyword.arg for keyword in call.keywords}
        yield from (text + "=" * takes_value for text in texts if text.startswith("--"))
    elif function == "DEFINE_bool":
        yield from (f"--{texts[0]}", f"--no{texts[0]}")
    elif function.startswith("DEFINE_"):
        yield f"--{texts[0]}="
    elif function == "add_parser":
        yield texts[0]
