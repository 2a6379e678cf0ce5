"""Import torchvision also where no build of it matches the installed torch.

Such a mismatch leaves the compiled operators unregistered, and ``import torchvision`` then fails on their schemas. With
the two schemas declared, all that is pure Python (models, transforms, dataset readers) works; image IO and the compiled
operators stay unavailable, and ripguard uses neither. On a matching build this file changes nothing.
"""

from __future__ import annotations

import torch

_library = None
try:
    import torchvision
except RuntimeError as error:
    if "torchvision::" not in str(error):
        raise
    _library = torch.library.Library("torchvision", "DEF")
    for _name in ("nms", "qnms"):
        _library.define(f"{_name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    import sys

    for _module in [m for m in sys.modules if m == "torchvision" or m.startswith("torchvision.")]:
        del sys.modules[_module]
    import torchvision

__all__ = ["torchvision"]
