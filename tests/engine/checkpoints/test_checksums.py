from __future__ import annotations

import pytest

from jaxcls.engine.checkpoints import checksums
from jaxcls.engine.checkpoints.storage import Checkpoints, numbered, restore_checkpoint
from jaxcls.errors import UserError
from tests.engine.checkpoints.test_checkpoint import state


def test_any_bit_of_any_file_counts(tmp_path):
    for name in ("state/a", "state/d/0", "meta/metadata"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(name.encode())
    checksums.verify(tmp_path)  # nothing was noted
    checksums.write(tmp_path)
    checksums.verify(tmp_path)
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == ["checksums.json"]
    for path in (tmp_path / "state/a", tmp_path / "state/d/0", tmp_path / "meta/metadata"):
        before = path.read_bytes()
        path.write_bytes(before[:-1] + bytes([before[-1] ^ 1]))
        with pytest.raises(ValueError, match=f"{path.relative_to(tmp_path)} is not what was written"):
            checksums.verify(tmp_path)
        path.unlink()
        with pytest.raises(ValueError, match=f"{path.relative_to(tmp_path)} is missing"):
            checksums.verify(tmp_path)
        path.write_bytes(before)
    checksums.verify(tmp_path)


@pytest.mark.parametrize("kind", ["checkpoints", "interrupted"])
def test_all_that_is_saved_has_them(tmp_path, kind):
    made = Checkpoints(tmp_path)
    made.save(7, state(), {}) if kind == "checkpoints" else made.save_interrupted(7, state(), {})
    made.close()
    (folder,) = numbered(tmp_path / kind)
    path = next((folder / "state").glob("_METADATA"))
    path.write_bytes(path.read_bytes() + b" ")  # which JSON does not mind
    with pytest.raises(UserError, match="_METADATA is not what was written"):
        restore_checkpoint(folder)
