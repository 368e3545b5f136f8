"""What a request may cost."""

from __future__ import annotations

import asyncio
import io
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
from PIL import Image
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request

from jaxcls.errors import UserError
from jaxcls.inference.preprocess import Preprocess

FORMATS = ("BMP", "GIF", "JPEG", "PNG", "PPM", "TIFF", "WEBP")
_CLOSE = {"Connection": "close"}
_BUSY = {"Retry-After": "1"}


@dataclass(frozen=True)
class Limits:
    """Bounds of one request and of all together.

    Attributes:
        bytes: of an upload.
        pixels: of a picture.
        queue: requests between their upload and their answer; beyond it 503.
        memory: bytes of all uploads that are held at a time; beyond it 503.
        upload_seconds: for an upload; beyond it 408.
        answer_seconds: from the upload to the answer; beyond it 504.
        connections: open at a time.
    """

    bytes: int = 16 << 20
    pixels: int = 50_000_000
    queue: int = 256
    memory: int = 256 << 20
    upload_seconds: float = 30.0
    answer_seconds: float = 30.0
    connections: int = 1024


class Admission:
    """Counts what all requests hold. For one event loop: nothing here waits."""

    def __init__(self, limits: Limits) -> None:
        self.limits, self.requests, self.bytes = limits, 0, 0

    @contextmanager
    def admitted(self) -> Iterator[None]:
        """A place in the queue.

        Raises:
            HTTPException: 503, all of them are taken.
        """
        if self.requests >= self.limits.queue:
            raise HTTPException(503, f"{self.requests} requests are waiting", _BUSY)
        self.requests += 1
        try:
            yield
        finally:
            self.requests -= 1

    @contextmanager
    def upload(self) -> Iterator[Upload]:
        """Room for one body, given back at the end."""
        upload = Upload(self)
        try:
            yield upload
        finally:
            upload.release()


class Upload:
    """One body as it comes in. What is refused is still read to its end, or clients would not see the answer."""

    def __init__(self, admission: Admission) -> None:
        self._admission = admission
        self._chunks: list[bytes] = []
        self._held = 0
        self._refusal: HTTPException | None = None

    async def read(self, request: Request) -> bytes:
        """The whole body.

        Raises:
            HTTPException: 400, 408, 413 or 503.
        """
        limits = self._admission.limits
        declared = request.headers.get("content-length", "")
        if declared.isdecimal() and int(declared) > limits.bytes:
            self._refuse(413, f"at most {limits.bytes} bytes")
            if request.headers.get("expect", "").lower() == "100-continue":
                self._check()
        try:
            async with asyncio.timeout(limits.upload_seconds):
                async for chunk in request.stream():
                    self._take(chunk)
        except TimeoutError:
            self._refuse(408, f"the upload took more than {limits.upload_seconds:g} s")
        except ClientDisconnect:
            self._refuse(400, "the connection was closed during the upload")
        self._check()
        return b"".join(self._chunks)

    def _take(self, chunk: bytes) -> None:
        admission, limits = self._admission, self._admission.limits
        if self._refusal is None:
            self._chunks.append(chunk)
            self._held += len(chunk)
            admission.bytes += len(chunk)
            if self._held > limits.bytes:
                self._refuse(413, f"at most {limits.bytes} bytes")
            elif admission.bytes > limits.memory:
                self._refuse(503, "too many uploads at a time", _BUSY)

    def _refuse(self, status: int, reason: str, headers: dict[str, str] = {}) -> None:  # noqa: B006 (not changed)
        self._refusal = self._refusal or HTTPException(status, reason, {**_CLOSE, **headers})
        self.release()

    def _check(self) -> None:
        if self._refusal is not None:
            raise self._refusal

    def release(self) -> None:
        """Gives the room back."""
        self._admission.bytes -= self._held
        self._held = 0
        self._chunks.clear()


def decode(data: bytes, preprocess: Preprocess, limits: Limits) -> np.ndarray:
    """The image (H, W, C) as it travels to the device.

    Raises:
        HTTPException: 400, there is nothing; 413, too many pixels; 415, no image of a known format; 422, a damaged one.
    """
    if not data:
        raise HTTPException(400, "the body is empty; send a picture's file as it is")
    try:
        with Image.open(io.BytesIO(data), formats=FORMATS) as image:
            width, height = image.size
    except Image.DecompressionBombError as error:
        raise HTTPException(413, f"at most {limits.pixels} pixels") from error
    except Exception as error:  # readers of formats raise what they like
        raise HTTPException(415, f"no picture; expected {', '.join(FORMATS)}") from error
    if width * height > limits.pixels:
        raise HTTPException(413, f"{width}x{height} pixels, at most {limits.pixels}")
    try:
        return preprocess.on_host({"image": data})["image"]
    except UserError as error:
        raise HTTPException(422, str(error)) from error
