"""The one evaluation loop: `train.py`'s hook and `evaluate.py` both run it.

It is exact on any number of devices: the last batch is padded, padding is masked out, and metrics are sums that merge.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import jax
import numpy as np
from jax.experimental import multihost_utils

from jaxcls.data.batches import EvalBatches
from jaxcls.data.dataset import Dataset
from jaxcls.data.loader import Loader
from jaxcls.engine.log import get_logger
from jaxcls.engine.step.parallel import Parallel
from jaxcls.metrics import Metric, Number, build_metrics, default_metric

LOSS = Number("loss", "less")
# steps under way on the device while the host counts an earlier one
_AHEAD = 2


class Predictions(NamedTuple):
    """What a batch gave, without padding, in the data's order.

    Attributes:
        scores: (n, K) float32.
        labels: (n,) or (n, K).
        loss: mean over the n.
    """

    scores: np.ndarray
    labels: np.ndarray
    loss: float


class Evaluator:
    """Runs `eval_step` over all batches.

    Args:
        eval_step: what `make_eval_step` gives.
        loader: padded and masked batches, placed on the devices.
        parallel: how the step is spread over devices.
    """

    def __init__(self, eval_step: Callable[..., Any], loader: Loader, parallel: Parallel) -> None:
        self.eval_step, self.loader, self.parallel = eval_step, loader, parallel

    @property
    def dataset(self) -> Dataset:
        """The data."""
        assert isinstance(self.loader.batches, EvalBatches)
        return self.loader.batches.dataset

    def metrics(
        self, metric: str | Sequence[str] | None = None, options: Mapping[str, Any] | None = None, where: str = ""
    ) -> list[Metric]:
        """The metrics, ready for these data, before anything runs.

        Args:
            metric: names, as in `jaxcls.metrics`; None: the data's default.
            options: theirs.
            where: what stands before `metric` in the config, for messages.

        Raises:
            UserError: an unknown metric or option, or one that is not for these data.
        """
        multi_label = self.dataset.labels.ndim == 2
        names = default_metric(multi_label) if metric is None else metric
        return build_metrics(names, options, multi_label=multi_label, classes=self.dataset.classes, where=where)

    def numbers(self, *arguments: Any) -> tuple[Number, ...]:
        """What `evaluate` will give, from the arguments of `metrics`; without the loss."""
        return tuple(number for one in self.metrics(*arguments) for number in one.numbers)

    def evaluate(
        self,
        variables: Mapping[str, Any],
        metric: str | Sequence[str] | None = None,
        options: Mapping[str, Any] | None = None,
        keep: Callable[[Predictions], None] | None = None,
        with_loss: bool = False,
    ) -> dict[str, Any]:
        """The metrics' numbers over the whole data, name -> percent.

        Args:
            variables: of the classifier.
            metric: names, as in `jaxcls.metrics`; None: the data's default.
            options: theirs.
            keep: gets the predictions of each batch.
            with_loss: whether to give the mean of the head's losses too, as `loss`.
        """
        metrics, loss, count, not_finite = self.metrics(metric, options), 0.0, 0, 0
        for batch in self.predictions(variables):
            for one in metrics:
                one.update(batch.scores, batch.labels)
            loss, count = loss + batch.loss * len(batch.labels), count + len(batch.labels)
            not_finite += int((~np.isfinite(batch.scores).all(axis=1)).sum())
            if keep is not None:
                keep(batch)
        if not_finite:
            get_logger().warning("%d of %d images have scores that are not finite: metrics are NaN", not_finite, count)
        numbers = {name: value for one in metrics for name, value in one.compute().items()}
        return {**numbers, "loss": loss / count} if with_loss else numbers

    def predictions(self, variables: Mapping[str, Any]) -> Iterator[Predictions]:
        """The predictions of each batch, of all processes."""
        variables = self.parallel.place_state(variables)
        running: deque[tuple[Any, Any, Any]] = deque()
        for batch in self.loader.iterate():
            scores, log_vars = self.eval_step(variables, batch)
            running.append((scores, log_vars["loss"], batch))
            if len(running) > _AHEAD:
                yield self._fetch(*running.popleft())
        while running:
            yield self._fetch(*running.popleft())

    def _fetch(self, scores: jax.Array, loss: jax.Array, batch: dict[str, jax.Array]) -> Predictions:
        rows = tuple(self.parallel.local_rows(array) for array in (scores, batch["label"], batch["mask"]))
        if jax.process_count() > 1:
            rows = multihost_utils.process_allgather(rows, tiled=True)
        mask = rows[2] > 0
        return Predictions(rows[0][mask], rows[1][mask], float(loss))
