"""A folder for torch's compiler, which makes one as soon as an optimizer is made, whether or not it compiles."""

from __future__ import annotations

import contextlib
import getpass
import os
import tempfile

from ripguard.data.source import cache_root
from ripguard.errors import RipguardError
from ripguard.systems import user

VARIABLE = "TORCHINDUCTOR_CACHE_DIR"


def name_compile_cache() -> None:
    """Name the folder where torch could not: it makes it from the user's name and the folder for temporary files."""
    if VARIABLE in os.environ:
        return
    try:
        temporary = tempfile.gettempdir()
    except OSError:  # none can be written
        with contextlib.suppress(RipguardError):  # training then refuses in a sentence
            os.environ[VARIABLE] = str(cache_root() / "torchinductor")
        return
    try:
        getpass.getuser()
    except (KeyError, OSError, ImportError):  # torch before 2.5 has no answer to that
        os.environ[VARIABLE] = os.path.join(temporary, f"torchinductor_{user()}")
