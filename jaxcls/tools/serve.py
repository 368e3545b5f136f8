"""Serves a trained model over HTTP.

    python -m jaxcls.tools.serve --ckpt=work_dirs/resnet
    curl --data-binary @picture.jpg http://127.0.0.1:8000/predict

docs/serving.md has the rest. It needs: pip install 'jaxcls[serve]'
"""

from __future__ import annotations

import functools
import os

from absl import flags

from jaxcls import command
from jaxcls.errors import UserError

_LOOPBACK = ("127.0.0.1", "localhost", "::1")


def main() -> None:
    """Flags to one call."""
    given = flags.FLAGS
    if not given.ckpt:
        raise UserError("--ckpt is missing; give a work directory, a checkpoint, a file of weights or a model's name")
    try:
        from jaxcls.serve import Limits, create_app, server
    except ImportError as error:
        raise UserError(f"serving needs more packages ({error}): pip install 'jaxcls[serve]'") from error
    from jaxcls.engine.log import get_logger
    from jaxcls.inference import open_model

    limits = Limits(
        bytes=int(given.max_upload_mb * 2**20),
        pixels=int(given.max_megapixels * 1e6),
        queue=given.queue,
        memory=int(given.upload_memory_mb * 2**20),
        upload_seconds=given.upload_timeout,
        answer_seconds=given.answer_timeout,
    )
    token = given.token or os.environ.get("JAXCLS_TOKEN") or None
    is_loopback = given.host in _LOOPBACK
    if not is_loopback and token is None:
        get_logger().warning("--host=%s without --token: whoever reaches this port can use the model", given.host)
    bound = server.bind(given.host, given.port)  # before the model is loaded
    app = create_app(
        functools.partial(open_model, given.ckpt, config=given.config, raw=given.raw),
        limits,
        token,
        given.batch_size,
        given.window_ms / 1000,
        given.decoders,
        (*_LOOPBACK, "[::1]") if is_loopback else ("*",),
    )
    host, port = bound.getsockname()[:2]
    print(f"serving {given.ckpt} on http://{f'[{host}]' if ':' in host else host}:{port}", flush=True)
    server.run(app, bound, limits)


if __name__ == "__main__":
    flags.DEFINE_string("ckpt", None, "A work directory, one checkpoint, a file of weights, or a model's name.")
    flags.DEFINE_string("config", None, "Of a file of weights: a recipe, or a model's name.")
    flags.DEFINE_bool("raw", False, "The raw weights where the run kept averages.")
    flags.DEFINE_string("host", "127.0.0.1", "The address to listen on; 0.0.0.0 is all.")
    flags.DEFINE_integer("port", 8000, "The port; 0: any.", lower_bound=0, upper_bound=65535)
    flags.DEFINE_string("token", None, "Requests have to bring it; default: the environment's JAXCLS_TOKEN.")
    flags.DEFINE_integer("batch_size", None, "Images at a time, at most; default: the run's.", lower_bound=1)
    flags.DEFINE_float("window_ms", 5, "How long an image waits for others, at most.", lower_bound=0)
    flags.DEFINE_integer("queue", 256, "Requests at a time, at most.", lower_bound=1)
    flags.DEFINE_integer("decoders", 2, "Threads that read pictures.", lower_bound=1)
    flags.DEFINE_float("max_upload_mb", 16, "Of one upload.", lower_bound=0.001)
    flags.DEFINE_float("max_megapixels", 50, "Of one picture.", lower_bound=0.001)
    flags.DEFINE_float("upload_memory_mb", 256, "Of all uploads at a time.", lower_bound=0.001)
    flags.DEFINE_float("upload_timeout", 30, "Seconds for an upload.", lower_bound=0.1)
    flags.DEFINE_float("answer_timeout", 30, "Seconds from the upload to the answer.", lower_bound=0.1)
    command.run(main)
