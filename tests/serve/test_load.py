"""A server of its own process under load, malice and a signal. `-s` prints the figures of docs/serving.md.

`JAXCLS_LOAD_REQUESTS` says how many requests there are, `JAXCLS_LOAD_SIZE` the side of the network's images. Of images
of 32 pixels the network is so quick, and so much quicker with larger batches, that the requests' own Python counts.
"""

from __future__ import annotations

import http.client
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import NamedTuple

import numpy as np
import psutil
import pytest
from PIL import Image

from tests.conftest import ROOT

pytestmark = pytest.mark.slow

CLIENTS, FILES = 32, 40
SIZE = int(os.environ.get("JAXCLS_LOAD_SIZE", "224"))
REQUESTS = int(os.environ.get("JAXCLS_LOAD_REQUESTS", "2000"))
UPLOAD_MEMORY = 64 << 20
CONFIG = """
from jaxcls import recipes, zoo


def get_config():
    data, classes = recipes.folder({folder!r}, size={size}, batch_size=32)
    model = zoo.model_config("resnet18", num_classes=len(classes))
    return recipes.recipe(model, data, recipes.sgd(lr=0.01), recipes.cosine(), max_epochs=1)
"""
# what inference_model says of the same files, and how quickly
BASELINE = """
import json, sys, time
from pathlib import Path
import jaxcls
from jaxcls.convert import export_state_dict
from jaxcls.convert.writers import write_file
model = jaxcls.init_model(sys.argv[1])
write_file(sys.argv[3], export_state_dict(model.classifier, model.variables), {})
files = [path.read_bytes() for path in sorted(Path(sys.argv[2]).glob("*/*.jpg"))]
jaxcls.inference_model(model, files[:32], batch_size=32)
start = time.perf_counter()
rows = jaxcls.inference_model(model, files * 8, batch_size=32)
seconds = time.perf_counter() - start
print(json.dumps([len(rows) / seconds, [row["class_scores"].tolist() for row in rows[: len(files)]]]))
"""


class Served(NamedTuple):
    """A running server.

    Attributes:
        process: of the server.
        port: on 127.0.0.1.
        files: pictures' contents.
        expected: their scores, (n, K).
        speed: images a second of `inference_model`.
    """

    process: psutil.Popen
    port: int
    files: list[bytes]
    expected: np.ndarray
    speed: float


def draw(folder):
    """Pictures of two classes."""
    rng = np.random.default_rng(0)
    for k in range(FILES):
        place = folder / ("smooth", "rough")[k % 2]
        place.mkdir(parents=True, exist_ok=True)
        pixels = rng.integers(0, 256, (8, 8, 3) if k % 2 == 0 else (120, 160, 3), np.uint8)
        Image.fromarray(pixels).resize((160, 120)).save(place / f"{k:02}.jpg", quality=90)


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    root = tmp_path_factory.mktemp("served")
    draw(root / "pictures")
    config = root / "mine.py"
    config.write_text(CONFIG.format(folder=str(root / "pictures"), size=SIZE))
    run = dict(cwd=ROOT, env={**os.environ, "XLA_FLAGS": "", "PYTHONPATH": str(ROOT)}, text=True)
    weights = str(root / "weights.safetensors")
    code = [sys.executable, "-c", BASELINE, str(config), str(root / "pictures"), weights]
    said = subprocess.run(code, **run, check=True, stdout=subprocess.PIPE).stdout
    speed, expected = json.loads(said.splitlines()[-1])
    limits = [
        f"--upload_memory_mb={UPLOAD_MEMORY >> 20}",
        "--max_upload_mb=4",
        "--upload_timeout=15",
        "--answer_timeout=120",
    ]
    command = [sys.executable, "-m", "jaxcls.tools.serve", f"--ckpt={weights}", f"--config={config}", "--port=0"]
    process = psutil.Popen([*command, *limits], **run, stdout=subprocess.PIPE)
    try:
        with process.stdout as said:
            port = int(re.search(r":(\d+)$", said.readline().strip())[1])
        while ask(port, "GET", "/ready")[0] != 200:
            time.sleep(0.2)
        files = [path.read_bytes() for path in sorted((root / "pictures").glob("*/*.jpg"))]
        yield Served(process, port, files, np.array(expected), speed)
    finally:
        if process.is_running():  # the last test ends it
            process.kill()
        process.wait()


def ask(port, method, path, body=None, connection=None):
    """(status, answer), on a connection that stays open, or on one of its own."""
    if connection is None:
        with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=300)) as connection:
            return ask(port, method, path, body, connection)
    connection.request(method, path, body)
    with connection.getresponse() as response:
        return response.status, response.read()


def classify(served, count):
    """Asks `count` times from all clients; images a second, statuses, and the largest error of scores."""
    numbers, lock, errors, statuses = iter(range(count)), threading.Lock(), [0.0], Counter()

    def client(_):
        connection = http.client.HTTPConnection("127.0.0.1", served.port, timeout=300)
        while True:
            with lock:
                number = next(numbers, None)
            if number is None:
                return connection.close()
            number %= len(served.files)
            status, answer = ask(served.port, "POST", "/predict?scores=1", served.files[number], connection)
            with lock:
                statuses[status] += 1
                if status == 200:
                    scores = np.array(json.loads(answer)["class_scores"])
                    errors.append(np.abs(scores - served.expected[number]).max())

    start = time.perf_counter()
    with ThreadPoolExecutor(CLIENTS) as clients:
        list(clients.map(client, range(CLIENTS)))
    return count / (time.perf_counter() - start), statuses, max(errors)


def read_status(connection):
    answer = b""
    while chunk := connection.recv(4096):
        answer += chunk
    return int(answer.split()[1])


def upload_a_gigabyte(port):
    """In chunks, without a declared length."""
    with socket.create_connection(("127.0.0.1", port), 120) as connection:
        connection.sendall(b"POST /predict HTTP/1.1\r\nHost: 127.0.0.1\r\nTransfer-Encoding: chunked\r\n\r\n")
        chunk = b"100000\r\n" + bytes(1 << 20) + b"\r\n"
        try:
            for _ in range(1024):
                connection.sendall(chunk)
            connection.sendall(b"0\r\n\r\n")
        except ConnectionError:  # its time was over; the answer is there
            pass
        return read_status(connection)


def send_slowly(port, start):
    """A part of a request, then a byte now and then."""
    with socket.create_connection(("127.0.0.1", port), 120) as connection:
        connection.sendall(start)
        connection.settimeout(1.0)
        answer = b""
        for _ in range(60):
            try:
                answer += connection.recv(4096)
                break
            except TimeoutError:
                connection.sendall(b"x")
        return int(answer.split()[1])


def malformed(served):
    """200 bodies."""
    rng = np.random.default_rng(1)
    for k in range(200):
        good = served.files[k % len(served.files)]
        yield [
            good[: len(good) // 3],
            rng.integers(0, 256, 5000, np.uint8).tobytes(),
            b"",
            b"\xff\xd8\xff\xe0" + rng.integers(0, 256, 500, np.uint8).tobytes(),
            bytes(5 << 20),
        ][k % 5]


def test_many_requests_from_many_clients(served):
    assert np.ptp(served.expected, axis=0).max() > 1e-3  # one picture's answer is not another's
    memory = served.process.memory_info().rss
    speed, statuses, error = classify(served, REQUESTS)
    grown = (served.process.memory_info().rss - memory) >> 20
    print(f"\n{speed:.1f} images/s, inference_model {served.speed:.1f}, error {error:.1e}, memory +{grown} MiB")
    assert statuses == {200: REQUESTS}
    assert error < 1e-5
    assert speed >= 0.8 * served.speed


def test_malice_harms_nobody(served):
    process, memory, peak, done = served.process, served.process.memory_info().rss, [0], threading.Event()

    def watch():
        while not done.wait(0.05):
            peak.append(process.memory_info().rss)

    slow = [b"POST /predict HTTP/1.1\r\nHost: 127.0.0.1\r\nX-A: "] * 4
    slow += [b"POST /predict HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 999\r\n\r\n"] * 4
    with ThreadPoolExecutor(24) as others:
        others.submit(watch)
        huge = others.submit(upload_a_gigabyte, served.port)
        slowly = [others.submit(send_slowly, served.port, start) for start in slow]
        refused = [others.submit(ask, served.port, "POST", "/predict", body) for body in malformed(served)]
        reloads = [others.submit(ask, served.port, "POST", "/reload") for _ in range(2)]
        _, statuses, error = classify(served, REQUESTS // 5)
        refused = Counter(future.result()[0] for future in refused)
        others_statuses = [huge.result(), *(future.result() for future in slowly)]
        assert [future.result()[0] for future in reloads] == [200, 200]
        done.set()
    print(f"\nrefused {dict(refused)}, huge and slow {others_statuses}, memory +{(max(peak) - memory) >> 20} MiB")
    assert statuses == {200: REQUESTS // 5}
    assert error < 1e-5
    assert sum(refused.values()) == 200
    assert set(refused) <= {400, 413, 415, 422}
    assert others_statuses == [413, *[408] * 8]
    assert max(peak) - memory < UPLOAD_MEMORY + (200 << 20)  # a second model's weights while they are loaded
    assert ask(served.port, "GET", "/health")[0] == 200


def test_a_signal_loses_no_request(served):
    """The last test: the server ends."""
    outcomes, lock = Counter(), threading.Lock()

    def client(number):
        connection = http.client.HTTPConnection("127.0.0.1", served.port, timeout=300)
        while True:
            try:
                connection.connect() if connection.sock is None else None
            except ConnectionRefusedError:
                return
            try:
                outcome = ask(served.port, "POST", "/predict", served.files[number], connection)[0]
            except (OSError, http.client.HTTPException) as error:
                outcome = type(error).__name__
                connection.close()
            with lock:
                outcomes[outcome] += 1

    with ThreadPoolExecutor(CLIENTS) as clients:
        running = [clients.submit(client, number) for number in range(CLIENTS)]
        while outcomes[200] < 50:
            time.sleep(0.01)
        served.process.send_signal(signal.SIGTERM)
        for future in running:
            future.result()
    print(f"\nafter SIGTERM: {dict(outcomes)}")
    assert set(outcomes) == {200}
    assert served.process.wait(60) == 0
