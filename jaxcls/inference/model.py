"""A trained classifier from its checkpoint alone, and what it says of images."""

from __future__ import annotations

import math
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
from jaxcls.data.loader import READING_THREADS
from jaxcls.data.pipeline import Dataset, EvalBatches, Loader
from jaxcls.data.views import MOVED, Views, build_views
from jaxcls.engine import compilation
from jaxcls.engine.checkpoints.loading import choose, is_file, load_variables
from jaxcls.engine.checkpoints.storage import locate, read_meta
from jaxcls.engine.description import describe_from_data, description_of, is_described
from jaxcls.engine.evaluation import Evaluator
from jaxcls.engine.log import get_logger
from jaxcls.engine.network import Network
from jaxcls.engine.step.parallel import Parallel
from jaxcls.errors import UserError, close_names
from jaxcls.inference.images import GivenImages, listed
from jaxcls.inference.preprocess import Given, Preprocess, Tolerant
from jaxcls.models.classifier import STAGES

_MOST = 64 * 224 * 224 * 3  # values of images at a time, where the user does not say
_FEW = (1, 8)  # batches for so many images, which need not wait for as many as a run evaluated


class Model:
    """A classifier and all it takes to use it.

    Attributes:
        classifier: the unbound module.
        variables: what `classifier.apply` takes; the averaged weights where the run kept averages.
        classes: K names.
        image_shape: (H, W, C) as the network sees images.
        batch_size: how many images a run evaluated at a time, fewer where they are large.
        preprocess: one image -> float32 (H, W, C) as the network sees it (`jaxcls.inference.preprocess.Preprocess`).
        views: test-time augmentation, as the run's `data.tta` says.
        description: what all this was made of.
        checkpoint: where the weights are; None: initial ones.
        network: the classifier with its precision, on this process's devices.

    Args:
        description: `model`, `precision` and `import_from` as in a config, `classes`, `image_shape`, `pipeline`, `tta`
            and `batch_size`.
        checkpoint: a checkpoint's folder or a file, with the arrays; None: initial ones.
        deploy: in the form that `jaxcls.deploy` gives.
        weights: `ema` or `raw`; None: the averages where the run kept such.

    Raises:
        UserError: these do not fit each other.
    """

    def __init__(
        self,
        description: Mapping[str, Any],
        checkpoint: str | os.PathLike | None = None,
        deploy: bool = False,
        weights: str | None = None,
    ) -> None:
        self.description, self.checkpoint = description, checkpoint
        for folder in description.get("import_from", ()):
            user_code.search(folder)
        self.classes: tuple[str, ...] = tuple(description["classes"])
        self.image_shape: tuple[int, ...] = tuple(description["image_shape"])
        self.batch_size: int = min(description["batch_size"], max(_MOST // math.prod(self.image_shape), 1))
        self.preprocess = Preprocess(description["pipeline"], self.image_shape)
        self.views = build_views(description.get("tta", MOVED))
        parallel = Parallel(devices=tuple(jax.local_devices()))
        dataset = Dataset(GivenImages([], self.classes), self.preprocess.transforms, self.preprocess.normalize)
        self.network = Network(description, dataset, parallel, self.image_shape)
        self.network.check_classes(self.classes, f"checkpoint {checkpoint}" if checkpoint else "data.train")
        variables = self._load(checkpoint, weights)
        if deploy:
            self.network, variables = self.network.deployed(variables)
        self.classifier: nn.Module = self.network.classifier
        self.variables: dict[str, Any] = jax.tree.map(jnp.asarray, variables)
        self._eval_steps: dict[Views | None, Callable[..., Any]] = {}
        self._feature_steps: dict[str, Callable[..., Any]] = {}

    def _load(self, checkpoint: str | os.PathLike | None, weights: str | None) -> Mapping[str, Any]:
        if checkpoint is None:
            return self.network.init(jax.random.key(0))
        averaged, raw = load_variables(self.network.classifier, self.network.shapes, checkpoint)
        return choose(averaged, raw, weights, str(checkpoint))

    def evaluator(
        self,
        images: Sequence[Given],
        batch_size: int | None = None,
        views: Views | None = None,
        errors: dict[int, str] | None = None,
    ) -> Evaluator:
        """The evaluation loop over images: what gives their scores is what evaluates a run.

        Args:
            images: in their order.
            batch_size: as `inference_model` takes it.
            views: test-time augmentation.
            errors: gets what is wrong with images that cannot be read, by their places; None: that is raised.
        """
        preprocess = self.preprocess
        if views is not None and views.pipeline is not None:
            preprocess = Preprocess(views.pipeline, self.image_shape, fit=False)
        if views not in self._eval_steps:
            image = preprocess.black.shape if views else ()
            self._eval_steps[views] = self.network.make_eval_step(preprocess.on_device, views, image)
        loader = self._loader(images, batch_size, preprocess, errors)
        return Evaluator(self._eval_steps[views], loader, self.network.parallel)

    def _loader(
        self,
        images: Sequence[Given],
        batch_size: int | None,
        preprocess: Preprocess,
        errors: dict[int, str] | None = None,
    ) -> Loader:
        parallel, head = self.network.parallel, self.network.head
        if batch_size is None:
            batch_size = next((size for size in _FEW if len(images) <= size), self.batch_size)
        devices = len(parallel.devices)
        source = GivenImages(images, self.classes, head is not None and head.multi_label)
        transforms = preprocess.transforms if errors is None else (Tolerant(preprocess, errors),)
        batches = EvalBatches(Dataset(source, transforms, preprocess.normalize), -(-batch_size // devices) * devices)
        return Loader(batches, READING_THREADS, parallel.place_batch)

    def features(self, images: Given | Sequence[Given], stage: str = "neck", batch_size: int | None = None) -> Any:
        """What the network makes of images on its way, as `extract_feat` gives it, for all of them together.

        Args:
            images: as `inference_model` takes them, one at least.
            stage: `backbone` or `neck`, a tuple of features (n, …), or `pre_logits` (n, D).
            batch_size: as `inference_model` takes it.

        Returns:
            float32 arrays, the images along the first axis.

        Raises:
            UserError: another stage, no image, or one that cannot be read.
        """
        if stage not in STAGES:
            raise UserError(f"features: stage={stage!r}; {close_names(stage, STAGES)}")
        given, parallel = listed(images), self.network.parallel
        if not given:
            raise UserError("features: no images")
        if stage not in self._feature_steps:
            self._feature_steps[stage] = self._make_feature_step(stage)
        step, variables, rows = self._feature_steps[stage], parallel.place_state(self.variables), []
        with self._loader(given, batch_size, self.preprocess) as loader:
            for batch in loader.iterate():
                found, _ = step(variables, batch)
                mask = parallel.local_rows(batch["mask"]) > 0
                rows.append(jax.tree.map(lambda leaf, mask=mask: parallel.local_rows(leaf)[mask], found))
        return jax.tree.map(lambda *parts: np.concatenate(parts), *rows)

    def _make_feature_step(self, stage: str) -> Callable[..., Any]:
        network = self.network

        def step(variables: Mapping[str, Any], batch: Mapping[str, jax.Array]) -> tuple[Any, jax.Array]:
            images = network.precision.cast_images(self.preprocess.on_device(batch["image"]))
            cast = network.precision.cast(variables)
            found = network.classifier.apply(cast, images, stage=stage, method="extract_feat")
            return jax.tree.map(lambda leaf: leaf.astype(jnp.float32), found), jnp.zeros(())

        return network.parallel.wrap_eval_step(step)


def init_model(
    workdir_or_config: str | os.PathLike | ConfigDict | Mapping[str, Any],
    checkpoint: str | os.PathLike | None = None,
    deploy: bool = False,
    weights: str | None = None,
) -> Model:
    """A trained model, ready to use. No data is needed: the checkpoint says what there is to know.

    Args:
        workdir_or_config: a work directory (its best checkpoint, else its newest), one checkpoint, or a config: a dict,
            or a recipe's file, `FILE.py` or `FILE.py:ARGUMENT`.
        checkpoint: the weights for it, as `load_checkpoint` takes them; None: the work directory's own. A config
            without one has initial weights, and takes the names of its classes from its data.
        deploy: in the form that `jaxcls.deploy` gives: branches merged, BatchNorm folded.
        weights: `ema` or `raw`; None: the averages where the run kept such.

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
            return Model(meta, folder, deploy, weights)
        given, checkpoint = load_config(workdir / "config.json"), checkpoint or folder
    config = complete(given)
    if checkpoint is None:
        return Model(describe_from_data(config), None, deploy)
    return Model(description_of(checkpoint, config), checkpoint, deploy, weights)
