"""Serves a trained model over HTTP.

    python -m jaxcls.tools.serve --ckpt=work_dirs/resnet
    curl --data-binary @picture.jpg http://127.0.0.1:8000/predict

docs/serving.md has the rest. It needs: pip install 'jaxcls[serve]'
"""

from __future__ import annotations

import argparse
import functools
import os
from collections.abc import Sequence

from jaxcls.engine.log import get_logger
from jaxcls.errors import UserError
from jaxcls.inference import find_model
from jaxcls.tools.command_line import CommandLine, positive, start, whole

_LOOPBACK = ("127.0.0.1", "localhost", "::1", "[::1]")


def main(arguments: Sequence[str]) -> None:
    """The command line to one call."""
    given = _command_line().options(arguments)
    try:
        from jaxcls.serve import Limits, create_app, server
    except ImportError as error:
        raise UserError(f"serving needs more packages ({error}): pip install 'jaxcls[serve]'") from error
    limits = Limits(
        bytes=int(given["max_upload_mb"] * 2**20),
        pixels=int(given["max_megapixels"] * 1e6),
        queue=given["queue"],
        memory=int(given["upload_memory_mb"] * 2**20),
        upload_seconds=given["upload_timeout"],
        answer_seconds=given["answer_timeout"],
    )
    host, token = given["host"], given["token"] or os.environ.get("JAXCLS_TOKEN") or None
    if host not in _LOOPBACK and token is None:
        get_logger().warning("--host=%s without --token: whoever reaches this port can use the model", host)
    bound = server.bind(host, given["port"])  # before the model is loaded
    app = create_app(
        functools.partial(find_model, given["ckpt"], given["config"], given["deploy"], given["weights"]),
        limits,
        token,
        given["batch_size"],
        given["window_ms"] / 1000,
        given["decoders"],
        _LOOPBACK if host in _LOOPBACK else ("*",),
    )
    address, port = bound.getsockname()[:2]
    where = f"http://{f'[{address}]' if ':' in address else address}:{port}"
    server.run(app, bound, limits, lambda: print(f"serving {given['ckpt']} on {where}", flush=True))


def _command_line() -> CommandLine:
    parser = CommandLine(__doc__, "serve")
    ckpt = "a work directory, a checkpoint in it, a file of weights, or a model of the zoo"
    parser.add_argument("--ckpt", required=True, help=ckpt)
    parser.add_config("The network of a file of weights", required=False)
    parser.add_argument("--deploy", action="store_true", help="branches merged and BatchNorm folded")
    parser.add_argument("--weights", choices=("ema", "raw"), help="default: averages where the run kept such")
    parser.add_argument("--host", default="127.0.0.1", help="the address to listen on; 0.0.0.0: all")
    parser.add_argument("--port", type=_port, default=8000, help="0: any")
    parser.add_argument("--token", help="requests have to bring it; default: the environment's JAXCLS_TOKEN")
    parser.add_argument("--batch_size", type=positive, help="images at a time, at most; default: as the run evaluated")
    parser.add_argument("--window_ms", type=_amount, default=5.0, help="how long an image waits for others, at most")
    parser.add_argument("--queue", type=positive, default=256, help="requests at a time, at most")
    parser.add_argument("--decoders", type=positive, default=2, help="threads that read pictures")
    parser.add_argument("--max_upload_mb", type=_amount, default=16.0, help="of one upload")
    parser.add_argument("--max_megapixels", type=_amount, default=50.0, help="of one picture")
    parser.add_argument("--upload_memory_mb", type=_amount, default=256.0, help="of all uploads at a time")
    parser.add_argument("--upload_timeout", type=_amount, default=30.0, help="seconds for an upload")
    parser.add_argument("--answer_timeout", type=_amount, default=30.0, help="seconds from the upload to the answer")
    return parser


def _port(text: str) -> int:
    return whole(text, 0, 65535)


def _amount(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r}; expected a number above 0")
    return value


if __name__ == "__main__":
    start(main)
