"""The notebooks run from the first cell to the last, at small sizes on a CPU: pip install -e '.[notebooks]'."""

from __future__ import annotations

import jax
import numpy as np
import pytest

import jaxcls
from jaxcls.convert import export_state_dict
from jaxcls.convert.writers import write_file
from tests.commands import ROOT

pytestmark = pytest.mark.slow
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
@pytest.mark.filterwarnings("default")  # Jupyter's own
def test_notebook(path, tmp_path, monkeypatch):
    import nbformat
    from nbclient import NotebookClient

    monkeypatch.setenv("JAXCLS_NOTEBOOK_TEST", "1")
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    if path.stem == "fine_tuning":
        model = jaxcls.get_model("resnet18", pretrained=False)
        arrays = export_state_dict(model.classifier, jax.tree.map(np.asarray, model.variables))
        write_file(tmp_path / "weights.safetensors", arrays, {})
    notebook = nbformat.read(path, as_version=4)
    NotebookClient(notebook, timeout=600, resources={"metadata": {"path": str(tmp_path)}}).execute()
    assert list(tmp_path.glob("jaxcls_runs/*/report.html"))


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_they_are_kept_without_outputs(path):
    import nbformat

    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    assert not [cell for cell in notebook.cells if cell.get("outputs")]
