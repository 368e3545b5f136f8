"""What a network makes of a dataset's images before its head, and that in two dimensions."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxcls.data.loader import READING_THREADS
from jaxcls.data.pipeline import Dataset, EvalBatches, Loader
from jaxcls.engine.network import preprocess_of
from jaxcls.errors import UserError, close_names
from jaxcls.inference import Model
from jaxcls.models.classifier import STAGES

METHODS = ("tsne", "pca")


class Features(NamedTuple):
    """Of n images: `values` (n, D) float32 and `labels` (n,) or (n, K)."""

    values: np.ndarray
    labels: np.ndarray


def features_of(model: Model, dataset: Dataset, count: int, stage: str = "pre_logits") -> Features:
    """The features of a dataset's first images.

    Args:
        model: what `init_model` gives.
        dataset: as it is evaluated.
        count: how many images at most.
        stage: `backbone`, `neck` or `pre_logits`; maps and tokens are averaged over their places, several outputs are
            put side by side.

    Raises:
        UserError: another stage.
    """
    if stage not in STAGES:
        raise UserError(f"--stage: {stage!r}; {close_names(stage, STAGES)}")
    preprocess = preprocess_of(dataset)

    @jax.jit
    def extract(variables: Any, images: jax.Array) -> jax.Array:
        found = model.classifier.apply(variables, preprocess(images), method="extract_feat", stage=stage)
        arrays = [leaf.astype(jnp.float32) for leaf in jax.tree.leaves(found)]
        return jnp.concatenate([leaf.mean(range(1, leaf.ndim - 1)) for leaf in arrays], axis=-1)

    values, labels = [], []
    for batch in _batches(dataset, model.batch_size, count):
        mask = batch["mask"] > 0
        values.append(np.asarray(extract(model.variables, batch["image"]))[mask])
        labels.append(batch["label"][mask])
    return Features(np.concatenate(values)[:count], np.concatenate(labels)[:count])


def _batches(dataset: Dataset, batch_size: int, count: int) -> Iterator[Any]:
    batches = EvalBatches(dataset, batch_size)
    with Loader(batches, READING_THREADS, lambda batch: batch) as loader:
        for i, batch in enumerate(loader.iterate()):
            yield batch
            if (i + 1) * batch_size >= count:
                return


def in_two_dimensions(values: np.ndarray, method: str = "tsne", perplexity: float = 30.0, seed: int = 0) -> np.ndarray:
    """(n, D) -> (n, 2).

    Args:
        values: of n images.
        method: `tsne` (van der Maaten & Hinton 2008) of the first 50 principal components, or `pca`.
        perplexity: of t-SNE: about how many neighbours count; fewer than n.
        seed: of t-SNE.

    Raises:
        UserError: another method, or too few images.
    """
    from sklearn.decomposition import PCA
    from sklearn.manifold import TSNE

    if method not in METHODS:
        raise UserError(f"--method: {method!r}; {close_names(method, METHODS)}")
    if method == "tsne" and not 0 < perplexity < len(values):
        raise UserError(f"--perplexity: {perplexity}; expected more than 0 and less than the {len(values)} images")
    components = 2 if method == "pca" else 50
    components = min(components, *values.shape)
    if components < 2:
        raise UserError(f"features {values.shape}: expected two images and two numbers each, or more")
    reduced = PCA(components, random_state=seed).fit_transform(values)
    if method == "pca":
        return reduced
    return TSNE(2, perplexity=perplexity, init="pca", random_state=seed).fit_transform(reduced)
