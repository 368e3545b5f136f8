"""A trained classifier from its checkpoint alone, and what it says of images."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn
from ml_collections import ConfigDict

from jaxcls import user_code
from jaxcls.config import complete, load_config, load_recipe
from jaxcls.data.pipeline import Dataset, EvalBatches, Loader
from jaxcls.engine import compilation
from jaxcls.engine.checkpoints.loading import is_file, load_variables
from jaxcls.engine.checkpoints.storage import locate, read_meta
from jaxcls.engine.description import describe_from_data, description_of, is_described
from jaxcls.engine.evaluation import Evaluator
from jaxcls.engine.log import get_logger
from jaxcls.engine.network import Network
from jaxcls.engine.step.parallel import Parallel
from jaxcls.errors import UserError
from jaxcls.inference.images import GivenImages, listed
from jaxcls.inference.preprocess import Given, Preprocess

_THREADS = 4  # that read and transform images
_MOST = 64  # images at a time, where the user does not say: a single image has to wait for as many


class Model:
    """A classifier and all it takes to use it.

    Attributes:
        classifier: the unbound module.
        variables: what `classifier.apply` takes; the averaged weights where the run kept averages.
        classes: K names.
        image_shape: (H, W, C) as the network sees images.
        batch_size: how many images a run evaluated at a time, at most 64.
        preprocess: one image -> float32 (H, W, C) as the network sees it (`jaxcls.inference.preprocess.Preprocess`).
        network: the classifier with its precision, on this process's devices.

    Args:
        description: `model`, `precision` and `import_from` as in a config, `classes`, `image_shape`, `pipeline` and
            `batch_size`.
        checkpoint: a checkpoint's folder or a file, with the arrays; None: initial ones.

    Raises:
        UserError: these do not fit each other.
    """

    def __init__(self, description: Mapping[str, Any], checkpoint: str | os.PathLike | None = None) -> None:
        for folder in description.get("import_from", ()):
            user_code.search(folder)
        self.classes: tuple[str, ...] = tuple(description["classes"])
        self.image_shape: tuple[int, ...] = tuple(description["image_shape"])
        self.batch_size: int = min(description["batch_size"], _MOST)
        self.preprocess = Preprocess(description["pipeline"], self.image_shape)
        parallel = Parallel(devices=tuple(jax.local_devices()))
        self.network = Network(description, self._dataset([]), parallel, self.image_shape)
        self.network.check_classes(self.classes, f"checkpoint {checkpoint}" if checkpoint else "data.train")
        self.classifier: nn.Module = self.network.classifier
        self.variables: dict[str, Any] = jax.tree.map(jnp.asarray, self._load(checkpoint))

    def _load(self, checkpoint: str | os.PathLike | None) -> Mapping[str, Any]:
        if checkpoint is None:
            return self.network.init(jax.random.key(0))
        return load_variables(self.classifier, self.network.shapes, checkpoint)[0]

    def _dataset(self, images: Sequence[Given], multi_label: bool = False) -> Dataset:
        source = GivenImages(images, self.classes, multi_label)
        return Dataset(source, self.preprocess.transforms, self.preprocess.normalize)

    @functools.cached_property
    def _eval_step(self) -> Callable[..., Any]:
        return self.network.make_eval_step(self.network.inputs.preprocess)

    def evaluator(self, images: Sequence[Given], batch_size: int) -> Evaluator:
        """The evaluation loop over images: what gives their scores is what evaluates a run."""
        parallel = self.network.parallel
        devices = len(parallel.devices)
        head = self.network.head
        dataset = self._dataset(images, head is not None and head.multi_label)
        batches = EvalBatches(dataset, -(-batch_size // devices) * devices)
        return Evaluator(self._eval_step, Loader(batches, _THREADS, parallel.place_batch), parallel)


def init_model(
    workdir_or_config: str | os.PathLike | ConfigDict | Mapping[str, Any], checkpoint: str | os.PathLike | None = None
) -> Model:
    """A trained model, ready to use. No data is needed: the checkpoint says what there is to know.

    Args:
        workdir_or_config: a work directory (its best checkpoint, else its newest), one checkpoint, or a config: a dict,
            or a recipe's file, `FILE.py` or `FILE.py:ARGUMENT`.
        checkpoint: the weights for it, as `load_checkpoint` takes them; None: the work directory's own. A config
            without one has initial weights, and takes the names of its classes from its data.

    Raises:
        UserError: there is no checkpoint, or it does not fit.
    """
    get_logger()  # what the data warns of is to be seen
    compilation.prepare()
    given = workdir_or_config
    if isinstance(given, str | os.PathLike) and str(given).partition(":")[0].endswith((".py", ".json")):
        given = load_recipe(str(given))
    if isinstance(given, str | os.PathLike):
        if is_file(given):
            raise UserError(
                f"{given} is a file of weights, which does not say of what network: give init_model(config, FILE) or "
                "get_model(NAME, pretrained=FILE)"
            )
        workdir, folder = locate(given)
        if checkpoint is None and is_described(meta := read_meta(folder)):
            return Model(meta, folder)
        given, checkpoint = load_config(workdir / "config.json"), checkpoint or folder
    config = complete(given)
    if checkpoint is None:
        return Model(describe_from_data(config))
    return Model(description_of(checkpoint, config), checkpoint)


def inference_model(
    model: Model, images: Given | Sequence[Given], batch_size: int | None = None
) -> list[dict[str, Any]]:
    """What a model says of images.

    The loop is that of evaluation. With the same batch size on as many devices the scores are the same, bit for bit;
    another size may change the last bit, since XLA then adds up in another order.

    Args:
        model: what `init_model` gives.
        images: one, or several, of any kinds: paths, folders (the images in and below them, by their paths), uint8
            (H, W, 3) in RGB order or (H, W), a file's content as bytes, Pillow's.
        batch_size: how many at a time; None: the model's. The last batch is filled up, so that one size is compiled.

    Returns:
        for each image, in the order given: `pred_label` (int), `pred_class` (its name), `pred_score` (0 to 1) and
        `class_scores` (K,) float32.

    Raises:
        UserError: an image that cannot be read, by its name.
    """
    evaluator = model.evaluator(listed(images), model.batch_size if batch_size is None else batch_size)
    with evaluator.loader:
        scores = [row for batch in evaluator.predictions(model.variables) for row in batch.scores]
    return [_result(row, model.classes) for row in scores]


def _result(scores: np.ndarray, classes: Sequence[str]) -> dict[str, Any]:
    label = int(scores.argmax())
    return {
        "pred_label": label,
        "pred_score": float(scores[label]),
        "pred_class": classes[label],
        "class_scores": scores,
    }
