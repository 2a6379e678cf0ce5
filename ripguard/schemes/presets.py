"""The named schemes. To add one, add one entry."""

from __future__ import annotations

from ripguard.hide.mrit.method import MRITParams
from ripguard.hide.rdh.method import RDHParams
from ripguard.hide.rit.method import RITParams
from ripguard.hide.seal.method import SealParams
from ripguard.perturb.carve import CarveParams
from ripguard.perturb.fsp import FSPParams
from ripguard.perturb.layered import LayeredParams
from ripguard.perturb.lock.method import LockParams
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
            note="class-wise marks (color patches and waves), hidden by mRIT with ranked pairing and a block side that "
            "depends on the image size",
        ),
        TwoAxis(
            "mrit-tap",
            TAPParams(),
            MRITParams(),
            note="adversarial perturbation (cross-entropy to the next class, gradients taken at the published image), "
            "hidden by mRIT with the parameters of `mrit`",
        ),
        TwoAxis(
            "seal",
            MarksParams(),
            SealParams(),
            note="class-wise marks (ε 0.064); the low bit-planes carry the clean image, losslessly compressed and "
            "encrypted; no residue; JPEG files are restored byte for byte",
        ),
        TwoAxis(
            "discreet",
            MarksParams(eps=0.034),
            SealParams(),
            note="`seal` with weaker marks, ε 0.034: median PSNR to the clean image at least 30 dB at 32×32",
        ),
        TwoAxis(
            "balanced",
            MarksParams(eps=0.064, cells=None),
            SealParams(),
            note="`seal` with marks of ε 0.064 on two cells below 48 pixels: median PSNR at least 26 dB at 32×32",
        ),
        TwoAxis(
            "strong",
            MarksParams(eps=0.108),
            SealParams(),
            note="`seal` with stronger marks, ε 0.108: median PSNR to the clean image at least 22 dB at 32×32",
        ),
        TwoAxis(
            "layered-balanced",
            LayeredParams(through=AIMED),
            SealParams(),
            note="`seal` with an adversarial perturbation (`tap`, expectation over transformations) underneath the "
            "marks: median PSNR at least 26 dB",
        ),
        TwoAxis(
            "layered",
            LayeredParams(eps=0.085, through=AIMED),
            SealParams(),
            note="`layered-balanced` with stronger noise, ε 0.085, so that removing the marks still leaves poisoned "
            "images: median PSNR at least 22 dB at 32×32",
        ),
        TwoAxis(
            "carve",
            CarveParams(),
            SealParams(),
            note="a perturbed thumbnail of each image, with a class-wise pattern in place of the fine content, which "
            "is in the encrypted payload alone; images look blurred and noisy",
        ),
        TwoAxis(
            "lock",
            LockParams(),
            SealParams(),
            note="one learned, invertible transform for each class (Learnability Lock of Peng and Chen, ε 16/255), and "
            "`seal`, which restores what rounding and clipping lose",
        ),
        TwoAxis(
            "rdh",
            TAPParams(),
            RDHParams(),
            note="after Liu et al. 2018: an adversarial perturbation, constant in blocks; what undoes it is embedded "
            "reversibly into the perturbed image",
        ),
        TwoAxis(
            "rit",
            TAPParams(),
            RITParams(),
            note="after Yin et al. 2019: the original disguised as its adversarial version; what undoes it is embedded "
            "reversibly, or in the residue where it does not fit",
        ),
        TwoAxis(
            "paper",
            FSPParams(eps=0.07, steps=10, layer="stage3", target="random", coarse=False),
            MRITParams(size=4, pairing="sd-classes", step=8, overflow=8, tile=1024),
            note="close reading of Xue et al.: feature-space perturbation towards a random class (ε 0.07, 10 steps), "
            "hidden by mRIT with 4×4 blocks and SD classes",
        ),
    )
}
