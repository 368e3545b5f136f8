"""Classifies images.

    python -m jaxcls.tools.predict cat.jpg dog.jpg --ckpt=work_dirs/resnet
    python -m jaxcls.tools.predict folder 'more/**/*.png' --ckpt=work_dirs/resnet --out=predictions.json
    python -m jaxcls.tools.predict cat.jpg --ckpt=resnet50.pth --config=configs/resnet.py:imagenet2012
    python -m jaxcls.tools.predict cat.jpg --ckpt=resnet50

An image that cannot be read is named, the others are classified, and the exit status is 1.
"""

from __future__ import annotations

from collections.abc import Sequence

from jaxcls.errors import UserError
from jaxcls.inference import Model, find_model, predictions
from jaxcls.inference.images import listed
from jaxcls.inference.outputs import (
    CsvFile,
    JsonFile,
    Output,
    PictureFolder,
    Table,
    entry_of,
    message_of,
    picture_folder,
    prediction_file,
)
from jaxcls.progress import progress
from jaxcls.tools.command_line import CommandLine, positive, start

_NAMED = 20  # images that cannot be read, in the last message


def predict(
    model: Model,
    images: Sequence[str],
    outputs: Sequence[Output],
    topk: int = 5,
    batch_size: int | None = None,
    tta: bool = False,
) -> list[str]:
    """Classifies images one after the other; each output gets each image's entry.

    Args:
        model: what `init_model` gives.
        images: paths.
        outputs: closed at the end.
        topk: how many of the best classes an entry lists.
        batch_size: as `jaxcls.inference_model` takes it.
        tta: test-time augmentation.

    Returns:
        a message for each image without a prediction.
    """
    failed = []
    try:
        with progress("predicting", len(images)) as advance:
            results = predictions(model, images, batch_size, tta, on_error="note")
            for image, result in zip(images, results, strict=True):
                entry = entry_of(image, result, model.classes, topk)
                if "error" in entry:
                    failed.append(message_of(entry))
                for output in outputs:
                    output.add(entry)
                advance(1)
    finally:
        for output in outputs:
            output.close()
    return failed


def main(arguments: Sequence[str]) -> None:
    """The command line to one call."""
    parser = CommandLine(__doc__, "predict")
    parser.add_argument("images", nargs="+", metavar="IMAGE", help="files, folders, patterns such as 'folder/*.jpg'")
    ckpt = "a work directory, a checkpoint in it, a file of weights, or a model of the zoo"
    parser.add_argument("--ckpt", required=True, help=ckpt)
    parser.add_config("The network of a file of weights", required=False)
    parser.add_argument("--topk", type=positive, default=5, help="how many of the best classes to list")
    parser.add_argument("--tta", action="store_true", help="test-time augmentation, as the run's data.tta says")
    parser.add_argument("--deploy", action="store_true", help="branches merged and BatchNorm folded")
    parser.add_argument("--weights", choices=["ema", "raw"], help="default: the averages where the run kept such")
    parser.add_argument("--batch_size", type=positive, help="images at a time; default: as the run evaluated")
    parser.add_argument("--out", metavar="FILE", help="a file for the predictions: .json or .csv")
    parser.add_argument("--show_dir", metavar="DIR", help="a folder for pictures with what is predicted of them")
    options = parser.options(arguments)
    file = prediction_file(options["out"]) if options["out"] else None
    folder = picture_folder(options["show_dir"]) if options["show_dir"] else None
    images = [str(image) for image in listed(options["images"])]
    model = find_model(options["ckpt"], options["config"], options["deploy"], options["weights"])
    topk = min(options["topk"], len(model.classes))
    outputs: list[Output] = [Table(len(images))]
    if file is not None:
        outputs.append(CsvFile(file, topk) if file.suffix == ".csv" else JsonFile(file))
    if folder is not None:
        outputs.append(PictureFolder(folder, model.preprocess))
    failed = predict(model, images, outputs, topk, options["batch_size"], options["tta"])
    if failed:
        more = [f"and {len(failed) - _NAMED} more"] if len(failed) > _NAMED else []
        raise UserError(
            "\n  ".join([f"{len(failed)} of {len(images)} images have no prediction", *failed[:_NAMED], *more])
        )


if __name__ == "__main__":
    start(main)
