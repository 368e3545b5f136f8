"""One step, three wrappings: the same per-device function over the devices by pmap, shard_map or jit.

    pmap       each device computes its share of the batch; the state is replicated. One process.
    shard_map  the same over all devices of all processes.
    jit        one global program; parameters and their optimiser state are sharded over the devices (FSDP), and XLA
               puts in the collectives. BatchNorm then sees the whole batch, like SyncBN.

Batches go in as a process's NumPy arrays and are placed here; the state is donated to each step.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import jax
import numpy as np
from jax.sharding import Mesh, NamedSharding, SingleDeviceSharding
from jax.sharding import PartitionSpec as P

from jaxcls.collectives import BATCH_AXIS
from jaxcls.errors import UserError, close_names

MODES = ("pmap", "shard_map", "jit")
# below this size, spreading a parameter costs more than it saves
MIN_SHARDED_SIZE = 4096


@dataclass(frozen=True)
class Parallel:
    """How a step runs on several devices.

    Attributes:
        mode: pmap, shard_map or jit; pmap becomes shard_map where there are several processes (its outputs would be
            local to each process, and no checkpoint can be written of those).
        devices: default: all of this process's, or with several processes all there are.

    Raises:
        UserError: an unknown mode.
    """

    mode: str = "pmap"
    devices: Sequence[jax.Device] = field(default_factory=lambda: tuple(jax.devices()))

    def __post_init__(self) -> None:
        if self.mode not in MODES:
            raise UserError(f"parallel: {self.mode!r}; {close_names(self.mode, MODES)}")
        if self.mode == "pmap" and jax.process_count() > 1:
            object.__setattr__(self, "mode", "shard_map")

    @cached_property
    def mesh(self) -> Mesh:
        """All devices along the batch axis."""
        return Mesh(np.array(self.devices), (BATCH_AXIS,))  # jax.make_mesh has other axis types, which Flax refuses

    @cached_property
    def replicated(self) -> NamedSharding:
        """A whole copy on each device."""
        return NamedSharding(self.mesh, P())

    @cached_property
    def split(self) -> NamedSharding:
        """The first axis over the devices."""
        return NamedSharding(self.mesh, P(BATCH_AXIS))

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
        """A state on the devices: replicated, or with `jit` its large leaves sharded. What is placed stays."""
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
        if self.mode != "jit":
            return jax.tree.map(lambda _: self.replicated, state)
        return jax.tree.map(lambda leaf: self._leaf_sharding(leaf.shape), state)

    def _leaf_sharding(self, shape: tuple[int, ...]) -> NamedSharding:
        """Over the largest axis that the devices divide; whole where there is none, or the leaf is small."""
        axes = [axis for axis, size in enumerate(shape) if size % len(self.devices) == 0]
        if not axes or np.prod(shape) < MIN_SHARDED_SIZE:
            return self.replicated
        axis = max(axes, key=lambda axis: shape[axis])
        return NamedSharding(self.mesh, P(*(None,) * axis, BATCH_AXIS))

    def wrap_train_step(self, step: Callable) -> Callable:
        """`step(state, batch, key, constants) -> (state, log_vars)` over the devices; the state is donated."""
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
            # check_vma=True would make gradients of replicated parameters sums over the devices already.
            mapped = jax.shard_map(
                step,
                mesh=self.mesh,
                in_specs=(P(), P(BATCH_AXIS), P(), P()),
                out_specs=(P(), P()),
                check_vma=False,
            )
            return jax.jit(mapped, donate_argnums=(0,))

        def constrained(state: Any, batch: Any, key: jax.Array, constants: Any) -> Any:
            state, log_vars = step(state, batch, key, constants)
            return jax.lax.with_sharding_constraint(state, self.state_sharding(state)), log_vars

        return jax.jit(constrained, donate_argnums=(0,))

    def wrap_eval_step(self, step: Callable) -> Callable:
        """`step(variables, batch) -> (rows, replicated)` over the devices: leaves (n, …) of each row, and sums."""
        if self.mode == "pmap":
            return jax.pmap(step, axis_name=BATCH_AXIS, in_axes=(None, 0), out_axes=(0, None), devices=self.devices)
        if self.mode == "shard_map":
            mapped = jax.shard_map(
                step,
                mesh=self.mesh,
                in_specs=(P(), P(BATCH_AXIS)),
                out_specs=(P(BATCH_AXIS), P()),
                check_vma=False,
            )
            return jax.jit(mapped)
        return jax.jit(step, out_shardings=(self.split, self.replicated))

    def local_rows(self, array: jax.Array) -> np.ndarray:
        """This process's rows (n, …) of an evaluation step's output, in order."""
        shards = sorted(array.addressable_shards, key=lambda shard: shard.index[0].start or 0)
        rows = np.concatenate([np.asarray(shard.data) for shard in shards])
        return rows.reshape(-1, *rows.shape[2:]) if self.mode == "pmap" else rows


def _place(tree: Any, sharding: Any) -> Any:
    """The leaves, the same in each process, on the devices of all."""
    if jax.process_count() == 1:
        return jax.device_put(tree, sharding)
    return jax.jit(lambda tree: tree, out_shardings=sharding)(tree)  # device_put does not take keys there
