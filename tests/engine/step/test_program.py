"""What a training step's program says: what the devices exchange, and in which precision a GPU computes."""

from __future__ import annotations

import re
from collections import Counter

import jax
import numpy as np
import pytest

import jaxcls
from jaxcls.engine.optim.clipping import build_grad_clip
from jaxcls.engine.step import parallel as parallel_module
from jaxcls.engine.step import precision as precision_module
from jaxcls.engine.step.options import StepOptions
from jaxcls.engine.step.parallel import Parallel
from jaxcls.engine.step.precision import build_precision
from jaxcls.engine.step.train_step import make_train_step
from tests.engine.step.test_train_step import small

EXCHANGES = re.compile(r" (all-[a-z]+|reduce-scatter|collective-[a-z]+)(?:-start)?\(")


class Kept(Parallel):
    """Keeps the step that it wraps where its program can be read."""

    def wrap_train_step(self, step):
        object.__setattr__(self, "step", super().wrap_train_step(step))
        return self.step


def prepared(norm, mode, precision="float32"):
    """The step, what it takes, and the number of BatchNorm layers."""
    classifier, variables = small(stages=2, head={"cal_acc": True, "topk": (1, 5)}, norm_cfg={"type": norm})
    images = np.zeros((16, 8, 8, 3), np.float32)
    tx = jaxcls.build_optimizer({"type": "SGD", "lr": 0.1, "momentum": 0.9}, variables["params"])
    options = StepOptions(build_precision(precision), clip=build_grad_clip({"max_norm": 1.0}))
    parallel = Kept(mode, jax.devices()[:8])
    make_train_step(classifier, tx, parallel=parallel, options=options)
    state = parallel.place_state(jaxcls.create_train_state(variables, tx, options))
    batch = parallel.place_batch({"image": images, "label": np.zeros(16, np.int32)})
    layers = len(jax.tree.leaves(variables["batch_stats"])) // 2
    return parallel.step, (state, batch, parallel.place_key(jax.random.key(0)), {}), layers


def exchanges(step, arguments):
    """How often each kind of collective stands in the program, and the types that are reduced."""
    program = step.lower(*arguments).compile().as_text()
    reduced = "".join(re.findall(r"= (.*) all-reduce(?:-start)?\(", program))
    return Counter(EXCHANGES.findall(program)), set(re.findall(r"\b(f\d+|bf16)\[", reduced))


@pytest.mark.parametrize("precision", ["float32", "bfloat16", "float16"])
@pytest.mark.parametrize("mode", ["pmap", "shard_map"])
def test_gradients_and_what_is_logged_travel_in_one_all_reduce_in_float32(mode, precision):
    step, arguments, _ = prepared("BN", mode, precision)
    assert exchanges(step, arguments) == ({"all-reduce": 1}, {"f32"})


@pytest.mark.parametrize("mode", ["pmap", "shard_map"])
def test_a_synchronised_norm_adds_one_exchange_each_way(mode):
    step, arguments, layers = prepared("SyncBN", mode)
    assert exchanges(step, arguments)[0] == {"all-reduce": 1, "all-gather": layers, "reduce-scatter": layers}


@pytest.mark.parametrize("norm", ["BN", "SyncBN"])
@pytest.mark.parametrize("precision", ["float32", "bfloat16", "float16"])
def test_fsdp_gathers_each_large_parameter_once_and_scatters_its_gradient_in_float32(precision, norm, monkeypatch):
    """Activations stay where they are; what is left to reduce are the small gradients, and numbers of the whole."""
    for module in (parallel_module, precision_module):
        monkeypatch.setattr(module, "MIN_SHARDED_SIZE", 256)
    step, arguments, layers = prepared(norm, "fsdp", precision)
    large = sum(not leaf.sharding.is_fully_replicated for leaf in jax.tree.leaves(arguments[0].params))
    program = step.lower(*arguments).compile().as_text()
    found = Counter(EXCHANGES.findall(program))
    assert large == 8
    assert found.pop("all-reduce") <= 5
    each_way = large + (layers if norm == "SyncBN" else 0)
    assert found == {"all-gather": each_way, "reduce-scatter": each_way}
    moved = "".join(re.findall(r"= (.*) (?:all-gather|reduce-scatter)(?:-start)?\(", program))
    assert set(re.findall(r"\b(f\d+|bf16)\[", moved)) == {"f32"}


@pytest.mark.parametrize(("precision", "kind"), [("bfloat16", "bf16"), ("float16", "f16"), ("float32", "f32")])
def test_a_gpu_convolves_in_the_precision_asked_for(precision, kind):
    step, arguments, _ = prepared("BN", "shard_map", precision)
    program = step.trace(*arguments).lower(lowering_platforms=("cuda",)).as_text()
    convolutions = re.findall(r"stablehlo\.convolution\(.*", program)
    assert len(convolutions) > 20  # forward, and for the gradients
    assert {kind for line in convolutions for kind in re.findall(r"x(b?f\d+)>", line)} == {kind}
