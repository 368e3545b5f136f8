"""The test session: stricter than production, on several simulated devices."""

from __future__ import annotations

import os
import sys
from pathlib import Path

# before JAX starts its backend
os.environ["XLA_FLAGS"] = f"{os.environ.get('XLA_FLAGS', '')} --xla_force_host_platform_device_count=8".strip()
os.environ.setdefault("JAX_PLATFORMS", "cpu")

ROOT = Path(__file__).resolve().parent.parent
GOLDEN = Path(__file__).resolve().parent / "golden"
sys.path.insert(0, str(ROOT))  # configs/, train.py and evaluate.py
