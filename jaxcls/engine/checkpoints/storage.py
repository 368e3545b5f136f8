"""Checkpoints in a work directory, written by Orbax in the background, each whole or not there.

checkpoints/<number>/   state (arrays) and meta (JSON); the number is that of the epoch, or of the iteration
interrupted/<iter>/     the same, of a run that a signal stopped; it goes when a newer one is whole
damaged/                checkpoints that could not be read when a run was continued
best.json               which of them scored best so far, and how

Each holds the checksums of its files, so that no damage goes unseen.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jax
import numpy as np
import orbax.checkpoint as ocp
from flax import serialization, traverse_util
from orbax.checkpoint import checkpoint_managers

from jaxcls.convert.fetch import local
from jaxcls.engine.checkpoints import checksums
from jaxcls.engine.log import get_logger
from jaxcls.errors import UserError
from jaxcls.paths import expand

PyTree = Any
FOLDER, INTERRUPTED, DAMAGED = "checkpoints", "interrupted", "damaged"


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

    With several processes all of them call each method; what is written goes to a file system that they share.

    Attributes:
        best: `number`, `metric` and `score` of the best so far, or None.

    Args:
        workdir: the work directory.
        max_to_keep: how many of the newest stay; None: all. The best always stays.
    """

    def __init__(self, workdir: str | os.PathLike, max_to_keep: int | None = None) -> None:
        self.workdir, self.max_to_keep = expand(workdir), max_to_keep
        self.directory = self.workdir / FOLDER
        self.best: dict[str, Any] | None = None
        self._manager = self._open()
        self._saving: int | None = None

    def _open(self) -> ocp.CheckpointManager:
        return ocp.CheckpointManager(
            self.directory,
            options=ocp.CheckpointManagerOptions(
                preservation_policy=_Keep(self),
                create=False,
                cleanup_tmp_directories=self.directory.exists(),
                async_options=ocp.options.AsyncOptions(post_finalization_callback=self._before_commit),
            ),
        )

    def _before_commit(self) -> None:
        """Orbax calls it when all files are written, in a folder that is not yet renamed."""
        for folder in self.directory.glob(f"{self._saving}.*"):
            checksums.write(folder)

    @property
    def numbers(self) -> list[int]:
        """The checkpoints that are there, oldest first."""
        return sorted(self._manager.all_steps()) if self.directory.exists() else []

    def set_best(self, number: int, metric: str, score: float) -> None:
        """Notes the best checkpoint; it stays until there is a better one."""
        self.best = {"number": number, "metric": metric, "score": score}
        self._write_best()

    def _write_best(self) -> None:
        if jax.process_index() != 0:
            return
        file = self.workdir / "best.json"
        if self.best is None:
            file.unlink(missing_ok=True)
            return
        partial = file.with_suffix(".tmp")
        partial.write_text(json.dumps(self.best))
        partial.replace(file)

    def save(self, number: int, state: PyTree, meta: Mapping[str, Any]) -> None:
        """Begins to write a checkpoint; returns when the arrays may change again.

        Raises:
            UserError: this or the one before could not be written.
        """
        self.wait()
        self._saving = number
        arguments = self._arguments(state, {**meta, "number": number})
        self._guarded(lambda: self._manager.save(number, args=arguments, force=True))

    def _arguments(self, state: PyTree, meta: Mapping[str, Any]) -> ocp.args.Composite:
        return ocp.args.Composite(
            state=ocp.args.PyTreeSave(_arrays(state)), meta=ocp.args.JsonSave({**meta, "best": self.best})
        )

    def save_interrupted(self, iteration: int, state: PyTree, meta: Mapping[str, Any]) -> Path:
        """Writes what a run needs that stops between two checkpoints; returns when it is written.

        Returns:
            its folder.

        Raises:
            UserError: it could not be written.
        """
        self.wait()
        self._saving, folder = iteration, self.workdir / INTERRUPTED / str(iteration)

        def write() -> None:
            handler = ocp.CompositeCheckpointHandler(
                state=ocp.PyTreeCheckpointHandler(), meta=ocp.JsonCheckpointHandler()
            )
            with ocp.Checkpointer(handler) as writer:
                writer.save(folder, self._arguments(state, {**meta, "number": iteration}), force=True)
            if jax.process_index() == 0:
                checksums.write(folder)

        self._guarded(write)
        self._saving = None
        return folder

    def wait(self) -> None:
        """Returns when what was begun is written.

        Raises:
            UserError: it could not be.
        """
        if self._saving is None:
            return
        self._guarded(self._manager.wait_until_finished)
        self._saving = None
        if jax.process_index() == 0:
            shutil.rmtree(self.workdir / INTERRUPTED, ignore_errors=True)

    def _guarded(self, action: Callable[[], Any]) -> None:
        try:
            self.directory.mkdir(parents=True, exist_ok=True)
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
        return [int(path.name) for path in numbered(self.directory)]

    def close(self) -> None:
        """Waits for what is being written, and ends the manager's threads."""
        try:
            self.wait()
        finally:
            self._manager.close()

    def restore_newest(self) -> tuple[dict[str, Any], dict[str, Any]] | None:
        """(arrays, meta) of the newest checkpoint that can be read; None where there is none at all.

        Those that cannot be read are named in a warning and put into `damaged/`; `best` becomes what it was when the
        one found was saved.

        Raises:
            UserError: there are some, and none can be read.
        """
        found, failed = read_newest(self.workdir)
        if found is not None:
            self._set_aside(failed)
            self.best = found[1]["best"]
            self._write_best()
        return found

    def _set_aside(self, folders: Sequence[Path]) -> None:
        if not folders:
            return
        if jax.process_index() == 0:
            for folder in folders:
                target = self.workdir / DAMAGED / f"{folder.parent.name}-{folder.name}"
                shutil.rmtree(target, ignore_errors=True)
                target.parent.mkdir(exist_ok=True)
                folder.rename(target)
        self._manager.close()
        self._manager = self._open()  # it has read at its start which there are


def read_newest(workdir: Path) -> tuple[tuple[dict[str, Any], dict[str, Any]] | None, list[Path]]:
    """The newest checkpoint that can be read, as (arrays, meta), and the newer ones that cannot; changes nothing.

    Raises:
        UserError: there are some, and none can be read.
    """
    failed: list[Path] = []
    for folder in _newest_first(workdir):
        try:
            return restore_checkpoint(folder), failed
        except UserError as error:
            get_logger().warning("%s; trying the one before", error)
            failed.append(folder)
    if failed:
        names = ", ".join(f"{folder.parent.name}/{folder.name}" for folder in failed)
        raise UserError(f"no checkpoint in {workdir} can be read ({names})")
    return None, failed


def _newest_first(workdir: Path) -> Iterator[Path]:
    """What there is to continue from: an interrupted run's checkpoint is newer than those that it has passed."""
    interrupted = numbered(workdir / INTERRUPTED)
    regular = numbered(workdir / FOLDER)
    while interrupted and regular and _iteration(regular[-1]) > _iteration(interrupted[-1]):
        yield regular.pop()
    yield from reversed(interrupted)
    yield from reversed(regular)


def numbered(folder: Path) -> list[Path]:
    """The folders in `folder` that are named by a number, by that number."""
    return sorted((path for path in folder.glob("*") if path.name.isdecimal()), key=lambda path: int(path.name))


def has_checkpoint(workdir: Path) -> bool:
    """Whether a work directory holds a checkpoint, of a run that went on or one that a signal stopped."""
    return bool(numbered(workdir / FOLDER) or numbered(workdir / INTERRUPTED))


def _iteration(folder: Path) -> int:
    """A checkpoint's iteration; -1 where it cannot be read."""
    try:
        return int(read_meta(folder)["iter"])
    except (UserError, ValueError, KeyError, TypeError):
        return -1


def read_meta(folder: Path) -> dict[str, Any]:
    """What a checkpoint says beside its arrays; these stay on disk.

    Raises:
        UserError: it cannot be read.
    """
    try:
        return json.loads((folder / "meta" / "metadata").read_text())
    except (OSError, ValueError) as error:
        raise UserError(f"checkpoint {folder} cannot be read: {error}") from error


def _arrays(state: PyTree) -> dict[str, Any]:
    """A pytree as nested dicts with plain names; what holds no array left out."""
    leaves = traverse_util.flatten_dict(serialization.to_state_dict(state))
    return traverse_util.unflatten_dict({path: leaf for path, leaf in leaves.items() if leaf is not None})


def restore_checkpoint(path: str | os.PathLike) -> tuple[dict[str, Any], dict[str, Any]]:
    """(arrays, meta) of the checkpoint in folder `path`.

    Raises:
        UserError: it is damaged or not a checkpoint.
    """
    path = expand(path)
    try:
        checksums.verify(path)
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


def restore_into(template: PyTree, arrays: Mapping[str, Any], what: str) -> PyTree:
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
        raise UserError(f"{what} is of another model or optimiser, {len(problems)} problems: {'; '.join(problems)}")
    merged = {path: given.get(path, leaf) for path, leaf in expected.items()}
    return serialization.from_state_dict(template, traverse_util.unflatten_dict(merged))


def locate(path: str | os.PathLike) -> tuple[Path, Path]:
    """(work directory, checkpoint folder) that `path` stands for.

    Args:
        path: a work directory (its best checkpoint, else its newest) or one checkpoint, here or on object storage.

    Raises:
        UserError: it is neither.
    """
    path = local(path)
    if not path.exists():
        raise UserError(f"{path} does not exist; expected a work directory or a checkpoint in it")
    if path.is_file():
        raise UserError(
            f"{path} is a file; expected a work directory or a checkpoint in it (load_from takes a file's weights)"
        )
    if path.parent.name in (FOLDER, INTERRUPTED) and path.name.isdecimal():
        return path.parent.parent, path
    regular = {int(folder.name): folder for folder in numbered(path / FOLDER)}
    if not (every := [*numbered(path / INTERRUPTED), *regular.values()]):
        raise UserError(f"{path} holds no checkpoint; expected {path / FOLDER}/<number> or such a folder itself")
    best_file = path / "best.json"
    best = json.loads(best_file.read_text())["number"] if best_file.exists() else -1
    return path, regular.get(best, every[-1])
