"""What the numbers mean, and how they add up over a stream of batches."""

from jaxcls.metrics.accumulators import METRIC_NAMES, Metric, build_metrics
from jaxcls.metrics.functional import (
    accuracy,
    average_performance,
    average_precision,
    confusion_matrix,
    mAP,
    precision_recall_f1,
    support,
)

__all__ = [
    "METRIC_NAMES",
    "Metric",
    "accuracy",
    "average_performance",
    "average_precision",
    "build_metrics",
    "confusion_matrix",
    "mAP",
    "precision_recall_f1",
    "support",
]
