"""Checkpoints in a work directory, written by Orbax in the background, each whole or not there.

checkpoints/<number>/   state (arrays) and meta (JSON); the number is that of the epoch
best.json               which of them scored best so far, and how
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jax
import numpy as np
import orbax.checkpoint as ocp
from flax import serialization, traverse_util
from orbax.checkpoint import checkpoint_managers

from jaxcls.engine.log import get_logger
from jaxcls.errors import UserError

PyTree = Any
FOLDER = "checkpoints"


@dataclass
class _Keep(checkpoint_managers.PreservationPolicy):
    """The newest and the best of the checkpoints."""

    owner: Checkpoints

    def should_preserve(self, checkpoints: Sequence[Any], *, context: Any) -> Sequence[bool]:
        best, count = (self.owner.best or {}).get("number"), self.owner.max_to_keep
        first = 0 if count is None else len(checkpoints) - count
        return [i >= first or checkpoint.step == best for i, checkpoint in enumerate(checkpoints)]


class Checkpoints:
    """The checkpoints of one work directory.

    Args:
        workdir: the work directory.
        max_to_keep: how many of the newest stay; None: all. The best always stays.
    """

    def __init__(self, workdir: str | os.PathLike, max_to_keep: int | None = None) -> None:
        self.workdir, self.max_to_keep = Path(workdir).absolute(), max_to_keep
        self.directory = self.workdir / FOLDER
        self._best_file = self.workdir / "best.json"
        self._manager = ocp.CheckpointManager(
            self.directory,
            options=ocp.CheckpointManagerOptions(
                preservation_policy=_Keep(self),
                create=False,
                cleanup_tmp_directories=self.directory.exists(),
            ),
        )
        self._saving: int | None = None

    @property
    def numbers(self) -> list[int]:
        """The checkpoints that are there, oldest first."""
        return sorted(self._manager.all_steps()) if self.directory.exists() else []

    @property
    def best(self) -> dict[str, Any] | None:
        """`number`, `metric` and `score` of the best so far, or None."""
        return json.loads(self._best_file.read_text()) if self._best_file.exists() else None

    def set_best(self, number: int, metric: str, score: float) -> None:
        """Notes the best checkpoint; it stays until there is a better one."""
        partial = self._best_file.with_suffix(".tmp")
        partial.write_text(json.dumps({"number": number, "metric": metric, "score": score}))
        partial.replace(self._best_file)

    def save(self, number: int, state: PyTree, meta: Mapping[str, Any]) -> None:
        """Begins to write a checkpoint; returns when the arrays may change again.

        Raises:
            UserError: this or the one before could not be written.
        """
        arguments = ocp.args.Composite(
            state=ocp.args.PyTreeSave(_arrays(state)), meta=ocp.args.JsonSave({**meta, "number": number})
        )
        self.wait()
        self._saving = number
        self.directory.mkdir(parents=True, exist_ok=True)
        self._guarded(lambda: self._manager.save(number, args=arguments, force=True))

    def wait(self) -> None:
        """Returns when what was begun is written.

        Raises:
            UserError: it could not be.
        """
        if self._saving is not None:
            self._guarded(self._manager.wait_until_finished)
            self._saving = None

    def _guarded(self, action: Callable[[], Any]) -> None:
        try:
            action()
        except Exception as error:  # Orbax and TensorStore raise what they like for a full disk
            number, self._saving = self._saving, None
            good = [n for n in self._complete() if n != number]
            last = (
                f"the last good checkpoint is {self.directory / str(good[-1])}" if good else "there is none before it"
            )
            reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
            raise UserError(
                f"checkpoint {number} could not be written to {self.directory}: {reason}; {last}"
            ) from error

    def _complete(self) -> list[int]:
        """The numbers on disk, whatever the manager believes."""
        return sorted(int(path.name) for path in self.directory.glob("*") if path.name.isdigit())

    def close(self) -> None:
        """Waits for what is being written, and ends the manager's threads."""
        try:
            self.wait()
        finally:
            self._manager.close()

    def restore(self, number: int) -> tuple[dict[str, Any], dict[str, Any]]:
        """(arrays, meta) of a checkpoint: nested dicts of NumPy arrays."""
        return restore_checkpoint(self.directory / str(number))

    def restore_newest(self) -> tuple[dict[str, Any], dict[str, Any]] | None:
        """The newest checkpoint that can be read, warning of those that cannot; None where there is none at all.

        Raises:
            UserError: there are some, and none can be read.
        """
        failed = []
        for number in reversed(self.numbers):
            try:
                return self.restore(number)
            except UserError as error:
                get_logger().warning("%s; trying the one before", error)
                failed.append(str(number))
        if failed:
            raise UserError(f"no checkpoint in {self.directory} can be read ({', '.join(failed)})")
        return None


def _arrays(state: PyTree) -> dict[str, Any]:
    """A pytree as nested dicts with plain names; what holds no array left out."""
    leaves = traverse_util.flatten_dict(serialization.to_state_dict(state))
    return traverse_util.unflatten_dict({path: leaf for path, leaf in leaves.items() if leaf is not None})


def restore_checkpoint(path: str | os.PathLike) -> tuple[dict[str, Any], dict[str, Any]]:
    """(arrays, meta) of the checkpoint in folder `path`.

    Raises:
        UserError: it is damaged or not a checkpoint.
    """
    path = Path(path).absolute()
    try:
        handler = ocp.CompositeCheckpointHandler(state=ocp.PyTreeCheckpointHandler(), meta=ocp.JsonCheckpointHandler())
        with ocp.Checkpointer(handler) as reader:
            structure = reader.metadata(path).item_metadata["state"].tree
            as_numpy = jax.tree.map(lambda _: ocp.RestoreArgs(restore_type=np.ndarray), structure)
            state = ocp.args.PyTreeRestore(restore_args=as_numpy)
            restored = reader.restore(path, ocp.args.Composite(state=state, meta=ocp.args.JsonRestore()))
        return restored["state"], restored["meta"]
    except Exception as error:  # damage shows in as many ways as there are files
        reason = str(error).strip().splitlines()[0] if str(error).strip() else ""
        raise UserError(f"checkpoint {path} cannot be read: {type(error).__name__}: {reason}") from error


def fit(template: PyTree, arrays: Mapping[str, Any], what: str) -> PyTree:
    """`arrays` in the structure of `template`.

    Args:
        template: a pytree of arrays or their shapes.
        arrays: nested dicts, as `restore_checkpoint` gives them.
        what: where the arrays are from, for the message.

    Raises:
        UserError: names or shapes that differ.
    """
    expected = traverse_util.flatten_dict(serialization.to_state_dict(template), keep_empty_nodes=True)
    given = traverse_util.flatten_dict(dict(arrays))
    leaves = {path for path, leaf in expected.items() if leaf is not traverse_util.empty_node and leaf is not None}
    problems = [f"it lacks {'.'.join(path)}" for path in expected if path in leaves and path not in given]
    problems += [f"it has {'.'.join(path)}, unknown here" for path in given if path not in leaves]
    problems += [
        f"{'.'.join(path)} is {given[path].shape}, expected {expected[path].shape}"
        for path in expected
        if path in leaves and path in given and given[path].shape != expected[path].shape
    ]
    if problems:
        more = f" and {len(problems) - 3} more" if len(problems) > 3 else ""
        raise UserError(f"{what} is of another model or optimiser: {'; '.join(problems[:3])}{more}")
    merged = {path: given.get(path, leaf) for path, leaf in expected.items()}
    return serialization.from_state_dict(template, traverse_util.unflatten_dict(merged))


def locate(path: str | os.PathLike) -> tuple[Path, Path]:
    """(work directory, checkpoint folder) that `path` stands for.

    Args:
        path: a work directory (its best checkpoint, else its newest) or one checkpoint.

    Raises:
        UserError: it is neither.
    """
    path = Path(path).absolute()
    if not path.exists():
        raise UserError(f"{path} does not exist; expected a work directory or a checkpoint in it")
    if path.parent.name == FOLDER and path.name.isdigit():
        return path.parent.parent, path
    numbers = sorted(int(child.name) for child in (path / FOLDER).glob("*") if child.name.isdigit())
    if not numbers:
        raise UserError(f"{path} holds no checkpoint; expected {path / FOLDER}/<number> or such a folder itself")
    best_file = path / "best.json"
    best = json.loads(best_file.read_text())["number"] if best_file.exists() else None
    return path, path / FOLDER / str(best if best in numbers else numbers[-1])
