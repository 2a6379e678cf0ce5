"""The schemes that have a name. A new one is one entry."""

from __future__ import annotations

from ripguard.hide.mrit.method import MRITParams
from ripguard.hide.seal.method import SealParams
from ripguard.perturb.fsp import FSPParams
from ripguard.perturb.layered import LayeredParams
from ripguard.perturb.marks import MarksParams
from ripguard.perturb.tap import TAPParams
from ripguard.schemes.two_axis import TwoAxis

AIMED = ("planes", "jpeg", "grayscale", "blur", "resize")

SCHEMES: dict[str, TwoAxis] = {
    scheme.name: scheme
    for scheme in (
        TwoAxis(
            "mrit",
            MarksParams(),
            MRITParams(),
            note="our best setting of the paper's chain: marks of the class, 2×2 blocks, ranked pairing",
        ),
        TwoAxis(
            "mrit-tap",
            TAPParams(),
            MRITParams(),
            note="the paper's chain with our best adversarial perturbation: cross-entropy to the next class, aimed "
            "through hiding",
        ),
        TwoAxis(
            "seal",
            MarksParams(),
            SealParams(),
            note="the clean image itself, losslessly compressed, in the low planes of any carrier; no residue, and "
            "JPEG files come back byte for byte",
        ),
        TwoAxis(
            "discreet",
            MarksParams(eps=0.034),
            SealParams(),
            note="seal, a median of at least 30 dB to the clean image at 32×32",
        ),
        TwoAxis(
            "balanced",
            MarksParams(eps=0.064, cells=None),
            SealParams(),
            note="seal, a median of at least 26 dB to the clean image at 32×32",
        ),
        TwoAxis(
            "strong",
            MarksParams(eps=0.108),
            SealParams(),
            note="seal, a median of at least 22 dB to the clean image at 32×32",
        ),
        TwoAxis(
            "layered-balanced",
            LayeredParams(through=AIMED),
            SealParams(),
            note="seal, a median of at least 26 dB to the clean image: marks over `tap`",
        ),
        TwoAxis(
            "layered",
            LayeredParams(eps=0.085, through=AIMED),
            SealParams(),
            note="seal, a median of at least 22 dB to the clean image at 32×32, against who takes marks off: marks "
            "over `tap`",
        ),
        TwoAxis(
            "paper",
            FSPParams(eps=0.07, steps=10, layer="stage3", target="random", coarse=False),
            MRITParams(size=4, pairing="sd-classes", step=8, overflow=8, tile=1024),
            note="a close reading of Xue et al.: 4×4 blocks, SD classes, random target",
        ),
    )
}
