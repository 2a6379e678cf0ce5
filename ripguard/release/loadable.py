"""Whether a loader of image folders, or a program that trains on them, may read a hidden or temporary file.

Loaders choose files by the end of their names, whatever their content: torchvision's ``ImageFolder`` reads ``.png`` and
``~$a.png``, also in hidden folders. Ultralytics unpickles ``labels.cache``, and reads ``a.npy`` in the place of
``a.png``; Python executes ``__pycache__``. ``datasets`` of Hugging Face unpacks archives under any name.
"""

from __future__ import annotations

import contextlib
import os
import struct
import tarfile
import zipfile
from pathlib import Path

from ripguard.damage import first_bytes, is_archive
from ripguard.files import open_regular
from ripguard.images.limits import REFUSED_SUFFIXES, SUFFIXES

# what Pillow, torchvision, timm, Ultralytics, datasets, Keras and OpenCV take for images and films
OTHER_IMAGES = """
    avifs blp bufr bw cur dcx dds emf exr fit fits flc fli ftc ftu gbr grib h5 hdf hdr heics heifs icb icns ief iim im
    jpc jpf jxr mic msp palm pcd pcx pdf pic ps pxr qoi ras raw rgb rgba sgi spider sr svg svgz vda vst wmf wmp xbm xpm
    xwd dng cr2 cr3 nef arw rw2 orf raf nii mha nrrd asf avi m4v mkv mov mp4 mpeg mpg ts webm wmv
"""
IMAGES = SUFFIXES | REFUSED_SUFFIXES | {f".{kind}" for kind in OTHER_IMAGES.split()}
# what programs execute or unpickle, or read in the place of an image
PROGRAMS = (
    *(".pyc", ".pyo", ".pyd", ".so", ".dll", ".dylib", ".cache", ".pkl", ".pickle", ".joblib", ".dill"),
    *(".npy", ".npz", ".pt", ".pth", ".pth.tar", ".ckpt", ".bin", ".mat"),
)
READ = (*IMAGES, *PROGRAMS)
RECORDS = frozenset({"metadata.csv", "metadata.jsonl", "metadata.parquet"})  # labels for Hugging Face's imagefolder
COMPILED = "__pycache__"
# macOS stores what its own file systems know of a.png in ._a.png: magic and version of AppleSingle and AppleDouble
APPLE = tuple(magic + version for magic in (b"\0\5\x16\7", b"\0\5\x16\0") for version in (b"\0\1\0\0", b"\0\2\0\0"))
PHOTO_CD, PHOTO_CD_AT = b"PCD_", 2048  # the only format of Pillow whose files may begin in any way
LZ4 = b"\x04\x22\x4d\x18"


def may_be_loaded(root: Path, place: str) -> bool:
    """Whether a loader or program may read the file with this path below the root; its bytes decide only if needed."""
    *folders, name = place.lower().split("/")
    if COMPILED in folders or name in RECORDS:
        return True
    start = first_bytes(root / place) or b""
    if name.endswith(READ):
        return not (name.startswith("._") and _is_apple_double(start))
    return start.startswith(LZ4) or is_archive(start) or _is_packed(root / place)


def _is_apple_double(start: bytes) -> bool:
    """Whether the first bytes are those of metadata of macOS, which no decoder opens as an image."""
    return start.startswith(APPLE) and start[PHOTO_CD_AT : PHOTO_CD_AT + len(PHOTO_CD)] != PHOTO_CD


def _is_packed(file: Path) -> bool:
    """Whether a file is an archive that its first bytes do not show: zip behind other data, tar without a magic."""
    with contextlib.suppress(OSError), open(open_regular(file), "rb") as opened:
        try:
            if zipfile.is_zipfile(opened):
                return True
        except (zipfile.BadZipFile, struct.error):  # a zip archive that is one of several, or damaged
            return True
        opened.seek(0)
        block = opened.read(tarfile.BLOCKSIZE)
        with contextlib.suppress(tarfile.HeaderError, ValueError):
            tarfile.TarInfo.frombuf(block, "utf-8", "surrogateescape")
            return True
    return False


def is_program(place: str) -> bool:
    """Whether programs execute or unpickle a file of this name, or read it in the place of an image."""
    return os.path.basename(place).lower().endswith(PROGRAMS)
