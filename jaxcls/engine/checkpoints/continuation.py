"""How a run begins that is not the first: from a run's checkpoint, or with its weights only."""

from __future__ import annotations

from pathlib import Path

from jaxcls.convert.fetch import local
from jaxcls.data.sources.files import some
from jaxcls.engine.checkpoints.loading import read_notes
from jaxcls.engine.checkpoints.storage import Checkpoints, numbered, read_newest, restore_checkpoint, restore_into
from jaxcls.engine.checkpoints.weights import load_for_tuning
from jaxcls.engine.runner import Runner
from jaxcls.errors import UserError


def continue_run(runner: Runner, resume: bool, resume_from: str | None) -> bool:
    """Takes up where a run was when its checkpoint was saved.

    Args:
        runner: of the same config; its `checkpoints` are those of its work directory.
        resume: whether to look in the runner's work directory.
        resume_from: a checkpoint, or a work directory whose newest is meant; comes second.

    Returns:
        whether there was something to take up.

    Raises:
        UserError: there is no `resume_from`, or a checkpoint is of a run that cannot go on like this.
    """
    assert runner.checkpoints is not None
    found = runner.checkpoints.restore_newest() if resume else None
    if found is None and resume_from:
        found = _restore_from(local(resume_from), runner.checkpoints)
    if found is None:
        return False
    arrays, meta = found
    what = f"checkpoint {meta['number']}"
    runner.restore(runner.network.parallel.place_state(restore_into(runner.state, arrays, what)), meta)
    runner.logger.info("resumed epoch %d, iter %d, from %s", runner.epoch, runner.iter, what)
    return True


def _restore_from(path: Path, own: Checkpoints) -> tuple[dict, dict]:
    if not path.name.isdecimal():
        found = own.restore_newest() if path == own.workdir else read_newest(path)[0]
        if found is None:
            raise UserError(f"resume_from: {path} holds no checkpoint")
        return found
    newer = [folder.name for folder in numbered(own.directory) if int(folder.name) > int(path.name)]
    if path.parent == own.directory and newer:
        raise UserError(
            f"resume_from: {path} is followed by {', '.join(newer)}, which would be overwritten; "
            "move these away, or give another --workdir"
        )
    return restore_checkpoint(path)


def load_from(runner: Runner, path: str) -> None:
    """A run that begins with the weights of a checkpoint or work directory, as its averages and its optimiser do.

    Raises:
        UserError: parameters other than the head's do not fit.
    """
    _warn_of_other_classes(runner, path)
    assert runner.begin is not None
    runner.state = runner.begin(load_for_tuning(runner.network.classifier, runner.state.raw_variables, path))


def _warn_of_other_classes(runner: Runner, path: str) -> None:
    """Where the head fits by its count of classes alone."""
    notes, now = read_notes(path), runner.identity["classes"]
    before = notes.get("classes") or notes.get("original_classes") or []
    if before != now and len(before) == len(now):
        runner.logger.warning(
            "load_from: the head of %s is for other classes, or in another order: %s there, %s here",
            *(path, some(before), some(now)),
        )
