"""What the numbers mean, and how they add up over a stream of batches."""

from jaxcls.metrics.build import METRIC_NAMES, build_metrics, default_metric
from jaxcls.metrics.functional import (
    accuracy,
    average_performance,
    confusion_matrix,
    mAP,
    precision_recall_f1,
    support,
)
from jaxcls.metrics.metric import Metric, Number
from jaxcls.metrics.ranking import average_precision

__all__ = [
    "METRIC_NAMES",
    "Metric",
    "Number",
    "accuracy",
    "average_performance",
    "average_precision",
    "build_metrics",
    "confusion_matrix",
    "default_metric",
    "mAP",
    "precision_recall_f1",
    "support",
]
