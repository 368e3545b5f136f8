"""Draws where in images a network sees classes: class activation maps.

    python -m jaxcls.tools.grad_cam cat.jpg --ckpt=work_dirs/resnet --out=cam.png
    python -m jaxcls.tools.grad_cam cat.jpg --ckpt=resnet50 --method GradCAM LayerCAM --target_category cat dog
    python -m jaxcls.tools.grad_cam cat.jpg --ckpt=work_dirs/vit --target_layers stage11 backbone.layers.10.ln1
    python -m jaxcls.tools.grad_cam --ckpt=work_dirs/vit --preview_model

A row an image and method; a column a class, at first the one that is predicted. Several layers are averaged.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from jaxcls.errors import UserError, close_names
from jaxcls.inference import Model, find_model
from jaxcls.inference.images import listed
from jaxcls.inspect import cam
from jaxcls.inspect.heat import HeatMaps
from jaxcls.inspect.stages import Target, Targets
from jaxcls.tools.command_line import CommandLine, natural, start
from jaxcls.visualization.sheets import Tile, overlaid, sheet, sheet_file


def rows_of(
    model: Model,
    images: Sequence[Any],
    targets: Sequence[Target],
    methods: Sequence[str] = ("GradCAM",),
    classes: Sequence[int] | None = None,
    eigen_smooth: bool = False,
    aug_smooth: bool = False,
) -> list[list[Tile]]:
    """For each image and method the image, and that with the map of each class over it.

    Args:
        model: what `init_model` gives.
        images: paths and what else an image can be.
        targets: layers, whose maps are averaged.
        methods: of `cam.METHODS`.
        classes: indices; None: the predicted one.
        eigen_smooth: see `cam.maps`.
        aug_smooth: see `HeatMaps`.
    """
    heat_maps = HeatMaps(model, targets, eigen_smooth, aug_smooth)
    rows = []
    for image in images:
        heat = heat_maps(image, methods, classes)
        predicted = f"predicted: {model.classes[int(heat.logits.argmax())]}"
        for method, maps in heat.maps.items():
            row = [Tile(heat.pixels, [method, predicted])]
            for label, one in zip(heat.classes, maps, strict=True):
                row.append(Tile(overlaid(heat.pixels, one), [model.classes[label], f"logit {heat.logits[label]:.3f}"]))
            rows.append(row)
    return rows


def labels_of(names: Sequence[str], classes: Sequence[str]) -> list[int]:
    """Class names, or numbers of classes -> their numbers.

    Raises:
        UserError: no such class.
    """
    labels = []
    for name in names:
        if name in classes:
            labels.append(list(classes).index(name))
        elif name.isdecimal() and int(name) < len(classes):
            labels.append(int(name))
        else:
            hint = close_names(name, classes) if len(classes) <= 100 else f"allowed: names, 0 to {len(classes) - 1}"
            raise UserError(f"--target_category: {name!r} is no class; {hint}")
    return labels


def preview(targets: Targets) -> str:
    """The layers that give maps, and which of them end a stage."""
    ends = {names[-1]: f"  stage{stage}" for stage, names in targets.stages.items()}
    lines = []
    for name, target in targets.items():
        tokens = f" + {target.extra} tokens" if target.extra else ""
        grid = " x ".join(map(str, target.grid))
        default = "  (default)" if target == targets.default() else ""
        lines.append(f"{name}: {grid}{tokens} x {target.shape[-1]}{ends.get(name, '')}{default}")
    return "\n".join(lines)


def main(arguments: Sequence[str]) -> None:
    """The command line to one call."""
    line = CommandLine(__doc__, "grad_cam")
    line.add_argument("images", nargs="*", metavar="IMAGE", help="files, folders, patterns")
    line.add_argument("--ckpt", required=True, help="a work directory, a checkpoint, a file of weights, a zoo's name")
    line.add_config("The network of a file of weights", required=False)
    line.add_argument("--method", nargs="+", default=["GradCAM"], metavar="NAME", help=", ".join(cam.METHODS))
    line.add_argument("--target_layers", nargs="+", metavar="LAYER", help="names, or stage1, stage2, …")
    line.add_argument("--target_category", nargs="+", metavar="CLASS", help="names or numbers; default: the predicted")
    line.add_argument("--eigen_smooth", action="store_true", help="take noise away by the principal component")
    line.add_argument("--aug_smooth", action="store_true", help="average over the mirrored, darker and lighter image")
    line.add_argument("--num_extra_tokens", type=natural, help="tokens before those of the map; default: as it shows")
    line.add_argument("--preview_model", action="store_true", help="list the layers, and end")
    line.add_argument("--out", default="grad_cam.png", help="the picture: .png or .jpg")
    options = line.options(arguments)
    out = sheet_file(options["out"])
    if unknown := [name for name in options["method"] if name not in cam.METHODS]:
        raise UserError(f"--method: {unknown[0]!r}; {close_names(unknown[0], cam.METHODS)}")
    model = find_model(options["ckpt"], options["config"])
    targets = Targets(model.classifier, model.image_shape, options["num_extra_tokens"])
    if options["preview_model"]:
        print(preview(targets))
        return
    if not options["images"]:
        raise UserError("expected one image or several")
    category = options["target_category"]
    classes = labels_of(category, model.classes) if category else None
    layers = [targets[name] for name in options["target_layers"] or ()] or [targets.default()]
    smooth = options["eigen_smooth"], options["aug_smooth"]
    rows = rows_of(model, listed(options["images"]), layers, options["method"], classes, *smooth)
    sheet(rows).save(out)
    print(f"{', '.join(layer.name for layer in layers)}: {out}")


if __name__ == "__main__":
    start(main)
