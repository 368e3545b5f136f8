"""The ASGI application: a picture in, classes and scores out."""

from __future__ import annotations

import asyncio
import functools
import hmac
import time
import warnings
from collections.abc import AsyncIterator, Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from importlib import resources
from urllib.parse import urlsplit

import numpy as np
from PIL import Image
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from jaxcls.errors import UserError
from jaxcls.inference.model import Model
from jaxcls.results import best_classes
from jaxcls.serve.batcher import Batcher
from jaxcls.serve.limits import Admission, Limits, decode
from jaxcls.serve.monitoring import Monitoring
from jaxcls.serve.openapi import document
from jaxcls.serve.scorer import Scorer

_TOPK = 5
_POLICY = "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src blob:; connect-src 'self'"
Handler = Callable[["Service", Request], Awaitable[Response]]


class Service:
    """A model, its threads, and the handlers of requests.

    Attributes:
        is_ready: whether the model is compiled.
        is_stopping: whether clients are to close their connections.

    Args:
        open_model: gives the model, again when it is to be loaded anew.
        limits: of requests.
        token: that requests have to bring; None: none.
        batch_size: images at a time, at most; None: the model's.
        window: seconds that an image waits for others, at most.
        decoders: threads that read pictures.
    """

    def __init__(
        self,
        open_model: Callable[[], Model],
        limits: Limits,
        token: str | None,
        batch_size: int | None,
        window: float,
        decoders: int,
    ) -> None:
        model = open_model()
        self.limits, self._open_model, self._token = limits, open_model, token
        self.scorer = Scorer(model, batch_size or model.batch_size)
        self._admission = Admission(limits)
        self.monitoring = Monitoring(lambda: self._admission.requests, lambda: self._admission.bytes)
        self._decoders = ThreadPoolExecutor(decoders, "decoder")
        self._loader, self._loading = ThreadPoolExecutor(1, "loader"), asyncio.Lock()
        self._batcher = Batcher(self.scorer, self.scorer.sizes, window, self.monitoring.batch)
        self.is_ready = self.is_stopping = False
        warnings.filterwarnings("ignore", category=Image.DecompressionBombWarning)  # there is a limit of our own

    @asynccontextmanager
    async def lifespan(self, app: Starlette) -> AsyncIterator[None]:
        """Compiles in the background; in the end all that waits is answered."""
        warming = asyncio.create_task(self._warm_up())
        yield
        warming.cancel()
        for part in (self._batcher.close, self._decoders.shutdown, self._loader.shutdown):
            await asyncio.to_thread(part)

    async def _warm_up(self) -> None:
        await asyncio.get_running_loop().run_in_executor(self._loader, self.scorer.warm_up)
        self.is_ready = True

    async def predict(self, request: Request) -> Response:
        """The classes of the picture that is the body."""
        topk, with_scores = _topk(request), request.query_params.get("scores") in ("1", "true")
        with self._admission.upload() as upload:
            data = await upload.read(request)
            if not self.is_ready:
                raise HTTPException(503, "the model is being compiled", {"Retry-After": "5"})
            with self._admission.admitted():
                try:
                    async with asyncio.timeout(self.limits.answer_seconds):
                        scores = await self._scores(data)
                except TimeoutError as error:
                    raise HTTPException(504, f"no answer within {self.limits.answer_seconds:g} s") from error
        return JSONResponse(_result(scores, self.scorer.model.classes, topk, with_scores))

    async def _scores(self, data: bytes) -> np.ndarray:
        preprocess = self.scorer.model.preprocess
        loop = asyncio.get_running_loop()
        image = await loop.run_in_executor(self._decoders, decode, data, preprocess, self.limits)
        return await asyncio.wrap_future(self._batcher.submit(image))

    async def reload(self, request: Request) -> Response:
        """Loads the weights anew; requests meanwhile get the old ones' scores."""
        loop = asyncio.get_running_loop()
        async with self._loading:
            try:
                model = await loop.run_in_executor(self._loader, self._open_model)
                self.scorer.replace(model)
            except UserError as error:
                raise HTTPException(409, str(error)) from error
        self.monitoring.reloads.inc()
        return JSONResponse({"checkpoint": _path(model)})

    async def health(self, request: Request) -> Response:
        """Whether the process works."""
        return JSONResponse({"healthy": self._batcher.is_alive}, 200 if self._batcher.is_alive else 500)

    async def ready(self, request: Request) -> Response:
        """Whether it takes pictures."""
        ready = self.is_ready and not self.is_stopping
        answer = {"ready": ready, "checkpoint": _path(self.scorer.model), "classes": len(self.scorer.model.classes)}
        return JSONResponse(answer, 200 if ready else 503)

    async def metrics(self, request: Request) -> Response:
        """For Prometheus."""
        return Response(self.monitoring.text(), media_type="text/plain; version=0.0.4; charset=utf-8")

    async def openapi(self, request: Request) -> Response:
        """What all this is."""
        return JSONResponse(document(self.limits, self._token is not None))

    async def page(self, request: Request) -> Response:
        """For people."""
        page = resources.files("jaxcls.serve").joinpath("page.html").read_text(encoding="utf-8")
        return HTMLResponse(page, headers={"Content-Security-Policy": _POLICY, "X-Content-Type-Options": "nosniff"})

    def check(self, request: Request) -> None:
        """Refuses who has no token, and pages of other sites that a browser here has open.

        Raises:
            HTTPException: 401 or 403.
        """
        origin = request.headers.get("origin")
        if origin and urlsplit(origin).netloc != request.headers.get("host"):
            raise HTTPException(403, "from a page of another site")
        given = request.headers.get("authorization", "")
        if self._token is not None and not hmac.compare_digest(given.encode(), f"Bearer {self._token}".encode()):
            raise HTTPException(401, "expected the header Authorization: Bearer TOKEN", {"WWW-Authenticate": "Bearer"})


def create_app(
    open_model: Callable[[], Model],
    limits: Limits = Limits(),  # noqa: B008 (immutable)
    token: str | None = None,
    batch_size: int | None = None,
    window: float = 0.005,
    decoders: int = 2,
    hosts: tuple[str, ...] = ("*",),
) -> Starlette:
    """The application; `app.state.service` is its `Service`.

    Args:
        open_model: gives the model, again when it is to be loaded anew.
        limits: of requests.
        token: that requests have to bring as `Authorization: Bearer TOKEN`; None: none.
        batch_size: images at a time, at most; None: the model's.
        window: seconds that an image waits for others, at most.
        decoders: threads that read pictures.
        hosts: names that a request's `Host` may have, so that no other site's name leads here.
    """
    service = Service(open_model, limits, token, batch_size, window, decoders)
    is_free = {"/", "/health", "/ready", "/openapi.json"}
    handlers = {
        "/": service.page,
        "/health": service.health,
        "/ready": service.ready,
        "/openapi.json": service.openapi,
        "/metrics": service.metrics,
        "/predict": service.predict,
        "/reload": service.reload,
    }
    routes = [
        Route(
            path,
            functools.partial(_answer, service, path, handler, path not in is_free),
            methods=["POST"] if path in ("/predict", "/reload") else ["GET"],
        )
        for path, handler in handlers.items()
    ]
    app = Starlette(
        routes=routes,
        middleware=[Middleware(TrustedHostMiddleware, allowed_hosts=list(hosts), www_redirect=False)],
        exception_handlers={HTTPException: _error, Exception: _failure},  # type: ignore[dict-item]
        lifespan=service.lifespan,
    )
    app.state.service = service
    return app


async def _answer(
    service: Service, path: str, handler: Callable[[Request], Awaitable[Response]], guarded: bool, request: Request
) -> Response:
    start = time.monotonic()
    try:
        if guarded:
            service.check(request)
        response = await handler(request)
    except HTTPException as error:
        response = _error(request, error)
    service.monitoring.answer(path, response.status_code, time.monotonic() - start)
    if service.is_stopping:
        response.headers["Connection"] = "close"
    return response


def _error(request: Request, error: HTTPException) -> Response:
    return JSONResponse({"error": error.detail}, error.status_code, error.headers)


def _failure(request: Request, error: Exception) -> Response:
    return JSONResponse({"error": "the server failed; its log says how"}, 500)


def _topk(request: Request) -> int:
    text = request.query_params.get("topk", str(_TOPK))
    if not (text.isdecimal() and text.isascii() and 0 < len(text) < 7 and int(text)):
        raise HTTPException(400, f"topk={text[:20]!r}: expected a number from 1")
    return int(text)


def _result(scores: np.ndarray, classes: tuple[str, ...], topk: int, with_scores: bool) -> dict[str, object]:
    """As `predict --out` writes it."""
    if not np.isfinite(scores).all():
        raise HTTPException(500, "the scores are not finite")
    best = best_classes(scores, classes, topk)
    return {
        **{f"pred_{key}": best[0][key] for key in ("label", "class", "score")},
        "topk": best,
        **({"class_scores": [float(score) for score in scores]} if with_scores else {}),
    }


def _path(model: Model) -> str | None:
    return None if model.checkpoint is None else str(model.checkpoint)
