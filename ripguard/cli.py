"""The command line: parse, call, print. Every verb takes ``--json``; messages go to stderr, results to stdout."""

from __future__ import annotations

import argparse
import dataclasses
import io
import json
import os
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ripguard import __version__, api
from ripguard.errors import (
    LISTED,
    READER_GONE,
    Damaged,
    RipguardError,
    StorageError,
    UsageError,
    VerifyFailed,
    as_refusal,
    keep_streams,
    reader_gone,
    shown,
    tell,
    written,
)
from ripguard.memory import no_core_dumps
from ripguard.methods.params import Option
from ripguard.methods.registries import HIDINGS, PERTURBATIONS
from ripguard.numbers import not_negative, positive
from ripguard.passphrase import ask_new
from ripguard.release.manifest import refuse_inside_release
from ripguard.release.signers import ANY
from ripguard.release.signers import VARIABLE as SIGNER_VARIABLE
from ripguard.schemes import find, names
from ripguard.schemes.base import Scheme
from ripguard.train.protocols import PROTOCOLS

KEY_VARIABLE = "RIPGUARD_KEY_FILE"


def main(arguments: list[str] | None = None) -> int:
    """Run one command; returns the exit code (``docs/exit-codes.md``)."""
    no_core_dumps()
    keep_streams()
    for stream in (sys.stdout, sys.stderr):  # names of files need not be text
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    words = list(sys.argv[1:] if arguments is None else arguments)
    options = argparse.Namespace(json="--json" in words)
    try:
        options = parse(words)
        _refuse_odd_texts(options)
        code = options.run(options)
        written()
        return code
    except KeyboardInterrupt:
        tell("ripguard: interrupted; repeat the command to continue")
        return 130
    except Exception as error:
        if isinstance(error, BrokenPipeError) and reader_gone():
            return READER_GONE
        refusal = as_refusal(error)
        if refusal is None and isinstance(error, OSError):  # a library's, that the system has no number for
            refusal = StorageError(str(error))
        if refusal:
            return _complain(options, refusal)
        tell(*traceback.format_exc().splitlines(), "ripguard: this is a defect, please report the lines above")
        return 1  # shown is where, but never a local variable


def parse(words: Sequence[str]) -> argparse.Namespace:
    """Options of one command. Ends the process for what the parser refuses; raises :class:`UsageError` for the rest."""
    parser = build_parser(words)
    options, strange = parser.parse_known_args(words)
    if strange and options.verb == "protect":
        for word in strange:
            if word.startswith("--") and word != "--":
                name = word[2:].partition("=")[0].removeprefix("no-").replace("-", "_")
                _scheme_in(words).with_options({name: True})  # says whose option that is
    if strange:
        parser.error(f"unrecognized arguments: {' '.join(strange)}")
    return options


def _refuse_odd_texts(options: argparse.Namespace) -> None:
    """An empty value is a variable that was not set: taken for "not given" it would switch a check off, or mean the
    working directory. No name of a file holds NUL or half characters.
    """
    for name, value in vars(options).items():
        for text in value if isinstance(value, (list, tuple)) else [value]:
            if isinstance(text, str):
                if not text:
                    raise UsageError(
                        f"{name.replace('_', '-')}: expected a value, got an empty one", "is a variable unset?"
                    )
                try:
                    odd = b"\0" in os.fsencode(text)
                except UnicodeEncodeError:
                    odd = True
                if odd:
                    raise UsageError(f"{name.replace('_', '-')}: no name can hold a NUL character, or half of one")


def _complain(options: argparse.Namespace, error: RipguardError) -> int:
    if getattr(options, "json", False):
        told = {"error": error.code, "message": error.message, "hint": error.hint, "exit_code": error.exit_code}
        try:
            print(json.dumps(told), flush=True)
        except BrokenPipeError:
            reader_gone()
    tell(f"ripguard: error: {error.message}")
    if error.hint:
        tell(f"ripguard: hint: {error.hint}")
    return error.exit_code


def build_parser(words: Sequence[str] = ()) -> argparse.ArgumentParser:
    """All verbs and options; of `protect` those that the scheme, perturbation and hiding method in ``words`` have.

    Raises:
        UsageError: one of these does not exist.
    """
    parser = argparse.ArgumentParser(
        prog="ripguard",
        description="Publish an image data set that ordinary training learns next to nothing from; "
        "your key turns it back exactly.",
        epilog="A first round: ripguard keygen --out my.key; ripguard protect photos protected --key-file my.key; "
        "ripguard restore protected restored --key-file my.key",
    )
    parser.add_argument("--version", action="version", version=f"ripguard {__version__}")
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB")
    _keygen(verbs)
    _protect(verbs, _scheme_in(words if "protect" in words[:1] else ()))
    _restore(verbs)
    _verify(verbs)
    _inspect(verbs)
    _report(verbs)
    _train(verbs)
    _gc(verbs)
    _data(verbs)
    _methods(verbs)
    return parser


def _verb(verbs: Any, name: str, run: Any, help: str, description: str = "") -> argparse.ArgumentParser:
    # no abbreviations: --surrogate would mean --surrogate-share where a scheme has that alone
    parser = verbs.add_parser(name, help=help, description=description or help, allow_abbrev=False)
    parser.add_argument("--json", action="store_true", help="print the result as one JSON object")
    parser.set_defaults(run=run)
    return parser


def _key_option(parser: argparse.ArgumentParser, required: bool = True) -> None:
    text = f"file that holds the restore key ('-': standard input; default: the file named by {KEY_VARIABLE})"
    parser.add_argument("--key-file", metavar="K", default=os.environ.get(KEY_VARIABLE) or None, help=text)
    parser.set_defaults(key_required=required)


def _key(options: argparse.Namespace) -> Any:
    """The key file that was named; None where none is needed."""
    if not options.key_file and options.key_required:
        raise UsageError(
            "no key", f"name it with --key-file K or {KEY_VARIABLE}; make one with ripguard keygen --out K"
        )
    return options.key_file


def _signer_option(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--signer", metavar="F",
        help=f"fingerprint that must have signed the release, or '{ANY}' (default: the one named by {SIGNER_VARIABLE}, "
        "else a signer of this key's releases so far, as listed in K.signers)",
    )  # fmt: skip


def _workers(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--workers", type=positive, default=os.cpu_count() or 1, metavar="W", help="processes (default: cores)"
    )


def _names(text: str) -> tuple[str, ...]:
    names = tuple(name for name in text.split(",") if name)
    if not names:
        raise argparse.ArgumentTypeError(f"expected names joined by commas, got {text!r}")
    return names


def _print(options: argparse.Namespace, result: dict[str, Any], lines: list[str]) -> None:
    print(json.dumps(result) if options.json else "\n".join(map(shown, lines)))


def _listed(found: dict[str, Any]) -> list[str]:
    """One line a name, as ``--json`` calls it; values as people read them."""
    width = max(map(len, found))
    return [f"{name:{width}}  {_said(value)}" for name, value in found.items()]


def _some(form: str, rows: list[dict[str, str]]) -> list[str]:
    """The first rows as lines, and how many more there are."""
    more = [f"  … and {len(rows) - LISTED} more"] if len(rows) > LISTED else []
    return [form.format(**row) for row in rows[:LISTED]] + more


def _said(value: object, inside: bool = False) -> str:
    """``inside`` a list or a table there are brackets round others, and no commas in numbers."""
    if isinstance(value, (dict, list, tuple)):
        own = [_said(one, True) for one in (value.values() if isinstance(value, dict) else value)]
        names = [f"{_said(name, True)} " for name in value] if isinstance(value, dict) else [""] * len(own)
        told = ", ".join(name + one for name, one in zip(names, own)) or "none"
        return f"({told})" if inside and own else told
    if value is None or isinstance(value, bool):
        return {None: "not set", True: "yes", False: "no"}[value]
    if isinstance(value, str):  # a stranger's release: no control characters, no name that looks like two
        return value if value.isprintable() and not (inside and "," in value) else json.dumps(value)
    return f"{value:,}" if isinstance(value, int) and not inside else str(value)


# --- keygen -----------------------------------------------------------------------------------------------------------


def _keygen(verbs: Any) -> None:
    p = _verb(
        verbs, "keygen", run_keygen, "make a restore key, and a signing key beside it",
        "Writes K (restores) and K.sign (signs releases), readable by you alone. Back both up; never publish them.",
    )  # fmt: skip
    p.add_argument("--out", required=True, metavar="K", help="file to write; never overwritten")
    p.add_argument(
        "--passphrase", action="store_true",
        help="lock both with a passphrase: typed, or taken from the file named by RIPGUARD_PASSPHRASE_FILE",
    )  # fmt: skip


def run_keygen(options: argparse.Namespace) -> int:
    refuse_inside_release(Path(options.out))  # before a passphrase is typed
    made = api.keygen(options.out, ask_new() if options.passphrase else None)
    lines = [
        f"restore key  {made.key_file}  (id {made.key_id})",
        f"signing key  {made.signing_key_file}  ({made.signer})",
    ]
    _print(options, dataclasses.asdict(made), lines)
    return 0


# --- protect ----------------------------------------------------------------------------------------------------------


def _scheme_in(words: Sequence[str]) -> Scheme:
    """The scheme that is asked for, by the three options that decide which others there are."""
    first = argparse.ArgumentParser(add_help=False, allow_abbrev=False, exit_on_error=False)
    for name in ("--scheme", "--perturb", "--hide"):
        first.add_argument(name)
    try:
        asked = vars(first.parse_known_args([word for word in words if word not in ("-h", "--help")])[0])
    except argparse.ArgumentError:  # the whole parser will say what is wrong
        asked = {}
    scheme = find(asked.pop("scheme", None) or "mrit")
    return scheme.with_options({name: value for name, value in asked.items() if value is not None})


def _chosen(scheme: Scheme) -> str:
    made = scheme.to_json()
    parts = [made[axis]["method"] for axis in ("perturb", "hide") if axis in made]
    return f" ({' and '.join(parts)})" if parts else ""


def _scheme_option(group: Any, name: str, option: Option) -> None:
    """One option of a scheme as an argument; without it the scheme keeps its own."""
    text = option.help
    if (
        option.kind is str
        and option.choices
        and not set(map(str, option.choices)) & set(text.replace(",", " ").split())
    ):
        text += f": {', '.join(option.choices)}"
    if option.default not in (None, (), False) and "default" not in text:
        usual = ",".join(map(str, option.default)) if option.many else option.default
        text += f" (default {usual})"
    flag, text = f"--{name.replace('_', '-')}", text.replace("%", "%%")
    if option.kind is bool:
        group.add_argument(flag, action=argparse.BooleanOptionalAction, help=text)
    elif option.many and option.repeat:
        group.add_argument(flag, action="append", metavar="PATH", help=text)
    else:
        group.add_argument(flag, type=_names if option.many else option.kind, help=text)


def _protect(verbs: Any, scheme: Scheme) -> None:
    notes = "; ".join(f"{name}: {note}" for name, note in api.list_schemes().items())
    p = _verb(
        verbs, "protect", run_protect, "make a protected release of a data set",
        f"SRC is a folder of pictures or a data set name (ripguard data list). OUT appears when every picture in "
        f"it was restored once from disk and compared. The same command continues a killed run. Schemes: {notes}.",
    )  # fmt: skip
    p.add_argument("source", metavar="SRC", help="folder, photos, cifar10, tinyimagenet[:second|:all|:wnid,…]")
    p.add_argument("out", metavar="OUT", help="folder to make")
    _key_option(p)
    p.add_argument("--sign-key", metavar="S", help="signing key file (default: K.sign where it exists)")
    p.add_argument("--scheme", default="mrit", help=f"one of {', '.join(names())} (default: mrit)")
    p.add_argument("--perturb", help=f"another perturbation: {', '.join(PERTURBATIONS)}")
    p.add_argument("--hide", help=f"another hiding method: {', '.join(HIDINGS)}")
    chosen = p.add_argument_group(
        "options of the scheme", f"of {scheme.name}{_chosen(scheme)}; others have others: ripguard methods"
    )
    for name, option in scheme.options().items():
        _scheme_option(chosen, name, option)
    p.add_argument("--labels", metavar="CSV", help="columns path,label[,split] instead of class folders")
    p.add_argument("--limit", type=positive, metavar="N", help="only N pictures, taken evenly from all classes")
    p.add_argument(
        "--seed", type=not_negative, default=0, metavar="S", help="seed of the surrogate and of all that is drawn"
    )
    p.add_argument("--byte-exact", action="store_true", help="give the original files back, byte for byte")
    p.add_argument("--lossy", action="store_true", help="the paper's recovery: no residue, and not exact")
    p.add_argument("--restart", action="store_true", help="throw away an unfinished run")
    p.add_argument("--device", default="cpu", help="where the perturbation runs: cpu or cuda")
    _workers(p)


NOT_OF_SCHEME = {
    "verb", "json", "run", "source", "out", "key_file", "key_required", "sign_key", "scheme", "labels", "limit", "seed",
    "lossy", "byte_exact", "restart", "device", "workers",
}  # fmt: skip


def of_scheme(options: argparse.Namespace) -> dict[str, Any]:
    """What of the options of `protect` is the scheme's, for :func:`ripguard.api.protect`."""
    own = {name: value for name, value in vars(options).items() if name not in NOT_OF_SCHEME}
    return own | {name: getattr(options, name) for name in ("scheme", "lossy", "byte_exact", "device")}


def run_protect(options: argparse.Namespace) -> int:
    result = api.protect(
        options.source, options.out, _key(options), sign_key=options.sign_key, labels=options.labels,
        limit=options.limit, seed=options.seed, restart=options.restart, workers=options.workers, **of_scheme(options),
    )  # fmt: skip
    promise = "restores bit for bit" if result.exact else "LOSSY: restores roughly, outside the exactness promise"
    lines = [
        f"{result.pictures} pictures protected in {result.out} ({promise})",
        f"  key {result.key_id}, data set {result.dataset_id}, signed by {result.signer or 'nobody (no signing key)'}",
        f"  residue {result.residue_per_picture} bytes a picture, low planes used {result.planes}, "
        f"{result.without_residue} pictures need none, {result.in_residue_only} too small to carry their record",
    ]
    if result.psnr_to_carrier is not None:
        lines.append(f"  median PSNR to the carrier {result.psnr_to_carrier:.2f} dB, SSIM {result.ssim_to_carrier}")
    if result.tinted:
        lines.append(
            f"  {result.grey} grey pictures are published in colour, and come back grey (--no-tint keeps them grey)"
        )
    if result.metadata:
        kinds = ", ".join(f"{kind} in {count}" for kind, count in result.metadata.items())
        lines.append(f"  beside the samples, and not kept: {kinds} pictures (--byte-exact keeps whole files)")
    if result.ignored:
        lines.append(f"  left out: {len(result.ignored)} hidden files ({result.ignored[0]} …)")
    _print(options, dataclasses.asdict(result), lines)
    return 0


# --- restore ----------------------------------------------------------------------------------------------------------


def _restore(verbs: Any) -> None:
    p = _verb(
        verbs, "restore", run_restore, "get the clean pictures back, exactly",
        "PATH is a release, a part of one, or loose pictures under any name. Of a release every picture comes back "
        "at its place in the manifest, and exit code 0 means that all are there. What cannot be restored exactly, or "
        "is missing, is listed; OUT holds only exact pictures and appears when the run is over.",
    )  # fmt: skip
    p.add_argument("paths", nargs="+", metavar="PATH")
    p.add_argument("out", metavar="OUT", help="folder to make")
    _key_option(p)
    p.add_argument("--release", metavar="R", help="the release that loose pictures come from (holds their residue)")
    p.add_argument("--only", metavar="GLOB", help="only pictures whose path matches, e.g. 'train/cat/*'")
    p.add_argument(
        "--loose", action="store_true",
        help="take pictures of a release under the names they have; labels and completeness are not checked",
    )  # fmt: skip
    p.add_argument("--require-release", action="store_true", help="refuse pictures that lie in no release")
    _signer_option(p)
    _workers(p)


def run_restore(options: argparse.Namespace) -> int:
    result = api.restore(
        options.paths, options.out, _key(options), options.release, options.only, options.workers, options.signer,
        options.loose, options.require_release,
    )  # fmt: skip
    exact = "bit for bit" if result.exact else "roughly (lossy release)"
    lines = [f"{result.restored} pictures restored {exact} in {result.out}"]
    if result.checked:
        by = result.signer or "nobody"
        lines.append(f"  names and completeness checked against {result.release}, signed by {by}")
    else:
        lines.append("  no release around: labels and completeness are NOT checked")
    lines += _some("  refused ({code}): {message}", result.refused)
    moved = [{"from": file, "to": place} for file, place in result.moved]
    lines += _some("  back at its place: {to} (was {from})", moved)
    lines += _some("  left out, no picture of the release: {file}", [{"file": file} for file in result.left_out])
    data = {
        "out": result.out, "restored": result.restored, "exact": result.exact, "refused": result.refused,
        "release": result.release or None, "checked": result.checked, "signer": result.signer, "moved": moved,
        "left_out": result.left_out,
    }  # fmt: skip
    _print(options, data, lines)
    if result.refused:
        tell(f"ripguard: error: {len(result.refused)} files were refused")
        return result.first_error.exit_code if result.first_error else Damaged.exit_code
    return 0


# --- verify -----------------------------------------------------------------------------------------------------------


def _verify(verbs: Any) -> None:
    p = _verb(
        verbs, "verify", run_verify, "check a release against its manifest, key, source and signer",
        "Without a key: every file against the manifest. With --key-file: also restores every picture in memory and "
        "checks it. With --against: also compares the restored pictures with the source, sample by sample.",
    )  # fmt: skip
    p.add_argument("release", metavar="RELEASE")
    _key_option(p, required=False)
    p.add_argument("--against", metavar="SRC", help="the source it was made from (needs a key)")
    p.add_argument("--labels", metavar="CSV", help="the labels file that protect was given")
    _signer_option(p)
    _workers(p)


def run_verify(options: argparse.Namespace) -> int:
    report = api.verify(
        options.release, _key(options), against=options.against, labels=options.labels, signer=options.signer,
        workers=options.workers,
    )  # fmt: skip
    data = report.as_dict()
    lines = [f"{report.pictures} pictures checked, signed by {report.signer or 'nobody'}"]
    if report.restored is not None:
        lines.append(f"{report.restored} / {report.pictures} restore with this key")
    if report.equal_to_source is not None:
        lines.append(f"{report.equal_to_source} / {report.pictures} restored pictures equal the source bit for bit")
    for name in (
        "missing", "extra", "renamed", "changed", "swapped", "residue", "annotations", "unreadable", "unlisted",
        "differs", "reencoded",
    ):  # fmt: skip
        lines += [f"  {name}: {path}" for path in data[name][:LISTED]]
        if len(data[name]) > LISTED:
            lines.append(f"  {name}: … and {len(data[name]) - LISTED} more")
    lines.append("ok" if report.ok else "NOT ok")
    _print(options, data, lines)
    return 0 if report.ok else VerifyFailed.exit_code


# --- inspect ----------------------------------------------------------------------------------------------------------


def _inspect(verbs: Any) -> None:
    p = _verb(verbs, "inspect", run_inspect, "show what a release or a picture says of itself; no key needed")
    p.add_argument("path", metavar="PATH", help="a release folder or one picture")


def run_inspect(options: argparse.Namespace) -> int:
    found = api.inspect(options.path).as_dict()
    _print(options, found, _listed(found))
    return 0


# --- report -----------------------------------------------------------------------------------------------------------


def _report(verbs: Any) -> None:
    p = _verb(
        verbs, "report", run_report, "measure a release: likeness, surrogate, residue, equality of restored pictures"
    )
    p.add_argument("release", metavar="RELEASE")
    p.add_argument("--against", required=True, metavar="SRC", help="the source it was made from")
    p.add_argument("--labels", metavar="CSV", help="the labels file that protect was given")
    p.add_argument("--restored", metavar="DIR", help="folder that restore wrote: compared with SRC sample by sample")
    p.add_argument("--surrogate", metavar="PATH", help="count what this surrogate says of the protected pictures")
    p.add_argument("--grid", metavar="PNG", help="also draw clean | protected | restored")
    _signer_option(p)
    _workers(p)


def run_report(options: argparse.Namespace) -> int:
    data = api.report(
        options.release, options.against, labels=options.labels, restored=options.restored,
        surrogate=options.surrogate, grid=options.grid, signer=options.signer, workers=options.workers,
    )  # fmt: skip
    _print(options, data, _listed(data))
    if data["damaged"]:
        tell(f"ripguard: error: {len(data['damaged'])} published pictures are damaged, and were left out")
        return VerifyFailed.exit_code
    if options.restored and data["restored_equal"] != data["pictures"] and data["exact"] != "no (lossy)":
        return VerifyFailed.exit_code
    return 0


# --- train ------------------------------------------------------------------------------------------------------------


def _train(verbs: Any) -> None:
    p = _verb(
        verbs, "train", run_train, "train a net on the clean pictures behind a release, restored in memory",
        "Needs the key. No clean picture is written to disk. Protocols and models: docs/reproduction.md.",
    )  # fmt: skip
    p.add_argument("release", metavar="RELEASE")
    _key_option(p)
    p.add_argument("--out", default="model.pt", metavar="PT", help="file to write (default: model.pt)")
    p.add_argument("--protocol", default="fast", help=f"one of {', '.join(PROTOCOLS)} (default: fast)")
    p.add_argument("--model", help="instead of the protocol's own: resnet18, vgg16-bn, densenet121 …")
    p.add_argument("--epochs", type=positive, help="instead of the protocol's own")
    p.add_argument(
        "--seed", type=not_negative, default=0, metavar="S", help="of weights, order and augmentation (default 0)"
    )
    p.add_argument("--device", default="cpu", help="cpu (default) or cuda")
    _signer_option(p)


def run_train(options: argparse.Namespace) -> int:
    done = api.train(
        options.release, _key(options), options.out, protocol=options.protocol, model=options.model,
        epochs=options.epochs, seed=options.seed, device=options.device, signer=options.signer,
    )  # fmt: skip
    tested = "" if done["test_accuracy"] is None else f", test {done['test_accuracy']:.2f} %"
    lines = [f"{done['out']}: {done['model']}, train accuracy {done['train_accuracy']:.2f} %{tested}"]
    _print(options, done, lines)
    return 0


# --- gc ---------------------------------------------------------------------------------------------------------------


def _gc(verbs: Any) -> None:
    p = _verb(
        verbs, "gc", run_gc, "move aside what killed runs left in and beside a release",
        "Moves temporary files, and residue that no manifest names, into a folder beside the release, which you may "
        "remove once the release restores. Pictures, also unknown ones, are never touched: ripguard verify lists them. "
        "The release must be signed, or its key named.",
    )  # fmt: skip
    p.add_argument("release", metavar="RELEASE", help="a release, or the output of a run that never finished")
    p.add_argument("--unfinished", action="store_true", help="also drop an unfinished run, which could be continued")
    p.add_argument("--dry-run", action="store_true", help="only list")
    _key_option(p, required=False)
    _signer_option(p)


def run_gc(options: argparse.Namespace) -> int:
    found = api.collect_garbage(
        options.release, _key(options), unfinished=options.unfinished, dry_run=options.dry_run, signer=options.signer
    )
    total = sum(one.bytes for one in found)
    rows = [
        {"path": str(one.path), "kind": one.kind, "bytes": one.bytes, "moved_to": str(one.moved_to or "") or None}
        for one in found
    ]
    verb = "would go" if options.dry_run else "gone"
    lines = [
        f"{one.kind:10} {one.path} ({one.bytes:,} bytes)" + (f" → {one.moved_to}" if one.moved_to else "")
        for one in found
    ]
    data = {"removed": not options.dry_run, "files": rows, "bytes": total}
    _print(options, data, [*lines, f"{len(rows)} {verb}, {total:,} bytes"])
    return 0


# --- data -------------------------------------------------------------------------------------------------------------


def _data(verbs: Any) -> None:
    p = verbs.add_parser("data", help="list the data sets ripguard knows, or export one as a folder tree")
    actions = p.add_subparsers(dest="action", required=True, metavar="ACTION")
    _verb(actions, "list", run_data_list, "names of data sets")
    q = _verb(actions, "export", run_data_export, "copy a data set as OUT/<split>/<class>/<picture>")
    q.add_argument("name", metavar="NAME")
    q.add_argument("out", metavar="OUT")


def run_data_list(options: argparse.Namespace) -> int:
    notes = api.list_datasets()
    _print(options, notes, [f"{name:14} {note}" for name, note in notes.items()])
    return 0


def run_data_export(options: argparse.Namespace) -> int:
    count = api.export(options.name, options.out)
    _print(options, {"out": options.out, "pictures": count}, [f"{count} pictures in {options.out}"])
    return 0


# --- methods ----------------------------------------------------------------------------------------------------------


def _methods(verbs: Any) -> None:
    p = _verb(verbs, "methods", run_methods, "list schemes, perturbations and hiding methods, or what one can be told")
    p.add_argument("name", metavar="NAME", nargs="?", help="one of them: its options")


def run_methods(options: argparse.Namespace) -> int:
    found = api.list_methods()
    if options.name:
        about = api.describe_method(options.name)
        rows = [f"--{name.replace('_', '-'):18} {one['help']}" for name, one in about["options"].items()]
        kinds = ", ".join(f"{name}: {note}" for name, note in about["is"].items())
        _print(options, about, [f"{options.name}, {kinds}", *(rows or ["it has no options"])])
        return 0
    lines = [line for kind, some in found.items() for line in (f"{kind}:", *(f"  {n:18} {t}" for n, t in some.items()))]
    _print(options, found, lines)
    return 0
