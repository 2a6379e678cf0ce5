"""matplotlib's ``Figure``, also where matplotlib's own folders cannot be written: without messages of its own.

Import it when something is drawn. It is not pyplot: no display, no state.
"""

from __future__ import annotations

import atexit
import logging
import os
import shutil
import tempfile
from pathlib import Path

from ripguard.data.source import CACHE_HINT, cache_root, can_make
from ripguard.errors import StorageError

VARIABLE = "MPLCONFIGDIR"


def _folder() -> Path | None:
    """Folder for matplotlib's font list, where it cannot write to its usual ones; None: leave it to matplotlib.

    Raises:
        StorageError: there is none.
    """
    if VARIABLE in os.environ:
        return None
    home = os.path.expanduser("~")
    usual = [
        Path(os.environ.get(variable) or os.path.join(home, place)) / "matplotlib"
        for variable, place in (("XDG_CONFIG_HOME", ".config"), ("XDG_CACHE_HOME", ".cache"))
    ]
    if all(folder.is_absolute() and can_make(folder) for folder in usual):
        return None
    ours = cache_root() / "matplotlib"
    if can_make(ours):
        return ours
    try:
        own = Path(tempfile.mkdtemp(prefix="ripguard-matplotlib-"))
    except OSError as error:
        raise StorageError(f"matplotlib cannot write to {ours}: {error.strerror}", CACHE_HINT) from None
    atexit.register(shutil.rmtree, own, ignore_errors=True)
    return own


if (_place := _folder()) is not None:
    os.environ[VARIABLE] = str(_place)
logging.getLogger("matplotlib.font_manager").setLevel(logging.ERROR)  # "building the font cache"

from matplotlib.figure import Figure  # noqa: E402 - it looks for its folders when it is imported

__all__ = ["Figure"]
