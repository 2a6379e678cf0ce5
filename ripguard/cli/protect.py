"""`ripguard protect`: make a protected release."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from functools import partial
from typing import Any

from ripguard import api
from ripguard.cli.options import add_image_format, add_key, add_max_pixels, add_workers, key_of, names
from ripguard.cli.output import show, some
from ripguard.cli.source import (
    FORMAT_NAMES,
    add_reading,
    growth,
    read,
    readable,
    refusals,
    summary,
    unchanged,
    whole_files,
)
from ripguard.errors import InputRefused, tell
from ripguard.methods.params import Option
from ripguard.numbers import not_negative, positive
from ripguard.schemes import find
from ripguard.schemes.base import Scheme

DESCRIPTION = "OUT appears when complete. The same command continues a run that was killed."


def scheme_in(words: Sequence[str]) -> Scheme:
    """The scheme on the command line, from the three options that determine the other options."""
    first = argparse.ArgumentParser(add_help=False, allow_abbrev=False, exit_on_error=False)
    for name in ("--scheme", "--perturb", "--hide"):
        first.add_argument(name)
    try:
        chosen = vars(first.parse_known_args([word for word in words if word not in ("-h", "--help")])[0])
    except argparse.ArgumentError:  # the full parser reports it
        chosen = {}
    scheme = find(chosen.pop("scheme", None) or "mrit")
    return scheme.with_options({name: value for name, value in chosen.items() if value is not None})


def _chosen(scheme: Scheme) -> str:
    made = scheme.to_json()
    parts = [made[axis]["method"] for axis in ("perturb", "hide") if axis in made]
    return f" ({' and '.join(parts)})" if parts else ""


def several(kind: type, text: str) -> tuple[Any, ...]:
    """Values joined by commas."""
    try:
        return tuple(kind(one) for one in names(text))
    except ValueError:
        raise argparse.ArgumentTypeError(f"expected values joined by commas, got {text!r}") from None


METAVARS = {int: "N", float: "X", str: "NAME"}


def _scheme_option(group: Any, name: str, option: Option) -> None:
    """Add an option of a scheme. Its default is None, so that the scheme keeps its own value."""
    text = option.help
    if option.kind is str and option.choices:
        text += f": {', '.join(option.choices)}"
    if option.kind is int and option.choices and len(option.choices) < 6:
        text += f": {', '.join(map(str, option.choices))}"
    if option.default not in (None, (), False, True) and "default" not in text:
        usual = ",".join(map(str, option.default)) if option.many else option.default
        text += f" (default {usual})"
    flag, dest = option.called(name), name
    how: dict[str, Any]
    if option.kind is bool:
        how = {"action": argparse.BooleanOptionalAction}
    elif option.many and option.repeat:
        how = {"action": "append", "metavar": "PATH"}
    else:
        how = {"type": partial(several, option.kind) if option.many else option.kind, "metavar": METAVARS[option.kind]}
    group.add_argument(flag, dest=dest, help=text.replace("%", "%%"), **how)
    if (old := f"--{name.replace('_', '-')}") != flag:  # until 0.2
        group.add_argument(old, dest=dest, default=argparse.SUPPRESS, help=argparse.SUPPRESS, **how)


def add(parser: argparse.ArgumentParser, words: Sequence[str] = ()) -> None:
    """Add the options for the scheme in ``words``, the words of the command line. Raises :class:`UsageError`."""
    scheme = scheme_in(words)
    parser.usage = "ripguard protect [options] SRC OUT"
    parser.add_argument("source", metavar="SRC", help="folder, or name of a dataset (ripguard data list)")
    parser.add_argument("out", metavar="OUT", help="folder to create")
    add_key(parser)
    parser.add_argument("--sign-key", metavar="S", help="signing key file (default: K.sign where it exists)")
    parser.add_argument(
        "--scheme", default="mrit", metavar="NAME", help="preset (default mrit); list: ripguard methods"
    )
    parser.add_argument("--perturb", metavar="NAME", help="perturbation, instead of the scheme's")
    parser.add_argument("--hide", metavar="NAME", help="hiding method, instead of the scheme's")
    add_reading(parser)
    parser.add_argument("--limit", type=positive, metavar="N", help="only N images, evenly from all classes")
    parser.add_argument(
        "--seed", type=not_negative, default=0, metavar="S", help="seed of all random choices (default 0)"
    )
    text = "preserve the original files, byte for byte"
    for flag, shown in (("--preserve-files", text), ("--byte-exact", argparse.SUPPRESS)):  # the old name, until 0.2
        parser.add_argument(flag, dest="byte_exact", action="store_true", help=shown)
    parser.add_argument("--lossy", action="store_true", help="keep no residue; recovery as in the paper, not exact")
    parser.add_argument("--dry-run", action="store_true", help="print splits, classes and texts, and stop")
    parser.add_argument("--contact", metavar="TEXT", help="whom to ask for access; published in the release's README")
    parser.add_argument(
        "--on-error", default="refuse", choices=("refuse", "skip"),
        help="images that cannot be read: refuse (default), or skip, that is leave them out and list them",
    )  # fmt: skip
    add_image_format(parser)
    add_max_pixels(parser)
    parser.add_argument("--restart", action="store_true", help="discard an unfinished run")
    parser.add_argument("--device", default="cpu", help="cpu (default) or cuda")
    add_workers(parser)
    chosen = parser.add_argument_group(f"options of {scheme.name}{_chosen(scheme)}")
    for name, option in scheme.options().items():
        _scheme_option(chosen, name, option)
    parser.set_defaults(scheme_options=("perturb", "hide", *scheme.options()))


def refuse_option(words: Sequence[str], strange: Sequence[str]) -> None:
    """Raise a :class:`UsageError` that names the scheme or method to which an unknown option belongs."""
    for word in strange:
        if word.startswith("--") and word != "--":
            scheme_in(words).with_options({word[2:].partition("=")[0].removeprefix("no-").replace("-", "_"): True})


def of_scheme(options: argparse.Namespace) -> dict[str, Any]:
    """The options that belong to the scheme, as arguments of :func:`ripguard.api.protect`."""
    own = {name: getattr(options, name) for name in options.scheme_options}
    return own | {name: getattr(options, name) for name in ("scheme", "lossy", "byte_exact", "device")}


def _likeness(psnr: float, ssim: float | None) -> str:
    return f"PSNR {psnr:.2f} dB" + (f", SSIM {ssim:.3f} (sampled)" if ssim is not None else "")


def run(options: argparse.Namespace) -> int:
    key = key_of(options)
    api.choose_scheme(**of_scheme(options))  # wrong options are refused before the source is read
    source = read(options)
    about = api.check(source, images=False, image_format=options.image_format, **of_scheme(options))
    before = [*summary(about), *growth(about, options.image_format)]
    if options.dry_run:
        show(options, about.as_dict(), [about.source, *(f"  {line}" for line in before), *refusals(about)])
        return InputRefused.exit_code if about.refused else 0
    if not options.quiet:
        tell(f"ripguard: {about.source}", *(f"  {line}" for line in before))
    result = api.protect(
        source, options.out, key, sign_key=options.sign_key, limit=options.limit, seed=options.seed,
        restart=options.restart, workers=options.workers, contact=options.contact or "",
        on_error=options.on_error, max_pixels=options.max_pixels, image_format=options.image_format,
        **of_scheme(options),
    )  # fmt: skip
    promise = "restores bit for bit" if result.exact else "LOSSY: restores approximately, not exactly"
    lines = [
        f"{result.images} images protected in {result.out} ({promise})",
        f"  key {result.key_id}, dataset {result.dataset_id}, signed by {result.signer or 'nobody (no signing key)'}",
        f"  residue {result.residue_per_image} bytes an image, low planes used {result.planes}, "
        f"{result.without_residue} images need none, {result.in_residue_only} carry no record themselves",
    ]
    published, own = readable(result.published_bytes), readable(result.source_bytes)
    lines.append(f"  {published} of {FORMAT_NAMES[result.image_format]} files, {own} in the source")
    if result.psnr_to_clean is not None:
        lines.append(f"  median to the clean images: {_likeness(result.psnr_to_clean, result.ssim_to_clean)}")
    if result.psnr_to_carrier is not None:
        lines.append(f"  median to the carriers: {_likeness(result.psnr_to_carrier, result.ssim_to_carrier)}")
    if result.tinted:
        lines.append(
            f"  {result.gray} gray images are published in color and restored as gray (--no-gray-as-rgb: stay gray)"
        )
    lines += [f"  {line}" for line in [*whole_files(result.whole), *unchanged(result.unchanged)]]
    if result.metadata:
        kinds = ", ".join(f"{kind} in {count}" for kind, count in result.metadata.items())
        why = "--preserve-files keeps whole files" if result.exact else "--lossy keeps no files"
        lines.append(f"  {'metadata ' if result.exact else ''}not kept: {kinds} images ({why})")
    lines += some("  left out: {name}: {why}", [{"name": name, "why": why} for name, why in result.skipped.items()])
    show(options, result.as_dict(), lines)
    return 0
