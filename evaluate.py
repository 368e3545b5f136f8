"""Evaluates a checkpoint.

    python evaluate.py --ckpt=work_dirs/resnet
    python evaluate.py --ckpt=work_dirs/resnet/checkpoints/20 --metrics=accuracy,f1_score --out=results.json
    python evaluate.py --ckpt=work_dirs/resnet --tta --show_dir=pictures --confusion_matrix=confusion.png
    python evaluate.py --ckpt=resnet50.pth --config=configs/resnet.py:imagenet2012

The last line on standard output is one JSON object, metric name to number; a vector is a list, the confusion matrix a
list of rows (docs/metrics.md). An installed jaxcls has it as `jaxcls evaluate`.
"""

from __future__ import annotations

import json

from absl import flags

import jaxcls
from jaxcls import command, results
from jaxcls.errors import UserError

_CKPT = flags.DEFINE_string(
    "ckpt", None, "A work directory (its best checkpoint, else its newest), one checkpoint, or a file of weights."
)
command.define_config("The recipe; default: the config saved beside the checkpoint")
_SPLIT = flags.DEFINE_enum("split", "val", ["val", "test"], "Which data of the config.")
_METRICS = flags.DEFINE_list("metrics", None, "Names as in docs/metrics.md; default: the config's.")
_OPTIONS = flags.DEFINE_multi_string("metric_options", [], "Option of the metrics, NAME=VALUE, e.g. topk=1,5.")
_TTA = flags.DEFINE_bool("tta", False, "Test-time augmentation, as data.tta of the config says (docs/inference.md).")
_WEIGHTS = flags.DEFINE_enum(
    "weights", None, ["ema", "raw"], "Averaged or raw weights; default: the averaged ones where the run kept such."
)
_DEPLOY = flags.DEFINE_bool("deploy", False, "Merge branches and fold BatchNorm first (jaxcls.deploy).")
_OUT = flags.DEFINE_string("out", None, "File for the numbers and the predictions: .json, .csv or .npz.")
_OUT_ITEMS = flags.DEFINE_list("out_items", ["all"], f"What of each image: {', '.join(results.ITEMS)}; all; none.")
_MATRIX = flags.DEFINE_string("confusion_matrix", None, "File for the confusion matrix: .png or .csv.")
_SHOW_DIR = flags.DEFINE_string(
    "show_dir", None, "Folder for pictures with truth and prediction, the wrong and most confident ones first."
)
_SHOW_LIMIT = flags.DEFINE_integer("show_limit", None, "How many pictures; default: all.", lower_bound=1)


def main() -> None:
    """Flags to one call, and its numbers out."""
    from jaxcls.engine.checkpoints.loading import config_beside
    from jaxcls.metrics.options import parsed_options
    from jaxcls.outputs import EvaluationOutputs

    if _CKPT.value is None:
        raise UserError("--ckpt is missing; give a work directory, one checkpoint in it, or a file of weights")
    config = command.given_config(default=config_beside(_CKPT.value))
    out = results.Results(_OUT.value, _OUT_ITEMS.value) if _OUT.value else None
    outputs = EvaluationOutputs(out, _MATRIX.value, _SHOW_DIR.value, _SHOW_LIMIT.value)
    with outputs:
        numbers, _ = jaxcls.evaluate_model(
            config,
            _CKPT.value,
            _SPLIT.value,
            _METRICS.value,
            parsed_options(_OPTIONS.value),
            keep=outputs.keep,
            begin=outputs.begin,
            tta=_TTA.value,
            weights=_WEIGHTS.value,
            deploy=_DEPLOY.value,
        )
    numbers = results.rounded(numbers)
    outputs.write(numbers)
    print(json.dumps(numbers))


if __name__ == "__main__":
    command.run(main)
