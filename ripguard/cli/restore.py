"""`ripguard restore`: restore clean images exactly."""

from __future__ import annotations

import argparse

from ripguard import api
from ripguard.cli.options import add_key, add_max_pixels, add_signer, add_workers, key_of
from ripguard.cli.output import show, some
from ripguard.errors import LISTED_EACH, Damaged, tell

DESCRIPTION = (
    "PATH is a release, a part of one, or loose images with any names. Images of a release get their paths in the "
    "manifest; exit code 0 means that all were restored. Images that are missing or cannot be restored exactly are "
    "listed. OUT appears at the end and contains only exact images."
)


def add(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("paths", nargs="+", metavar="PATH")
    parser.add_argument("out", metavar="OUT", help="folder to make")
    add_key(parser)
    parser.add_argument("--release", metavar="R", help="the release that loose images belong to, with their residue")
    parser.add_argument("--only", metavar="GLOB", help="only images whose path matches, e.g. 'train/cat/*'")
    parser.add_argument(
        "--loose", action="store_true",
        help="keep the names of the files; labels and completeness are not checked",
    )  # fmt: skip
    parser.add_argument("--require-release", action="store_true", help="refuse images outside of releases")
    add_max_pixels(parser)
    add_signer(parser)
    add_workers(parser)


def run(options: argparse.Namespace) -> int:
    result = api.restore(
        options.paths, options.out, key_of(options), options.release, options.only, options.workers, options.signer,
        options.loose, options.require_release, max_pixels=options.max_pixels,
    )  # fmt: skip
    exact = "bit for bit" if result.exact else "roughly (lossy release)"
    lines = [f"{result.restored} images restored {exact} in {result.out}"]
    if result.checked:
        by = result.signer or "nobody"
        lines.append(f"  names and completeness checked against {result.release}, signed by {by}")
    else:
        lines.append("  no release around: labels and completeness are NOT checked")
    if result.png_named_otherwise:
        lines.append(
            f"  files that hold PNG bytes under the name of a source in another format: {result.png_named_otherwise} "
            "(a release made with --preserve-files restores the files themselves)"
        )
    if result.texts_as_published:
        lines.append(
            f"  texts that name the published files, because this key does not open the source's texts: "
            f"{len(result.texts_as_published)}, the first is {result.texts_as_published[0]}"
        )
    if result.texts_mended:
        lines.append(
            f"  texts that were changed after publishing, for instance their line ends, restored nevertheless: "
            f"{len(result.texts_mended)}, the first is {result.texts_mended[0]}"
        )
    lines += some("  refused ({code}): {message}", result.refused)
    moved = [{"from": file, "to": place} for file, place in result.moved]
    lines += some("  back at its place: {to} (was {from})", moved)
    lines += some("  left out, not an image of the release: {file}", [{"file": file} for file in result.left_out])
    copies = [{"file": file, "image": image} for file, image in result.duplicates]
    lines += some("  left out, a second copy of {image}: {file}", copies)
    if result.litter:
        lines.append(f"  left out, hidden or temporary files: {len(result.litter)}, the first is {result.litter[0]}")
    data = {
        "out": result.out, "restored": result.restored, "exact": result.exact, "refused": result.refused,
        "release": result.release or None, "checked": result.checked, "signer": result.signer, "moved": moved,
        "left_out": result.left_out, "png_named_otherwise": result.png_named_otherwise,
        "texts_as_published": result.texts_as_published, "texts_mended": result.texts_mended,
        "duplicates": copies, "litter": result.litter,
    }  # fmt: skip
    show(options, data, lines)
    if result.refused:
        hints = [f"ripguard: hint: {hint}" for hint in result.hints[:LISTED_EACH]]
        tell(f"ripguard: error: {len(result.refused)} files were refused", *hints)
        return result.first_error.exit_code if result.first_error else Damaged.exit_code
    return 0
