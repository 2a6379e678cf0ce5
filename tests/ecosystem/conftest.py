"""The libraries under test stay offline and leave nothing in the user's home; they are set up before they are imported.

``ripguard._torchvision`` comes first: a torchvision that does not match the installed torch lacks its compiled
operators, and timm, which imports torchvision by itself, would fail.
"""

from __future__ import annotations

import os
import tempfile

import ripguard._torchvision  # noqa: F401

HOME = tempfile.mkdtemp(prefix="ripguard-ecosystem-")
os.environ |= {"HF_HUB_OFFLINE": "1", "HF_DATASETS_OFFLINE": "1", "HF_HOME": HOME, "YOLO_CONFIG_DIR": HOME,
               "YOLO_OFFLINE": "true", "YOLO_AUTOINSTALL": "false"}  # fmt: skip


def pytest_sessionfinish() -> None:
    import shutil

    shutil.rmtree(HOME, ignore_errors=True)
