"""JPEG 2000, AVIF, HEIC, JPEG XL and DICOM, and files that are refused."""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterator

import numpy as np
import pillow_heif
import pydicom
import pydicom.encaps
import pydicom.uid
from corpus import Sample, alpha, cube, exif, flat, gray, photo, saved, stored
from corpus_pillow import from_linear
from corpus_raw import windowed
from PIL import Image
from pydicom.dataset import Dataset, FileMetaDataset


def samples() -> Iterator[Sample]:
    yield from _jpeg_2000()
    yield from _avif()
    yield from _heic()
    yield from _jpeg_xl()
    yield from _dicom()
    yield from _refused()


def _jpeg_2000() -> Iterator[Sample]:
    rgb, one, mask = photo(0), gray(0), alpha()
    yield Sample("rgb.jp2", saved(rgb, "JPEG2000"), rgb)
    yield Sample("gray.j2k", saved(one, "JPEG2000", no_jp2=True), cube(one))
    yield Sample("rgb.j2c", saved(rgb, "JPEG2000", no_jp2=True), rgb)
    yield Sample("alpha.jpx", saved(np.dstack([rgb, mask]), "JPEG2000"), flat(rgb, mask), 1, ("alpha",))
    yield Sample(
        "gray-alpha.jp2",
        saved(Image.fromarray(np.dstack([one, mask]), "LA"), "JPEG2000"),
        flat(one, mask),
        1,
        ("alpha",),
    )
    yield Sample("16-bit.jp2", saved(one.astype(np.uint16) * 257, "JPEG2000"), cube(one), 0, ("16 bits",))
    lossy = saved(rgb, "JPEG2000", irreversible=True, quality_mode="rates", quality_layers=[4])
    yield Sample("lossy.jp2", lossy, rgb, 40)


def _avif() -> Iterator[Sample]:
    rgb, one, mask = photo(1), gray(1), alpha()
    fine = {"quality": 95, "subsampling": "4:4:4", "max_threads": 1}
    yield Sample("rgb.avif", saved(rgb, "AVIF", **fine), rgb, 16)
    yield Sample("gray.avif", saved(one, "AVIF", quality=95), cube(one), 16)
    yield Sample("alpha.avif", saved(np.dstack([rgb, mask]), "AVIF", **fine), flat(rgb, mask), 20, ("alpha",))
    two = {"save_all": True, "append_images": [Image.fromarray(photo(2))]}
    yield Sample("animated.avif", saved(rgb, "AVIF", **two, **fine), rgb, 16, ("several frames",))
    for turn in (3, 6):
        data = saved(stored(rgb, turn), "AVIF", exif=exif(turn), **fine)
        yield Sample(f"turned-{turn}.avif", data, rgb, 16, ("EXIF orientation",))


def _heic() -> Iterator[Sample]:
    pillow_heif.register_heif_opener()
    rgb, one, mask = photo(2), gray(2), alpha()
    fine = {"quality": 95, "chroma": 444}
    yield Sample("rgb.heic", saved(rgb, "HEIF", **fine), rgb, 24)
    yield Sample("gray.heif", saved(one, "HEIF", quality=95), cube(one), 24)
    yield Sample("alpha.heic", saved(np.dstack([rgb, mask]), "HEIF", **fine), flat(rgb, mask), 24, ("alpha",))
    yield Sample("turned-6.hif", saved(stored(rgb, 6), "HEIF", exif=exif(6).tobytes(), **fine), rgb, 24)
    yield Sample("turned-3.heic", saved(stored(rgb, 3), "HEIF", exif=exif(3).tobytes(), **fine), rgb, 24)
    only = saved(rgb, "HEIF", exif=exif(3), **fine)  # without a box irot, which alone turns an image
    yield Sample("not-turned.heic", only, rgb, 24)
    two = {"save_all": True, "append_images": [Image.fromarray(photo(1))]}
    yield Sample("two.heic", saved(rgb, "HEIF", **two, **fine), rgb, 24, ("several frames",))
    deep = saved(one.astype(np.uint16) * 257, "HEIF", quality=95)
    yield Sample("10-bit.heic", deep, cube(one), 24, ("16 bits",))


def _jpeg_xl() -> Iterator[Sample]:
    import pillow_jxl  # noqa: F401 - registers the format

    rgb, one, mask = photo(0), gray(0), alpha()
    whole = {"lossless": True, "num_threads": 1}
    yield Sample("rgb.jxl", saved(rgb, "JXL", **whole), rgb)
    yield Sample("gray.jxl", saved(one, "JXL", **whole), cube(one))
    yield Sample("lossy.jxl", saved(rgb, "JXL", quality=95, num_threads=1), rgb, 24)
    yield Sample("container.jxl", saved(rgb, "JXL", use_container=True, **whole), rgb)
    yield Sample("alpha.jxl", saved(np.dstack([rgb, mask]), "JXL", **whole), flat(rgb, mask), 1, ("alpha",))
    yield Sample(
        "gray-alpha.jxl",
        saved(Image.fromarray(np.dstack([one, mask]), "LA"), "JXL", **whole),
        flat(one, mask),
        1,
        ("alpha",),
    )
    # this encoder writes that deep samples are linear light; 8 bits of it are few in the dark
    bright = cube(from_linear(one / 255))
    deep = saved(one.astype(np.uint16) * 257, "JXL", **whole)
    yield Sample("16-bit.jxl", deep, bright, 12, ("16 bits", "ICC profile"))
    floats = saved((one / 255).astype(np.float32), "JXL", **whole)
    yield Sample("float.jxl", floats, bright, 12, ("floating point", "ICC profile"))


def dicom(
    pixels: np.ndarray, kind: str = "MONOCHROME2", syntax: str = pydicom.uid.ExplicitVRLittleEndian, **more: object
) -> bytes:
    """A DICOM file of pixels ``[height, width(, 3)]``, or with ``NumberOfFrames`` of ``[frames, height, width]``."""
    data, frames = Dataset(), "NumberOfFrames" in more
    data.file_meta = FileMetaDataset()
    data.file_meta.TransferSyntaxUID = syntax
    data.file_meta.MediaStorageSOPClassUID = data.SOPClassUID = pydicom.uid.SecondaryCaptureImageStorage
    data.file_meta.MediaStorageSOPInstanceUID = data.SOPInstanceUID = "1.2.3"
    data.Rows, data.Columns = pixels.shape[1:3] if frames else pixels.shape[:2]
    data.SamplesPerPixel = 3 if pixels.ndim == 3 and not frames else 1
    data.PhotometricInterpretation = kind
    bits = 8 * pixels.dtype.itemsize
    data.BitsAllocated = data.BitsStored = bits
    data.PixelRepresentation = int(pixels.dtype.kind == "i")
    if data.SamplesPerPixel == 3:
        data.PlanarConfiguration = 0
    data.PixelData = pixels.tobytes()
    for name, value in more.items():
        setattr(data, name, value)
    data.HighBit = data.BitsStored - 1
    data["PixelData"].VR = "OB" if bits == 8 else "OW"
    buffer = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        data.save_as(buffer, enforce_file_format=True)
    return buffer.getvalue()


def packed(frame: bytes, like: np.ndarray, syntax: str, kind: str) -> bytes:
    """A DICOM file of one frame in a compressed form."""
    return dicom(like, kind, syntax, PixelData=pydicom.encaps.encapsulate([frame]))


def _dicom() -> Iterator[Sample]:
    rgb, one = photo(1), gray(1)
    uid, kinds = pydicom.uid, ("DICOM attributes",)
    wide = (*kinds, "16 bits")
    yield Sample("8-bit.dcm", dicom(one), cube(one), 0, kinds)
    yield Sample("implicit.dcm", dicom(one, syntax=uid.ImplicitVRLittleEndian), cube(one), 0, kinds)
    yield Sample("inverted.dcm", dicom(255 - one, "MONOCHROME1"), cube(one), 0, kinds)
    yield Sample("rgb.dcm", dicom(rgb, "RGB"), rgb, 0, kinds)
    yield Sample("12-bit.dcm", dicom(one.astype(np.uint16) * 16, BitsStored=12), windowed(one), 1, wide)
    hounsfield = one.astype(np.int16) * 8 - 1000
    tags = {"RescaleIntercept": "-24", "RescaleSlope": "1"}
    signed = (*wide, "signed samples")
    yield Sample("signed.dcm", dicom(hounsfield, **tags), windowed(one), 1, signed)
    window = np.round(np.clip((hounsfield - 24 - (40 - 0.5)) / (400 - 1) + 0.5, 0, 1) * 255).astype(np.uint8)
    data = dicom(hounsfield, **tags, WindowCenter="40", WindowWidth="400")
    yield Sample("window.dcm", data, cube(window), 1, signed)
    data = dicom(one.astype(np.uint16) * 100, "MONOCHROME1", WindowCenter="12750", WindowWidth="25500")
    yield Sample("inverted-window.dcm", data, cube(255 - one), 1, wide)
    data = dicom(rgb.astype(np.uint16) * 16 + 8, "RGB", BitsStored=12)
    yield Sample("12-bit-rgb.dcm", data, rgb, 1, wide)
    two = dicom(np.stack([one, gray(2)]), NumberOfFrames=2)
    yield Sample("frames.dcm", two, cube(one), 0, (*kinds, "several frames"))
    ycc = np.asarray(Image.fromarray(rgb).convert("YCbCr"))
    yield Sample("ycbcr.dcm", dicom(ycc, "YBR_FULL"), rgb, 3, (*kinds, "YCbCr"))
    palette = Image.fromarray(rgb).quantize(256)
    colors = np.array(palette.getpalette(), np.uint16).reshape(-1, 3)
    colors = np.vstack([colors, np.zeros((256 - len(colors), 3), np.uint16)]) * 257
    tables = {}
    for i, name in enumerate(("Red", "Green", "Blue")):
        tables[f"{name}PaletteColorLookupTableDescriptor"] = [256, 0, 16]
        tables[f"{name}PaletteColorLookupTableData"] = colors[:, i].astype("<u2").tobytes()
    data = dicom(np.asarray(palette), "PALETTE COLOR", **tables)
    yield Sample("palette.dcm", data, np.asarray(palette.convert("RGB")), 0, (*kinds, "palette"))
    data = packed(saved(one, "JPEG", quality=95), one, uid.JPEGBaseline8Bit, "MONOCHROME2")
    yield Sample("jpeg.dcm", data, cube(one), 12, kinds)
    data = packed(saved(rgb, "JPEG2000", no_jp2=True, mct=0), rgb, uid.JPEG2000Lossless, "RGB")
    yield Sample("jpeg-2000.dcm", data, rgb, 0, kinds)
    deep = one.astype(np.uint16) * 257
    data = packed(saved(deep, "JPEG2000", no_jp2=True), deep, uid.JPEG2000Lossless, "MONOCHROME2")
    yield Sample("jpeg-2000-16-bit.dcm", data, cube(one), 0, wide)
    source = pydicom.dcmread(io.BytesIO(dicom(one)))
    source.compress(uid.RLELossless, generate_instance_uid=False)
    buffer = io.BytesIO()
    source.save_as(buffer, enforce_file_format=True)
    yield Sample("run-length.dcm", buffer.getvalue(), cube(one), 0, kinds)


def _refused() -> Iterator[Sample]:
    rgb, one = photo(2), gray(2)
    yield Sample("refused-text.png", b"This is a text.\n" * 20, None)
    yield Sample("refused-empty.png", b"", None)
    yield Sample("refused-zeros.tga", bytes(4000), None)
    yield Sample("refused-icon.png", saved(rgb, "ICO", sizes=[(32, 32)]), None)
    yield Sample("refused-half.png", saved(rgb, "PNG")[:1500], None)
    yield Sample("refused-half.jp2", saved(rgb, "JPEG2000")[:700], None)
    yield Sample("refused-lfs.jpg", b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 9\n", None)
    yield Sample("refused-deflated.dcm", dicom(one, syntax=pydicom.uid.DeflatedExplicitVRLittleEndian), None)
