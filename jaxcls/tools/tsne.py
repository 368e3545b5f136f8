"""Draws a dataset's features in two dimensions, a colour a class: t-SNE or principal components.

    python -m jaxcls.tools.tsne --ckpt=work_dirs/resnet --out=tsne.png
    python -m jaxcls.tools.tsne --ckpt=work_dirs/resnet --split=test --stage=backbone --method=pca --max_num_samples=500

--out_features=FILE.npz keeps the features, the labels and the points.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from jaxcls.config import complete, load_recipe
from jaxcls.engine.checkpoints.loading import config_beside
from jaxcls.engine.evaluation_data import evaluation_dataset
from jaxcls.errors import UserError
from jaxcls.inference import find_model
from jaxcls.inspect.features import METHODS, features_of, in_two_dimensions
from jaxcls.paths import expand, output_file
from jaxcls.tools.command_line import CommandLine, positive, seed_number, start
from jaxcls.visualization import figures

_NAMED = 20  # classes in the legend; the points of more are too many colours to tell apart


def figure(points: np.ndarray, labels: np.ndarray, classes: Sequence[str], size: Sequence[float] = (9, 7)) -> Any:
    """The points (n, 2) with the colours of their labels (n,)."""
    made, (panel,) = figures.panels(1, 1, size)
    present = np.unique(labels)
    colors = "tab10" if len(present) <= 10 else "tab20" if len(present) <= _NAMED else "nipy_spectral"
    from matplotlib import colormaps

    shades = colormaps[colors].resampled(len(present)) if len(present) > _NAMED else colormaps[colors]
    for i, label in enumerate(present):
        own = points[labels == label]
        panel.scatter(*own.T, s=14, color=shades(i), label=classes[label], linewidths=0)
    if len(present) <= _NAMED:
        panel.legend(loc="center left", bbox_to_anchor=(1.01, 0.5), fontsize="small", markerscale=2)
    panel.set_xticks([])
    panel.set_yticks([])
    return made


def _beside(checkpoint: str) -> str:
    """The config of a run's checkpoint, which names the data."""
    found = config_beside(checkpoint) if expand(checkpoint).exists() else None
    if found is None:
        raise UserError(f"--config is missing; {checkpoint} has no config beside it that would name the data")
    return found


def main(arguments: Sequence[str]) -> None:
    """The command line to one call."""
    line = CommandLine(__doc__, "tsne")
    line.add_argument("--ckpt", required=True, help="a work directory, a checkpoint, a file of weights, a zoo's name")
    line.add_config("The recipe, for the data; default: the config beside the checkpoint", required=False)
    line.add_argument("--split", default="val", choices=("val", "test"), help="which data; default: val")
    line.add_argument("--stage", default="pre_logits", help="backbone, neck or pre_logits, the default")
    line.add_argument("--method", default="tsne", help=f"{' or '.join(METHODS)}; default: tsne")
    line.add_argument("--perplexity", type=float, default=30.0, help="of t-SNE; default: 30")
    line.add_argument("--max_num_samples", type=positive, default=1000, help="images at most; default: 1000")
    line.add_argument("--seed", type=seed_number, default=0, help="of t-SNE; default: 0")
    line.add_argument("--out", default="tsne.png", help=f"the picture: {', '.join(figures.FORMATS)}")
    line.add_argument("--out_features", metavar="FILE.npz", help="features, labels and points")
    options = line.options(arguments)
    out = figures.picture_file(options["out"])
    kept = output_file(options["out_features"], "--out_features") if options["out_features"] else None
    model = find_model(options["ckpt"], options["config"])
    config = options["config"] or load_recipe(_beside(options["ckpt"]))
    dataset = evaluation_dataset(complete(config), options["split"], model.classes, "the checkpoint")
    if dataset.labels.ndim == 2:
        raise UserError(f"data.{options['split']}: several labels an image have no colour; expected one")
    features = features_of(model, dataset, options["max_num_samples"], options["stage"])
    points = in_two_dimensions(features.values, options["method"], options["perplexity"], options["seed"])
    figures.write(figure(points, features.labels, model.classes), out)
    if kept:
        np.savez(kept, features=features.values, labels=features.labels, points=points)
    print(f"{len(points)} images, {features.values.shape[1]} features each: {out}")


if __name__ == "__main__":
    start(main)
