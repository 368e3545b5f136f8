"""Writes tests/golden/names/*.json: the names and shapes of `reference_models.CASES`, from the packages themselves.

python -m tests.convert.record_names [CASE…]
"""

from __future__ import annotations

import importlib.metadata
import json
import sys
import tempfile
from pathlib import Path

from jaxcls.convert.wrappers import read_weights
from tests.convert.reference_models import CASES, Case

FOLDER = Path(__file__).resolve().parent.parent / "golden" / "names"


def names(case: Case) -> dict[str, tuple[int, ...]]:
    """Name -> shape; of transformers as its files have them."""
    model = case.made()
    if case.package != "transformers":
        return {name: tuple(value.shape) for name, value in model.state_dict().items()}
    with tempfile.TemporaryDirectory() as folder:
        model.save_pretrained(folder)
        state_dict = read_weights(Path(folder) / "model.safetensors").state_dict
        return {name: value.shape for name, value in state_dict.items()}


if __name__ == "__main__":
    for key in sys.argv[1:] or CASES:
        case = CASES[key]
        release = f"{case.package} {importlib.metadata.version(case.package)}"
        lines = ",\n".join(f'"{name}": {json.dumps(shape)}' for name, shape in names(case).items())
        (FOLDER / f"{key}.json").write_text(f'{{"release": "{release}", "names": {{\n{lines}\n}}}}\n')
