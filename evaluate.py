"""Evaluates a checkpoint.

    python evaluate.py --ckpt=work_dirs/resnet
    python evaluate.py --ckpt=work_dirs/resnet/checkpoints/20 --metrics=accuracy,f1_score --out=results.json

The last line on standard output is one JSON object, metric name to number.
"""

from __future__ import annotations

import ast
import json
import sys

from absl import flags
from ml_collections import config_flags

import jaxcls
from jaxcls import command, results
from jaxcls import config as config_module
from jaxcls.engine.checkpoints.storage import locate
from jaxcls.errors import UserError

_CKPT = flags.DEFINE_string("ckpt", None, "A work directory (its best checkpoint, else its newest) or one checkpoint.")
_CONFIG = config_flags.DEFINE_config_file("config", None, "The recipe; default: the one saved beside the checkpoint.")
_SPLIT = flags.DEFINE_enum("split", "val", ["val", "test"], "Which data of the config.")
_METRICS = flags.DEFINE_list("metrics", None, "Names as in jaxcls.metrics; default: the config's.")
_OPTIONS = flags.DEFINE_multi_string("metric_options", [], "Option of the metrics, NAME=VALUE, e.g. topk=1,5.")
_OUT = flags.DEFINE_string("out", None, "File for the numbers and the predictions: .json, .csv or .npz.")
_OUT_ITEMS = flags.DEFINE_list("out_items", ["all"], f"What of each image: {', '.join(results.ITEMS)}; all; none.")


def metric_options(pairs: list[str]) -> dict[str, object]:
    """`["topk=1,5"]` -> `{"topk": (1, 5)}`.

    Raises:
        UserError: no `=`, or a value that is no Python literal.
    """
    options = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals:
            raise UserError(f"--metric_options: {pair!r}; expected NAME=VALUE")
        try:
            options[name] = ast.literal_eval(value)
        except (SyntaxError, ValueError):
            options[name] = value
    return options


def with_saved_config(arguments: list[str]) -> list[str]:
    """The command line, `--config` added where it is not given: the config beside the checkpoint.

    It has to be there before the flags are parsed, so that `--config.KEY=VALUE` can override it.
    """
    given = dict(a.lstrip("-").partition("=")[::2] for a in arguments if a.startswith("-"))
    if "config" in given or "ckpt" not in given:
        return arguments
    checkpoint = given["ckpt"] or arguments[[a.lstrip("-") for a in arguments].index("ckpt") + 1]
    saved = locate(checkpoint)[0] / "config.json"
    config_module.load_config(saved)
    return [arguments[0], f"--config={config_module.__file__}:{saved}", *arguments[1:]]


def main(_: list[str]) -> None:
    """Flags to one call, and its numbers out."""
    assert _CKPT.value is not None
    out = results.Results(_OUT.value, _OUT_ITEMS.value) if _OUT.value else None
    numbers, classes = jaxcls.evaluate_model(
        _CONFIG.value,
        _CKPT.value,
        _SPLIT.value,
        _METRICS.value,
        metric_options(_OPTIONS.value),
        keep=out.keep if out else None,
    )
    numbers = results.rounded(numbers)
    if out:
        out.write(numbers, classes)
    print(json.dumps(numbers))


if __name__ == "__main__":
    flags.mark_flag_as_required("ckpt")
    try:
        arguments = with_saved_config(sys.argv)
    except UserError as error:
        command.refuse(error)
    command.run(main, arguments)
