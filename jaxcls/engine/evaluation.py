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

from jaxcls.data.loader import Loader
from jaxcls.engine.step.parallel import Parallel
from jaxcls.metrics import build_metrics

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

    def check(self, metric: str | Sequence[str], options: Mapping[str, Any] | None) -> None:
        """Raises UserError for an unknown metric or option, before anything runs."""
        build_metrics(metric, options)

    def evaluate(
        self,
        variables: Mapping[str, Any],
        metric: str | Sequence[str] = "accuracy",
        options: Mapping[str, Any] | None = None,
        keep: Callable[[Predictions], None] | None = None,
        with_loss: bool = False,
    ) -> dict[str, Any]:
        """The metrics' numbers over the whole data, name -> percent.

        Args:
            variables: of the classifier.
            metric: names, as in `jaxcls.metrics`.
            options: theirs.
            keep: gets the predictions of each batch.
            with_loss: whether to give the mean of the head's losses too, as `loss`.
        """
        metrics, loss, count = build_metrics(metric, options), 0.0, 0
        for batch in self.predictions(variables):
            for one in metrics:
                one.update(batch.scores, batch.labels)
            loss, count = loss + batch.loss * len(batch.labels), count + len(batch.labels)
            if keep is not None:
                keep(batch)
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
