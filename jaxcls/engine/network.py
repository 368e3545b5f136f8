"""A classifier and what it takes to feed it, and whether data fits it."""

from __future__ import annotations

import copy
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn

from jaxcls import user_code
from jaxcls.arguments import unknown_keys
from jaxcls.data.batch_augment import build_batch_augments, soft_labels
from jaxcls.data.pipeline import Dataset, TrainBatches
from jaxcls.data.sources.labels import check_labels
from jaxcls.data.views import View, Views, take
from jaxcls.engine.step.inputs import Inputs, to_float
from jaxcls.engine.step.parallel import Parallel
from jaxcls.engine.step.precision import build_precision
from jaxcls.engine.step.train_step import make_eval_step
from jaxcls.errors import UserError, refuse
from jaxcls.models import build_classifier, heads
from jaxcls.models.backbones.base import Backbone
from jaxcls.models.classifier import ImageClassifier
from jaxcls.models.deploy import deploy
from jaxcls.models.heads.cls_head import Head


class Network:
    """A classifier and what it takes to feed it.

    Attributes:
        classifier: the unbound module.
        head: its head, where this is one of ours or derives from them, else None.
        parallel: the devices that it runs on.
        inputs: what becomes of a batch before the network sees it in training.
        soften: labels (N,) or (N, K) -> (N, K) float32 as `inputs.mix_batch` gives them, or None.
        precision: what it computes in.
        image_shape: (H, W, C) of its images.
        num_classes: K.

    Args:
        config: the whole config.
        dataset: whose images the network gets.
        parallel: the devices that it runs on.
        image_shape: None: that of the dataset's images.
    """

    def __init__(
        self, config: Mapping[str, Any], dataset: Dataset, parallel: Parallel, image_shape: Sequence[int] | None = None
    ) -> None:
        self.parallel = parallel
        self.classifier: nn.Module = build_classifier(config["model"])
        head = getattr(self.classifier, "head", None)
        self.head: Head | None = head if isinstance(head, Head) else None
        self.image_shape = tuple(image_shape or dataset.image.shape)
        images = jax.ShapeDtypeStruct((1, *self.image_shape), jnp.float32)
        logits, self.shapes = _traced(self.classifier, images)
        self.num_classes: int = logits.shape[-1]
        mix_batch = _mix_batch(config["model"], self.num_classes)
        self.inputs = Inputs(dataset.augment_images, preprocess_of(dataset), mix_batch)
        self.soften = partial(soft_labels, num_classes=self.num_classes) if mix_batch else None
        self.precision = build_precision(config["precision"])

    def init(self, key: jax.Array) -> dict[str, Any]:
        """Initial variables."""
        # XLA makes long programs of random numbers; they run once, so that making them quickly is worth more.
        level = "xla_backend_optimization_level"
        chosen = level in os.environ.get("XLA_FLAGS", "")  # by the user
        options = {level: 1} if jax.default_backend() == "cpu" and not chosen else None
        init = jax.jit(self.classifier.init, compiler_options=options)
        return init(key, jnp.zeros((1, *self.image_shape), jnp.float32))

    def make_eval_step(
        self, preprocess: Callable[[jax.Array], jax.Array], views: Views | None = None, image: Sequence[int] = ()
    ) -> Callable[..., Any]:
        """What `jaxcls.make_eval_step` gives, for images that `preprocess` brings to the network.

        Args:
            preprocess: images as they travel -> float32 (N, H, W, C).
            views: test-time augmentation.
            image: (H, W, C) of the images that views are made of.

        Raises:
            UserError: views that cannot be made, or that the network cannot take.
        """
        plan = self._plan(views, image) if views else ()
        return make_eval_step(
            self.classifier,
            parallel=self.parallel,
            preprocess=(lambda images: take(plan, preprocess(images))) if plan else preprocess,
            soften=self.soften,
            precision=self.precision,
            average=views.average if views else "scores",
        )

    def _plan(self, views: Views, image: Sequence[int]) -> tuple[View, ...]:
        """The views of images (H, W, C), all of sizes that the network takes."""
        plan = views.plan((image[0], image[1]), (self.image_shape[0], self.image_shape[1]))
        for height, width in dict.fromkeys(view.shape for view in plan):
            if reason := self._refusal((height, width, image[2])):
                raise UserError(f"data.tta: views of {height}x{width} pixels: {reason}; crops keep the size")
        return plan

    def deployed(self, variables: Mapping[str, Any]) -> tuple[Network, dict[str, Any]]:
        """The network in its quickest form, and its variables (`jaxcls.deploy`).

        Raises:
            UserError: a classifier of another kind.
        """
        if not isinstance(self.classifier, ImageClassifier):
            raise UserError(f"deploy: {type(self.classifier).__name__} is no ImageClassifier")
        other = copy.copy(self)
        other.classifier, variables = deploy(self.classifier, variables, self.image_shape)
        other.shapes = jax.tree.map(lambda leaf: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype), variables)
        return other, variables

    def check(self, dataset: Dataset, where: str) -> None:
        """Refuses data that the network cannot take, from labels and shapes alone.

        Args:
            dataset: training or validation data.
            where: what to call it.

        Raises:
            UserError: labels that do not fit the classes or the head, or images that do not fit the network.
        """
        check_labels(dataset.source, where)
        problems = list(self._problems_of_classes(dataset, where)) or list(self._problems_of_labels(dataset, where))
        problems += self._problems_of_images(dataset, where)
        if problems:
            raise UserError("; ".join(problems))

    def check_classes(self, classes: Sequence[str], where: str) -> None:
        """Refuses another number of classes than the head has.

        Raises:
            UserError: it is another.
        """
        if len(classes) != self.num_classes:
            listed = ", ".join(classes[:3]) + (", …" if len(classes) > 3 else "")
            advice = f"; set its num_classes to {len(classes)}" if where == "data.train" else ""
            raise UserError(
                f"{where} has {len(classes)} classes ({listed}), but the head has {self.num_classes}{advice}"
            )

    def _problems_of_classes(self, dataset: Dataset, where: str) -> Iterator[str]:
        try:
            self.check_classes(dataset.classes, where)
        except UserError as error:
            yield str(error)

    def _problems_of_labels(self, dataset: Dataset, where: str) -> Iterator[str]:
        """Of their kind: one class an image, or several; and whether the loss takes them."""
        if self.head is None:
            return
        labels, name = dataset.labels, type(self.head).__name__
        several, takes_several = labels.ndim == 2, self.head.multi_label
        if several and not takes_several:
            other = f"MultiLabel{name}" if f"MultiLabel{name}" in heads.__all__ else "MultiLabelLinearClsHead"
            yield f"{where} has any number of labels an image, but {name} is for one{_advice(other, where)}"
        elif takes_several and not several and self.soften is None:
            advice = _advice(name.removeprefix("MultiLabel"), where)
            yield f"{where} has one label an image, but {name} is for any number of them{advice}"
        else:
            yield from self._problems_of_loss(labels, where)

    def _problems_of_loss(self, labels: np.ndarray, where: str) -> Iterator[str]:
        def losses(logits: jax.Array, labels: jax.Array) -> Any:
            labels = self.soften(labels) if self.soften else labels
            return self.classifier.apply({}, logits, labels, method=lambda module, *inputs: module.head.losses(*inputs))

        logits = jax.ShapeDtypeStruct((1, self.num_classes), jnp.float32)
        refusal = f"{where}: the loss of {type(self.head).__name__} does not take "
        loss = getattr(self.head, "loss", None)
        if labels.ndim == 2 and (needed := getattr(loss, "for_several_labels", "")):
            name = type(loss).__name__
            yield f"{refusal}several labels: {name} takes their rows as probabilities; set {needed}"
            return
        try:
            jax.eval_shape(losses, logits, jax.ShapeDtypeStruct((1, *labels.shape[1:]), jnp.int32))
        except UserError as error:
            kind = "mixed labels" if self.soften else "one label an image" if labels.ndim == 1 else "several labels"
            yield f"{refusal}{kind}: {error}"

    def _problems_of_images(self, dataset: Dataset, where: str) -> Iterator[str]:
        """Of their channels, and of a size that is not the network's own and that it cannot take."""
        image = jax.ShapeDtypeStruct((1, *dataset.image.shape), dataset.image.dtype)
        sizes = f"{where}: images are {dataset.image.shape} (height, width, channels), the network's {self.image_shape}"
        try:
            seen = jax.eval_shape(preprocess_of(dataset), image)
        except UserError as error:
            same = dataset.image.shape == self.image_shape
            yield f"{where}.pipeline: {error}" if same else f"{sizes}; {error}"
            return
        if seen.shape[-1] != self.image_shape[-1]:
            yield f"{sizes}; the channels have to be the same"
        elif seen.shape[1:] != self.image_shape and (reason := self._refusal(seen.shape[1:])):
            yield f"{sizes}; {reason}"

    def _refusal(self, shape: tuple[int, ...]) -> str:
        """Why the network cannot take images (H, W, C) of another size than its own; empty where it can."""
        images = jax.ShapeDtypeStruct((1, *shape), jnp.float32)
        try:
            jax.eval_shape(self.classifier.apply, self.shapes, images)
        except Exception as error:  # a layer that does not fit raises what it likes
            reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
            return f"{type(self.classifier.backbone).__name__} cannot take another size: {reason}"
        return ""


def fitted(network: Network, variables: Mapping[str, Any], batches: TrainBatches) -> Mapping[str, Any]:
    """The variables, what the backbone begins with computed from training images where it asks for such."""
    backbone = getattr(network.classifier, "backbone", None)
    if not isinstance(backbone, Backbone) or not backbone.images_to_fit:
        return variables
    images = network.inputs.preprocess(jnp.asarray(batches.first_images(backbone.images_to_fit)))
    params = variables["params"]
    return {**variables, "params": {**params, "backbone": backbone.fit(params["backbone"], np.asarray(images))}}


def _traced(classifier: nn.Module, images: jax.ShapeDtypeStruct) -> tuple[jax.ShapeDtypeStruct, dict[str, Any]]:
    """The shapes of the logits and of the variables.

    Raises:
        UserError: arguments that do not fit each other, as the layers find.
    """
    try:
        return jax.eval_shape(classifier.init_with_output, jax.random.key(0), images)
    except UserError:
        raise
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
        if user_code.frames(error):
            raise
        raise UserError(f"model: cannot be built with these arguments: {user_code.describe(error)}") from error


def _advice(head: str, where: str) -> str:
    """The head to take instead; to other data than the training's, the head is not what is wrong."""
    return f"; use {head}" if where == "data.train" else ""


def preprocess_of(dataset: Dataset) -> Any:
    """What the device does to the images before the network sees them."""
    return dataset.normalize.on_device if dataset.normalize else to_float


def _mix_batch(model: Mapping[str, Any], num_classes: int) -> Any:
    """What mixes images in the step, by the model's `train_cfg.augments`; None without any."""
    train_cfg = model.get("train_cfg") or {}
    refuse(unknown_keys(train_cfg, ("augments", "distill"), "model.train_cfg"))
    augments = train_cfg.get("augments")
    return build_batch_augments(augments, num_classes, "model.train_cfg.augments") if augments else None
