"""Sources made of other sources."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from jaxcls.builder import build
from jaxcls.data.sources.base import Source, digest
from jaxcls.data.sources.files import some
from jaxcls.data.sources.labels import check_labels, images_of_each, in_terms_of
from jaxcls.errors import UserError

Node = Source | Mapping[str, Any]
_log = logging.getLogger("jaxcls")


def _source(node: Node, where: str) -> Source:
    from jaxcls.data import sources  # this module is part of that package

    return node if isinstance(node, Source) else build(node, sources, where)


class IndexedSource(Source):
    """The samples `indices` of another source."""

    def __init__(self, source: Source, indices: Any) -> None:
        self.source, self.classes, self.in_memory = source, source.classes, source.in_memory
        self.indices = np.asarray(indices, np.int64)

    @property
    def labels(self) -> np.ndarray:
        """int32 (n,) or (n, K)."""
        return self.source.labels[self.indices]

    def __len__(self) -> int:
        return len(self.indices)

    def names_digest(self) -> str:
        """A fingerprint of the source's names and of which of them are here."""
        inner = self.source.names_digest()
        whole = np.array_equal(self.indices, np.arange(len(self.source)))
        return inner if whole else digest(inner.encode(), self.indices.tobytes())

    def __getitem__(self, index: int) -> dict[str, Any]:
        return self.source[int(self.indices[index])]


class RepeatDataset(IndexedSource):
    """`dataset`, `times` over."""

    def __init__(self, dataset: Node, times: int) -> None:
        if not isinstance(times, int) or times < 1:
            raise UserError(f"times={times!r}: expected 1 or more, a whole number")
        source = _source(dataset, "dataset")
        super().__init__(source, np.tile(np.arange(len(source)), times))


class ClassBalancedDataset(IndexedSource):
    """`dataset` with the images of rare classes repeated (Gupta et al., https://arxiv.org/abs/1908.03195).

    With f the share of the images that have a class, an image is there ceil(max(1, sqrt(oversample_thr / f))) times,
    f being its rarest class's.

    Args:
        dataset: a source or its config.
        oversample_thr: classes in fewer than this share of the images are repeated, 0..1.
    """

    def __init__(self, dataset: Node, oversample_thr: float) -> None:
        if not 0 <= oversample_thr <= 1:
            raise UserError(f"oversample_thr={oversample_thr!r}: expected a share of the images, 0..1")
        source = _source(dataset, "dataset")
        check_labels(source, "dataset")
        shares = images_of_each(source.labels, len(source.classes)) / max(len(source), 1)
        factors = np.sqrt(oversample_thr / np.maximum(shares, 1 / max(len(source), 1)))
        times = np.ceil(_largest_factor(source.labels, np.maximum(factors, 1))).astype(int)
        super().__init__(source, np.repeat(np.arange(len(source)), times))


def _largest_factor(labels: np.ndarray, factors: np.ndarray) -> np.ndarray:
    """That of each image's classes (n,), 1 without any; column by column, as n x K numbers may not fit in memory."""
    if labels.ndim == 1:
        return factors[labels]
    largest = np.ones(len(labels))
    for column, factor in zip(labels.T, factors, strict=True):
        if factor > 1:
            np.maximum(largest, factor, out=largest, where=column == 1)
    return largest


class KFoldDataset(IndexedSource):
    """One part of a k-fold cross-validation.

    Args:
        dataset: a source or its config.
        fold: which of the folds is to validate, 0..num_splits - 1.
        num_splits: how many folds, of almost equal size.
        test_mode: the fold itself, instead of all others.
        seed: the dataset is shuffled before it is split; None: it is not.
        stratified: each class is split by itself; of n images of a class, n // num_splits are in fold 0.
    """

    def __init__(
        self,
        dataset: Node,
        fold: int = 0,
        num_splits: int = 5,
        test_mode: bool = False,
        seed: int | None = None,
        stratified: bool = False,
    ) -> None:
        if not 0 <= fold < num_splits:
            raise UserError(f"fold={fold!r}, num_splits={num_splits!r}: expected a fold in 0..num_splits - 1")
        source = _source(dataset, "dataset")
        check_labels(source, "dataset")
        if not 2 <= num_splits <= len(source):
            raise UserError(f"num_splits={num_splits}: expected 2 to {len(source)}, the number of images")
        indices = np.arange(len(source))
        if seed is not None:
            np.random.default_rng(seed).shuffle(indices)
        if stratified:
            folds = num_splits - 1 - _ranks(source.labels[indices]) % num_splits
        else:
            edges = [len(source) * edge // num_splits for edge in range(1, num_splits)]
            folds = np.searchsorted(edges, np.arange(len(source)), side="right")
        super().__init__(source, indices[(folds == fold) == test_mode])
        self._warn_of_lost(f"fold {fold} of {num_splits}" if test_mode else f"all folds but {fold}", stratified)

    def _warn_of_lost(self, part: str, stratified: bool) -> None:
        count = len(self.classes)
        there, here = images_of_each(self.source.labels, count), images_of_each(self.labels, count)
        if lost := [name for name, n, own in zip(self.classes, there, here, strict=True) if n and not own]:
            advice = "" if stratified else "; give stratified=True, or a seed"
            _log.warning("KFoldDataset: %s: no image of %s%s", part, some(lost), advice)


def _ranks(labels: np.ndarray) -> np.ndarray:
    """How many of the same label (n,) come before each.

    Raises:
        UserError: several labels an image.
    """
    if labels.ndim != 1:
        raise UserError("stratified=True: expected one label an image, got several")
    order = np.argsort(labels, kind="stable")
    _, starts, counts = np.unique(labels[order], return_index=True, return_counts=True)
    ranks = np.empty(len(labels), np.int64)
    ranks[order] = np.arange(len(labels)) - np.repeat(starts, counts)
    return ranks


class ConcatDataset(Source):
    """Several sources, one after the other. Their classes are those of the one that has most; the others' go by name.

    Args:
        datasets: sources or their configs.
        separate_eval: whether an evaluation reports each of them by itself.
    """

    def __init__(self, datasets: Sequence[Node], separate_eval: bool = True) -> None:
        if not datasets:
            raise UserError("datasets: expected at least one")
        parts = [_source(node, f"datasets[{i}]") for i, node in enumerate(datasets)]
        most = max(range(len(parts)), key=lambda i: len(parts[i].classes))
        self.classes, self.separate_eval = parts[most].classes, separate_eval
        self.datasets = [
            in_terms_of(part, self.classes, f"datasets[{i}]", f"datasets[{most}]") for i, part in enumerate(parts)
        ]
        self.ends = np.cumsum([len(source) for source in self.datasets])

    @property
    def labels(self) -> np.ndarray:
        """int32 (n,) or (n, K)."""
        return np.concatenate([source.labels for source in self.datasets])

    def __len__(self) -> int:
        return int(self.ends[-1])

    def names_digest(self) -> str:
        """A fingerprint of the parts' names."""
        inner = [part.names_digest() for part in self.datasets]
        return inner[0] if len(inner) == 1 else digest("".join(inner).encode())

    def __getitem__(self, index: int) -> dict[str, Any]:
        index = range(len(self))[index]
        which = int(np.searchsorted(self.ends, index, side="right"))
        return self.datasets[which][index - int(self.ends[which - 1]) if which else index]
