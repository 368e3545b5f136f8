"""What a metric is: a state that adds up over batches, and the numbers that follow from it.

Any split of the samples into batches gives the numbers of the whole set, in any order of merging: counts and kept
scores bit for bit, sums of float64 to their rounding.
"""

from __future__ import annotations

import abc
import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, NamedTuple

import numpy as np

from jaxcls.errors import UserError
from jaxcls.metrics.inputs import checked

# name -> counts or sums (an array), or what is kept of each batch (a tuple of arrays); `+` joins two of either kind
State = dict[str, Any]
SINGLE, MULTI, EITHER = "one label", "several labels", "either"
SHARE = "%"


class Number(NamedTuple):
    """One result of a metric, as it will be named.

    Attributes:
        name: the key in logs and results.
        better: `greater` or `less`; None where neither is better.
        scalar: whether it is a single number; a vector or a matrix is none.
    """

    name: str
    better: str | None
    scalar: bool = True


@dataclasses.dataclass(kw_only=True)
class Metric(abc.ABC):
    """A metric; its fields are the options that it takes.

    Attributes:
        name: how configs and `--metrics` call it.
        task: whose labels it takes: `SINGLE`, `MULTI`, or `EITHER` (one label is then one positive class).
        better: `greater` or `less`; None where neither is better.
        unit: of its numbers.
        keeps_scores: whether the state grows with the samples, because a ranking needs all of them.
        classes: the classes' names; without them, numbers by class are named by index.
        state: empty before the first sample.
    """

    name: ClassVar[str]
    task: ClassVar[str]
    better: ClassVar[str | None] = "greater"
    unit: ClassVar[str] = SHARE
    keeps_scores: ClassVar[bool] = False
    classes: Sequence[str] = ()
    state: State = dataclasses.field(default_factory=dict, init=False, repr=False)

    @classmethod
    def options(cls) -> tuple[str, ...]:
        """The names of the options that it takes."""
        return tuple(field.name for field in dataclasses.fields(cls) if field.name not in ("classes", "state"))

    def update(self, scores: np.ndarray, labels: np.ndarray) -> None:
        """Add a batch.

        Args:
            scores: (N, K), float; N may be 0.
            labels: (N,) class indices; with several labels an image (N, K), 1 positive, 0 negative, -1 difficult.

        Raises:
            UserError: shapes that do not fit, or labels outside their range.
        """
        if len(scores):
            self.merge(self.state_of(scores, labels))

    def state_of(self, scores: np.ndarray, labels: np.ndarray) -> State:
        """The state of a batch with at least one sample."""
        multi_label = self.task == MULTI or (self.task == EITHER and np.ndim(labels) == 2)
        scores, labels = checked(scores, labels, multi_label)
        finite = np.isfinite(scores).all(axis=1)
        if not finite.all():
            scores, labels = scores[finite], labels[finite]
        return {"not_finite": np.asarray((~finite).sum()), **self.measure(scores, labels)}

    def merge(self, state: Mapping[str, Any]) -> None:
        """Add the state of other samples, of the same metric with the same options."""
        if not self.state:
            self.state = dict(state)
        elif state:
            self.state = {key: value + state[key] for key, value in self.state.items()}

    def compute(self) -> dict[str, Any]:
        """The numbers by name: floats, or arrays where they are no single numbers.

        All are NaN where a score was not finite: what the network would have said of that sample is not known.

        Raises:
            UserError: no sample so far.
        """
        results = zip(self.names, self.results(), strict=True)
        return {name: value if value.ndim else value.item() for name, value in results}

    def results(self) -> list[np.ndarray]:
        """The numbers in the order of `names`."""
        if not self.state:
            raise UserError("there are no samples to evaluate")
        with np.errstate(divide="ignore", invalid="ignore"):
            values = list(map(np.asarray, self.values()))
        return [np.full(value.shape, np.nan) for value in values] if self.state["not_finite"] else values

    @property
    def numbers(self) -> tuple[Number, ...]:
        """What `compute` will give, known before the first sample (of numbers by class: with `classes`)."""
        return tuple(Number(name, self.better, self.scalar) for name in self.names)

    @property
    def scalar(self) -> bool:
        """Whether the numbers are single ones."""
        return True

    @property
    def names(self) -> Sequence[str]:
        """The numbers' names."""
        return (self.name,)

    def by_class(self, name: str, count: int | None = None) -> list[str]:
        """`<name>/<class>` for each of `count` classes; None: of those that are named."""
        count = len(self.classes) if count is None else count
        classes = self.classes if len(self.classes) == count else range(count)
        return [f"{name}/{one}" for one in classes]

    @abc.abstractmethod
    def measure(self, scores: np.ndarray, labels: np.ndarray) -> State:
        """The state of some samples, whose scores are finite; there may be none."""

    @abc.abstractmethod
    def values(self) -> Sequence[Any] | np.ndarray:
        """The numbers of a state that is not empty, in the order of `names`."""


def several(values: Any) -> tuple:
    """One number or several, as a tuple."""
    return (values,) if np.isscalar(values) else tuple(values)


def percent(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    """100 · part / whole of counts; 0 where `whole` is 0."""
    return 100.0 * part / np.maximum(whole, 1)


def harmonic(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """The harmonic mean; 0 where both are."""
    return 2 * first * second / np.maximum(first + second, 1e-20)


def by_threshold(name: str, thrs: Any) -> list[str]:
    """`name` for one threshold or none; for several `<name>_thr_0.50`, with more places where they need them."""
    if thrs is None or np.isscalar(thrs):
        return [name]
    places = next(places for places in range(2, 20) if len({f"{thr:.{places}f}" for thr in thrs}) == len(set(thrs)))
    return [f"{name}_thr_{thr:.{places}f}" for thr in thrs]
