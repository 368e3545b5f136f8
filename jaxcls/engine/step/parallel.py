"""One step, three wrappings: the same per-device function over the devices by pmap, shard_map or FSDP.

    pmap       each device computes its share of the batch; the state is replicated. One process.
    shard_map  the same over all devices of all processes.
    fsdp       the same, but parameters, their averages and the optimiser's state lie in parts on the devices (Zhao et
               al. 2023, PyTorch FSDP, arXiv:2304.11277; Rajbhandari et al. 2020, ZeRO, arXiv:1910.02054, stage 3): each
               device gathers a parameter where it needs it, gets its part of the gradient, and updates that. With
               fewer `shards` than devices, several groups of devices have a copy each.

Batches go in as a process's NumPy arrays and are placed here; the state is donated to each step.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import jax
import numpy as np
from jax.sharding import Mesh, NamedSharding, SingleDeviceSharding
from jax.sharding import PartitionSpec as P

from jaxcls import collectives
from jaxcls.arguments import is_one_of, unknown_keys
from jaxcls.collectives import BATCH_AXIS, MODEL_AXIS
from jaxcls.errors import UserError, close_names, refuse

MODES = ("pmap", "shard_map", "fsdp")
FORMER_NAMES = {"jit": "fsdp"}
# below this size, spreading a parameter costs more than it saves
MIN_SHARDED_SIZE = 4096


@dataclass(frozen=True)
class Parallel:
    """How a step runs on several devices.

    Attributes:
        mode: pmap, shard_map or fsdp, which `jit` still names, too; pmap becomes shard_map where there are several
            processes (its outputs would be local to each process, and no checkpoint can be written of those).
        devices: default: all of this process's, or with several processes all there are.
        shards: fsdp only: how many devices, neighbours in `devices`, share a copy of the parameters; 0, or more
            than there are: all.

    Raises:
        UserError: an unknown mode, or shards that the devices or the mode do not allow.
    """

    mode: str = "pmap"
    devices: Sequence[jax.Device] = field(default_factory=lambda: tuple(jax.devices()))
    shards: int = 0

    def __post_init__(self) -> None:
        if is_one_of(self.mode, FORMER_NAMES):
            object.__setattr__(self, "mode", FORMER_NAMES[self.mode])
        if self.mode not in MODES:
            raise UserError(f"parallel: {self.mode!r}; {close_names(self.mode, MODES)}")
        if self.mode == "pmap" and jax.process_count() > 1:
            object.__setattr__(self, "mode", "shard_map")
        if self.shards and self.mode != "fsdp":
            raise UserError(f"parallel.shards: {self.shards}; only with mode='fsdp'")
        if self.shards < 0 or len(self.devices) % self._shards:
            raise UserError(f"parallel.shards: {self.shards} does not divide {len(self.devices)} devices")

    @cached_property
    def mesh(self) -> Mesh:
        """All devices along the batch axis; with fsdp (copies, shards) along the batch axis and the model axis."""
        # jax.make_mesh has other axis types, which Flax refuses
        if self.mode != "fsdp":
            return Mesh(np.array(self.devices), (BATCH_AXIS,))
        return Mesh(np.array(self.devices).reshape(-1, self._shards), (BATCH_AXIS, MODEL_AXIS))

    @property
    def _shards(self) -> int:
        return min(self.shards or len(self.devices), len(self.devices))

    @property
    def _rows(self) -> P:
        """Of a batch: the first axis over all devices."""
        return P((BATCH_AXIS, MODEL_AXIS) if self.mode == "fsdp" else BATCH_AXIS)

    @cached_property
    def replicated(self) -> NamedSharding:
        """A whole copy on each device."""
        return NamedSharding(self.mesh, P())

    @cached_property
    def split(self) -> NamedSharding:
        """The first axis over the devices."""
        return NamedSharding(self.mesh, self._rows)

    @property
    def local_device_count(self) -> int:
        """Devices of this process."""
        return sum(device.process_index == jax.process_index() for device in self.devices)

    def check_batch_size(self, batch_size: int, where: str = "data.batch_size") -> None:
        """Refuses a global batch that the devices do not divide."""
        if batch_size % len(self.devices):
            raise UserError(
                f"{where}: {batch_size} does not split over {len(self.devices)} devices; "
                f"give a multiple of {len(self.devices)}"
            )

    def place_batch(self, batch: dict[str, Any]) -> dict[str, jax.Array]:
        """A process's share of a batch, leaves (n, …), on its devices; what is there already stays.

        Raises:
            UserError: the devices do not divide n.
        """
        return {name: self._place_rows(value) for name, value in batch.items()}

    def _place_rows(self, value: Any) -> jax.Array:
        if isinstance(value, jax.Array) and not isinstance(value.sharding, SingleDeviceSharding):
            return value
        value, count = np.asarray(value), self.local_device_count
        if value.shape[0] % count:
            self.check_batch_size(value.shape[0], "batch")
        if self.mode == "pmap":
            value = value.reshape(count, -1, *value.shape[1:])
        return jax.make_array_from_process_local_data(self.split, value)

    def picker(self, rows: np.ndarray, of: str, by: str) -> Callable[[dict[str, Any]], dict[str, jax.Array]]:
        """A `place_batch` that adds to each batch the rows that it names.

        Args:
            rows: (m, …), the same in each process; a copy goes to each device.
            of: what the batch calls its rows.
            by: what it calls their numbers, integers (n,) from 0 to m - 1.
        """
        whole = _place(rows, self.replicated)
        pick = jax.jit(lambda whole, index: whole[index], out_shardings=self.split)

        def place(batch: dict[str, Any]) -> dict[str, jax.Array]:
            placed = self.place_batch(batch)
            return {**placed, of: pick(whole, placed[by])}

        return place

    def place_state(self, state: Any) -> Any:
        """A state on the devices: replicated, or with fsdp its large leaves sharded. What is placed stays."""
        leaves = jax.tree.leaves(state)
        if all(map(self._is_placed, leaves)):
            return state
        return _place(state, self.state_sharding(state))

    def _is_placed(self, leaf: Any) -> bool:
        return (
            isinstance(leaf, jax.Array)
            and not isinstance(leaf.sharding, SingleDeviceSharding)
            and len(leaf.sharding.device_set) == len(self.devices)
        )

    def place_key(self, key: jax.Array) -> jax.Array:
        """A PRNG key on all devices."""
        return key if key.sharding == self.replicated else _place(key, self.replicated)

    def state_sharding(self, state: Any) -> Any:
        """The sharding of each leaf of a state."""
        return jax.tree.map(lambda leaf: NamedSharding(self.mesh, self._parts(leaf.shape)), state)

    def _parts(self, shape: tuple[int, ...]) -> P:
        """With fsdp over the largest axis that the shards divide; whole where there is none, or the leaf is small."""
        axes = [axis for axis, size in enumerate(shape) if size % self._shards == 0]
        if self.mode != "fsdp" or not axes or np.prod(shape) < MIN_SHARDED_SIZE:
            return P()
        axis = max(axes, key=lambda axis: shape[axis])
        return P(*(None,) * axis, MODEL_AXIS)

    def wrap_loss(self, loss: Callable) -> Callable:
        """`loss(params, batch, *rest) -> (loss, aux)` of one device, as the step that is wrapped takes its gradient.

        The loss is a scalar, leaves of the batch are (n, …), and `rest` is the same on all devices. With fsdp that step
        is a program of all devices: the loss and `aux` are the means over them. Each device gathers the parameters; a
        gather's derivative sums all devices' gradients, and leaves each with its part.
        """
        if self.mode != "fsdp":
            return loss

        def of_all(params: Any, batch: Any, *rest: Any) -> tuple[jax.Array, Any]:
            parts = jax.tree.map(lambda leaf: self._parts(leaf.shape), params)

            def of_one(params: Any, batch: Any, *rest: Any) -> tuple[jax.Array, Any]:
                return collectives.pmean(loss(jax.tree.map(_gathered, params, parts), batch, *rest))

            return self._over_devices(of_one, (parts, self._rows, *(P(),) * len(rest)), P())(params, batch, *rest)

        return of_all

    def _over_devices(self, function: Callable, in_specs: Any, out_specs: Any) -> Callable:
        # check_vma=True would make gradients of replicated parameters sums over the devices already.
        return jax.shard_map(function, mesh=self.mesh, in_specs=in_specs, out_specs=out_specs, check_vma=False)

    def wrap_train_step(self, step: Callable) -> Callable:
        """`step(state, batch, key, constants) -> (state, log_vars)` over the devices; the state is donated.

        The step takes the gradient of a loss that `wrap_loss` has made.
        """
        if self.mode == "pmap":
            return jax.pmap(
                step,
                axis_name=BATCH_AXIS,
                in_axes=(None, 0, None, None),
                out_axes=(None, None),
                devices=self.devices,
                donate_argnums=(0,),
            )
        if self.mode == "shard_map":
            mapped = self._over_devices(step, (P(), self._rows, P(), P()), (P(), P()))
            return jax.jit(mapped, donate_argnums=(0,))

        def constrained(state: Any, batch: Any, key: jax.Array, constants: Any) -> Any:
            state, log_vars = step(state, batch, key, constants)
            return jax.lax.with_sharding_constraint(state, self.state_sharding(state)), log_vars

        return jax.jit(constrained, donate_argnums=(0,))

    def wrap_eval_step(self, step: Callable) -> Callable:
        """`step(variables, batch) -> (rows, replicated)` over the devices: leaves (n, …) of each row, and sums."""
        if self.mode == "pmap":
            return jax.pmap(step, axis_name=BATCH_AXIS, in_axes=(None, 0), out_axes=(0, None), devices=self.devices)
        return jax.jit(self._over_devices(step, (P(), self._rows), (self._rows, P())))

    def local_rows(self, array: jax.Array) -> np.ndarray:
        """This process's rows (n, …) of an evaluation step's output, in order."""
        shards = sorted(array.addressable_shards, key=lambda shard: shard.index[0].start or 0)
        rows = np.concatenate([np.asarray(shard.data) for shard in shards])
        return rows.reshape(-1, *rows.shape[2:]) if self.mode == "pmap" else rows


def _gathered(part: jax.Array, spec: P) -> jax.Array:
    """A device's part of a leaf -> the whole leaf."""
    if MODEL_AXIS not in spec:
        return part
    return jax.lax.all_gather(part, MODEL_AXIS, axis=tuple(spec).index(MODEL_AXIS), tiled=True)


def _place(tree: Any, sharding: Any) -> Any:
    """The leaves, the same in each process, on the devices of all."""
    if jax.process_count() == 1:
        return jax.device_put(tree, sharding)
    return jax.jit(lambda tree: tree, out_shardings=sharding)(tree)  # device_put does not take keys there


def build_parallel(config: str | Mapping[str, Any]) -> Parallel:
    """`fsdp`, or a dict of `mode` and `shards` -> Parallel over all devices.

    Raises:
        UserError: what the class refuses, or an unknown argument.
    """
    if not isinstance(config, Mapping):
        return Parallel(config)
    refuse(unknown_keys(config, ("mode", "shards"), "parallel"))
    return Parallel(**config)
