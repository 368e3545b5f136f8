"""The server in this process: what it answers, and what it refuses."""

from __future__ import annotations

import io
import threading
import time

import numpy as np
import pytest
from PIL import Image
from starlette.exceptions import HTTPException
from starlette.testclient import TestClient

import jaxcls
from jaxcls.serve import Limits, create_app
from jaxcls.serve.batcher import Batcher, taken
from jaxcls.serve.limits import Admission
from tests.small_models import model_of, pictures

LIMITS = Limits(bytes=100_000, pixels=100_000, queue=4)


def png(pixels):
    Image.fromarray(pixels).save(file := io.BytesIO(), "PNG")
    return file.getvalue()


@pytest.fixture(scope="module")
def models():
    """What is opened, one after the other."""
    return [model_of("LeNet5"), model_of("LeNet5", seed="2"), model_of("LeNet5", precision="bfloat16")]


@pytest.fixture(scope="module")
def client(models):
    opened = iter(models)
    app = create_app(lambda: next(opened), LIMITS, window=0.001, hosts=("127.0.0.1",))
    with TestClient(app, "http://127.0.0.1", raise_server_exceptions=False) as client:
        while client.get("/ready").status_code == 503:
            time.sleep(0.01)
        yield client


@pytest.fixture(scope="module")
def images(models):
    return list(pictures(models[0]))


def scores_of(client, images):
    answers = [client.post("/predict?scores=1", content=png(image)).json() for image in images]
    return np.array([answer["class_scores"] for answer in answers])


def expected(model, images):
    return np.stack([row["class_scores"] for row in jaxcls.inference_model(model, images)])


def test_answers_are_those_of_inference_model(client, models, images):
    np.testing.assert_allclose(scores_of(client, images), expected(models[0], images), atol=1e-5, rtol=0)
    (result,) = jaxcls.inference_model(models[0], images[0])
    answer = client.post("/predict?topk=3", content=png(images[0])).json()
    assert answer.keys() == {"pred_label", "pred_class", "pred_score", "topk"}
    assert (answer["pred_label"], answer["pred_class"]) == (result["pred_label"], result["pred_class"])
    assert [one["label"] for one in answer["topk"]] == list(np.argsort(-result["class_scores"])[:3])
    assert len(client.post("/predict?topk=99", content=png(images[0])).json()["topk"]) == 8


WHITE = png(np.full((32, 32, 3), 255, np.uint8))
NOISE = png(np.random.default_rng(1).integers(0, 256, (64, 64, 3), np.uint8))


@pytest.mark.parametrize(
    ("status", "body", "query"),
    [
        (400, b"", ""),
        (415, b"no picture", ""),
        (415, b"\x89PNG\r\n\x1a\n", ""),
        (415, b"<svg xmlns='http://www.w3.org/2000/svg'/>", ""),
        (422, NOISE[: len(NOISE) // 2], ""),
        (413, png(np.zeros((400, 400), np.uint8)), ""),
        (413, bytes(200_000), ""),
        (413, iter([bytes(60_000)] * 3), ""),
        (400, WHITE, "?topk=0"),
        (400, WHITE, "?topk=many"),
    ],
)
def test_bad_requests_are_refused(client, status, body, query):
    response = client.post(f"/predict{query}", content=body)
    assert response.status_code == status, response.text
    assert response.json()["error"]
    assert client.app.state.service._admission.bytes == 0


def test_other_sites_cannot_reach_it(client):
    assert client.post("/predict", content=WHITE, headers={"Origin": "http://evil.example"}).status_code == 403
    assert client.post("/predict", content=WHITE, headers={"Origin": "http://127.0.0.1"}).status_code == 200
    assert client.get("/metrics", headers={"Host": "evil.example"}).status_code == 400


def test_what_it_says_of_itself(client):
    paths = client.get("/openapi.json").json()["paths"]
    routes = {route.path: {method.lower() for method in route.methods} - {"head"} for route in client.app.routes}
    assert {path: set(methods) for path, methods in paths.items()} == {
        path: methods for path, methods in routes.items() if path not in ("/", "/openapi.json")
    }
    assert client.get("/health").json() == {"healthy": True}
    page = client.get("/")
    assert "default-src 'none'" in page.headers["content-security-policy"]
    assert "http://" not in page.text
    assert "https://" not in page.text
    assert client.get("/predict").status_code == 405
    assert client.post("/predict", content=WHITE).status_code == 200
    assert 'jaxcls_requests_total{path="/predict",status="200"}' in client.get("/metrics").text


def test_a_token_is_asked_for(models):
    with TestClient(create_app(lambda: models[0], token="secret")) as client:
        for path in ("/predict", "/reload"):
            assert client.post(path).status_code == 401
            assert client.post(path, headers={"Authorization": "Bearer other"}).status_code == 401
        assert client.get("/metrics").status_code == 401
        assert client.get("/metrics", headers={"Authorization": "Bearer secret"}).status_code == 200
        assert client.get("/health").status_code == 200
        assert "401" in client.get("/openapi.json").json()["paths"]["/predict"]["post"]["responses"]


def test_weights_are_loaded_anew(client, models, images):
    assert client.post("/reload").json() == {"checkpoint": "2"}
    np.testing.assert_allclose(scores_of(client, images), expected(models[1], images), atol=1e-5, rtol=0)
    refused = client.post("/reload")
    assert (refused.status_code, "its precision is not that of 2" in refused.json()["error"]) == (409, True)
    np.testing.assert_allclose(scores_of(client, images), expected(models[1], images), atol=1e-5, rtol=0)


def test_beyond_the_queue_clients_are_to_try_again():
    admission = Admission(Limits(queue=1))
    with admission.admitted(), pytest.raises(HTTPException) as refused, admission.admitted():
        pass
    assert (refused.value.status_code, refused.value.headers["Retry-After"]) == (503, "1")
    assert admission.requests == 0


@pytest.mark.parametrize(
    ("count", "number"), [(1, 1), (2, 2), (3, 2), (4, 4), (7, 4), (9, 8), (15, 8), (16, 16), (31, 16), (90, 32)]
)
def test_batches_are_full(count, number):
    assert taken(count, (1, 2, 4, 8, 16, 32)) == number


def test_fewer_images_than_devices_go_together():
    assert taken(3, (8, 16)) == 3


def test_a_batcher_answers_all_in_order_and_ends():
    go, seen = threading.Event(), []

    def score(images):
        go.wait()
        if images[0] < 0:
            raise ValueError("negative")
        return np.stack(images) * 2

    batcher = Batcher(score, (1, 4), 0.05, lambda size, seconds: seen.append(size))
    failed = batcher.submit(np.float32(-1))
    while len(batcher):
        time.sleep(0.001)
    answers = [batcher.submit(np.float32(k)) for k in range(9)]
    go.set()
    batcher.close()
    assert isinstance(failed.exception(), ValueError)
    assert [float(answer.result()) for answer in answers] == [2.0 * k for k in range(9)]
    assert seen == [4, 4, 1]
    assert not batcher.is_alive
