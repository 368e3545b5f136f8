"""What Prometheus reads (https://prometheus.io/docs/instrumenting/exposition_formats)."""

from __future__ import annotations

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, generate_latest

_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)


class Monitoring:
    """Counters of one server, in a registry of its own."""

    def __init__(self, waiting: Callable[[], int], uploads: Callable[[], int]) -> None:
        registry = self._registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        self._requests = Counter("jaxcls_requests", "Requests answered.", ("path", "status"), registry=registry)
        self._seconds = Histogram(
            "jaxcls_predict_seconds", "From a request to its answer.", buckets=_SECONDS, registry=registry
        )
        self._images = Histogram("jaxcls_batch_images", "Images a batch.", buckets=_POWERS, registry=registry)
        self._batch = Histogram(
            "jaxcls_batch_seconds", "The model's time a batch.", buckets=_SECONDS, registry=registry
        )
        self.reloads = Counter("jaxcls_reloads", "Weights replaced.", registry=registry)
        Gauge("jaxcls_waiting", "Requests that wait for their answer.", registry=registry).set_function(waiting)
        Gauge("jaxcls_upload_bytes", "Bytes of uploads held.", registry=registry).set_function(uploads)

    def batch(self, images: int, seconds: float) -> None:
        """Counts a batch."""
        self._images.observe(images)
        self._batch.observe(seconds)

    def answer(self, path: str, status: int, seconds: float) -> None:
        """Counts an answer."""
        self._requests.labels(path, str(status)).inc()
        if path == "/predict" and status == 200:
            self._seconds.observe(seconds)

    def text(self) -> bytes:
        """All of it."""
        return generate_latest(self._registry)


_POWERS = (1, 2, 4, 8, 16, 32, 64, 128)
