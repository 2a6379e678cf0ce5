"""SciPy's solver of assignment problems, without the rest of ``scipy.optimize``.

The solver is one small extension module. Importing the package around it takes longer than importing NumPy does, in
every process that protects, so the extension is loaded by itself. It is the same function of the same file; where a
SciPy keeps it elsewhere, the public import is used.
"""

from __future__ import annotations

import contextlib
import functools
import importlib.util
import os
import sys
from collections.abc import Callable
from importlib.machinery import PathFinder
from typing import Any

import numpy as np

Solver = Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]
FILE, NAME = "_lsap", "linear_sum_assignment"


@functools.cache
def solver() -> Solver:
    """``scipy.optimize.linear_sum_assignment``: costs ``[n, n]`` → rows and columns, int64 ``[n]`` each.

    Raises:
        ImportError: SciPy is not installed.
    """
    if "scipy.optimize" not in sys.modules:  # else it costs nothing
        with contextlib.suppress(ImportError, OSError):
            if found := getattr(_extension(), NAME, None):
                return found  # type: ignore[no-any-return]
    from scipy.optimize import linear_sum_assignment

    return linear_sum_assignment  # type: ignore[no-any-return]


def _extension() -> Any:
    """The extension module, or None."""
    import scipy

    beside = [os.path.join(folder, "optimize") for folder in scipy.__path__]
    found = PathFinder.find_spec(FILE, beside)
    if found is None or found.loader is None:
        return None
    module = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    return module
