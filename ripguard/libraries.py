"""Libraries that an installation may lack: which distribution has them, and the command that installs them.

An installation for restoring has fewer libraries than ``setup.cfg`` names (``requirements/``). It must not be advised
to install an extra: ``pip install "ripguard[jxl]"`` would add torch as well.
"""

from __future__ import annotations

import importlib.util

DISTRIBUTIONS = {  # modules whose distribution has another name
    "Crypto": "pycryptodome",
    "PIL": "Pillow",
    "nbformat": "nbclient",
    "multipart": "python-multipart",
    "pillow_heif": "pillow-heif",
    "pillow_jxl": "pillow-jxl-plugin",
    "prometheus_client": "prometheus-client",
    "psycopg": "psycopg[binary]",
    "python_multipart": "python-multipart",
    "skimage": "scikit-image",
    "starlette": "fastapi",
    "stream_zip": "stream-zip",
    "yaml": "pyyaml",
}
GROUPS = (  # required distributions of setup.cfg that are needed together
    ("numpy", "Pillow", "pycryptodome", "tqdm", "constriction", "filelock"),  # to restore and to verify
    ("scipy", "scikit-image"),  # besides, to protect without training a surrogate
    ("tifffile",),
    ("torch", "torchvision"),
    ("matplotlib", "jinja2"),
    ("argcomplete",),
)
EXTRAS = {  # extras of setup.cfg, and their distributions
    "defences": ("kornia",),
    "jxl": ("pillow-jxl-plugin",),
    "heic": ("pillow-heif",),
    "dicom": ("pydicom", "pylibjpeg", "pylibjpeg-openjpeg"),
    "fast": ("cryptography",),
    "formats": ("pyarrow", "pyyaml", "defusedxml"),
    "platform": (
        "sqlalchemy",
        "alembic",
        "fastapi",
        "uvicorn",
        "python-multipart",
        "httpx",
        "stream-zip",
        "prometheus-client",
        "jinja2",
    ),
    "postgres": ("psycopg[binary]",),
    "vault": ("pyrage",),
    "notebooks": ("nbclient", "ipykernel"),
}
ALL = "pip install ripguard, which adds all that is missing"


def distribution(module: str) -> str:
    """The distribution of a module: ``scikit-image`` for ``skimage``."""
    return DISTRIBUTIONS.get(module, module)


def advice(module: str) -> str:
    """How to install what has a module, in one line. The name of an unknown module is no name to install."""
    name = distribution(module)
    extra = next((extra for extra, names in EXTRAS.items() if name in names), None)
    if extra:
        return of_extra(extra)
    group = next((names for names in GROUPS if name in names), ())
    return f"pip install {' '.join(group)}; or {ALL}" if group else ALL


def of_extra(extra: str) -> str:
    """The command that installs an extra: its distributions alone where torch is missing, as in ``requirements/``."""
    return f'pip install "ripguard[{extra}]"' if installed("torch") else f"pip install {' '.join(EXTRAS[extra])}"


def installed(module: str) -> bool:
    """Whether a module can be imported; it is not imported."""
    return importlib.util.find_spec(module) is not None


def require(*modules: str) -> None:
    """Raise :class:`ModuleNotFoundError`, as an import would, if a module is missing; nothing is imported.

    For long work that needs a library only at its end.
    """
    for module in modules:
        if not installed(module):
            raise ModuleNotFoundError(f"No module named {module!r}", name=module)
