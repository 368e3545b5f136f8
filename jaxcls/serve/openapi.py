"""The server's interface as an OpenAPI document (https://spec.openapis.org/oas/v3.1.0)."""

from __future__ import annotations

from typing import Any

import jaxcls
from jaxcls.serve.limits import Limits

_LABEL = {"label": {"type": "integer"}, "class": {"type": "string"}, "score": {"type": "number"}}
_PREDICTION = {
    "pred_label": {"type": "integer"},
    "pred_class": {"type": "string"},
    "pred_score": {"type": "number", "minimum": 0, "maximum": 1},
    "topk": {"type": "array", "items": {"type": "object", "properties": _LABEL, "required": list(_LABEL)}},
    "class_scores": {"type": "array", "items": {"type": "number"}, "description": "of all classes; with scores=true"},
}


def document(limits: Limits, needs_token: bool) -> dict[str, Any]:
    """The whole document."""
    refusals = {
        400: "an empty body, a wrong parameter, or a connection that was closed",
        408: f"the upload took more than {limits.upload_seconds:g} s",
        413: f"more than {limits.bytes} bytes or {limits.pixels} pixels",
        415: "no picture",
        422: "a damaged picture",
        503: "too many requests at a time, or the model is being compiled; try again after Retry-After seconds",
        504: f"no answer within {limits.answer_seconds:g} s",
    }
    parameters = [
        _parameter("topk", {"type": "integer", "minimum": 1, "default": 5}, "how many classes, the best first"),
        _parameter("scores", {"type": "boolean", "default": False}, "give the scores of all classes, too"),
    ]
    body = {"required": True, "content": {"image/*": {"schema": {"type": "string", "format": "binary"}}}}
    predict = {
        **_operation("What the picture in the body shows", _object(_PREDICTION), refusals),
        "parameters": parameters,
        "requestBody": body,
    }
    text = {"type": "string"}
    reload = _operation("Loads the weights anew", _object({"checkpoint": text}), {409: "another network or classes"})
    paths: dict[str, Any] = {
        "/predict": {"post": predict},
        "/reload": {"post": reload},
        "/metrics": {"get": _operation("Prometheus metrics", text, {}, "text/plain")},
        "/health": {"get": _operation("Whether the process works", _object({"healthy": {"type": "boolean"}}), {})},
        "/ready": {
            "get": _operation("Whether it takes pictures", _object({"ready": {"type": "boolean"}}), {503: "not yet"})
        },
    }
    components: dict[str, Any] = {"schemas": {"Error": _object({"error": text})}}
    if needs_token:
        components["securitySchemes"] = {"token": {"type": "http", "scheme": "bearer"}}
        for path in ("/predict", "/reload", "/metrics"):
            for operation in paths[path].values():
                operation["security"] = [{"token": []}]
                operation["responses"]["401"] = _refusal("no token, or a wrong one")
    info = {"title": "jaxcls", "version": jaxcls.__version__}
    return {"openapi": "3.1.0", "info": info, "paths": paths, "components": components}


def _parameter(name: str, schema: dict[str, Any], text: str) -> dict[str, Any]:
    return {"name": name, "in": "query", "schema": schema, "description": text}


def _object(properties: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "properties": properties}


def _operation(
    text: str, schema: dict[str, Any], refusals: dict[int, str], media_type: str = "application/json"
) -> dict[str, Any]:
    found = {"description": "OK", "content": {media_type: {"schema": schema}}}
    return {
        "summary": text,
        "responses": {"200": found, **{str(status): _refusal(reason) for status, reason in refusals.items()}},
    }


def _refusal(text: str) -> dict[str, Any]:
    schema = {"$ref": "#/components/schemas/Error"}
    return {"description": text, "content": {"application/json": {"schema": schema}}}
