"""Import torchvision, also if its build does not match the installed torch.

A mismatch leaves the compiled operators unregistered, and ``import torchvision`` fails on their schemas. After the two
schemas are declared, the pure Python parts (models, transforms, dataset readers) work. Image IO and the compiled
operators stay unavailable; ripguard uses neither. With a matching build, this module changes nothing.
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
