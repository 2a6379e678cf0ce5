"""The use cases: what the command line, experiments, notebooks and other programs call.

::

    import ripguard

    ripguard.keygen("my.key")
    ripguard.protect("photos", "out", "my.key", scheme="balanced", limit=60)
    ripguard.restore("out", "again", "my.key")

Paths may be strings. A key is a :class:`Key` or the path of its file;
restoring takes any :class:`KeyRing`. Everything that can be refused ends in a
:class:`RipguardError`, whose text carries a hint; a missing optional library is one of them. What is imported for a
use case is imported when it is called: restoring needs no torch.

``progress`` is called with a :class:`ripguard.progress.Progress` at every step; without it, bars are drawn where
standard error is a terminal.
"""

from __future__ import annotations

import dataclasses
import operator
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ripguard.crypto.keyfile import holds_key
from ripguard.crypto.keys import Key, KeyRing
from ripguard.crypto.passphrase import VARIABLE as PASSPHRASE_VARIABLE
from ripguard.crypto.private import write_private
from ripguard.crypto.signing import SigningKey, fingerprint
from ripguard.errors import KeyFileError, OutputRefused, UsageError, refusing
from ripguard.executor import Executor, Local
from ripguard.progress import Progress, reported_to

if TYPE_CHECKING:
    from ripguard.benchmark.own import Evaluation
    from ripguard.data.source import Source
    from ripguard.methods.registry import Registry
    from ripguard.release.gc import Litter
    from ripguard.release.inspect import Facts
    from ripguard.release.protect import Protected
    from ripguard.release.restore import Restored
    from ripguard.release.verify import Report
    from ripguard.schemes.base import Scheme

__all__ = [
    "GeneratedKeys", "choose_scheme", "collect_garbage", "describe_method", "evaluate", "export", "inspect", "keygen",
    "list_datasets", "list_methods", "list_schemes", "protect", "report", "restore", "train", "verify",
]  # fmt: skip

Callback = Callable[[Progress], Any]
AnyPath = str | os.PathLike[str]


@dataclass(frozen=True)
class GeneratedKeys:
    """What :func:`keygen` made. ``key_id`` and ``signer`` are public."""

    key_file: str
    key_id: str
    signing_key_file: str
    signer: str


@refusing()
def keygen(out: AnyPath, passphrase: str | None = None) -> GeneratedKeys:
    """Make a restore key, and a signing key beside it, in ``<out>.sign``; both are readable by you alone.

    Args:
        passphrase: locks both.

    Raises:
        KeyFileError: a file of that name exists, or it would lie inside a release.
        StorageError: the disk is full, or fails.
    """
    from ripguard.release.find import refuse_inside_release

    place = os.fspath(out)
    refuse_inside_release(Path(place))
    key, signing = Key.generate(), SigningKey.generate()
    write_private((place, key.text(passphrase)), (place + ".sign", signing.text(passphrase)))
    return GeneratedKeys(place, key.id.hex(), place + ".sign", fingerprint(signing.public))


@refusing()
def protect(
    source: AnyPath | Source,
    out: AnyPath,
    key: Key | AnyPath,
    *,
    scheme: str = "mrit",
    sign_key: SigningKey | AnyPath | None = None,
    labels: AnyPath | None = None,
    limit: int | None = None,
    seed: int = 0,
    lossy: bool = False,
    byte_exact: bool = False,
    restart: bool = False,
    device: str = "cpu",
    workers: int | None = None,
    executor: Executor | None = None,
    progress: Callback | None = None,
    **options: Any,
) -> Protected:
    """Make a protected release of a dataset.

    The release appears at ``out`` when every image in it was restored once from disk and compared. The same call
    continues a run that was killed.

    Args:
        source: a dataset by name (``photos``, ``cifar10``, ``tinyimagenet:second``), a folder (also ``folder:PATH``),
            or a :class:`ripguard.data.source.Source`.
        sign_key: signs the release; None: the file ``<key file>.sign``, where it exists.
        labels: CSV file with the columns ``path,label`` and perhaps ``split``, instead of class folders.
        limit: only so many images, taken evenly from all classes.
        seed: of all that is drawn.
        lossy: keep no residue: the paper's recovery, which is not exact.
        byte_exact: give the original files back, byte for byte.
        restart: throw an unfinished run away.
        device: where the perturbation is computed, ``cpu`` or ``cuda``.
        workers: processes; None: one for each core. executor: where images are protected, instead of such processes.
        options: of the scheme, its perturbation and its hiding method, by name: ``perturb="tap", eps=0.05``.

    Raises:
        UsageError: an option that does not exist, or would change nothing.
        InputRefused, OutputRefused, KeyFileError, StorageError: nothing was published.
    """
    from ripguard.data.registry import as_source
    from ripguard.release.capacity import check_capacity
    from ripguard.release.plan import make_plan
    from ripguard.release.prepare import prepare
    from ripguard.release.protect import precheck, refuse_secrets
    from ripguard.release.protect import protect as run
    from ripguard.schemes.base import Run
    from ripguard.store.atomic import drop_empty

    _refuse_empty(source=source, out=out, key=key, sign_key=sign_key, labels=labels)
    limit, seed = _whole("limit", limit, 1), _whole("seed", seed, 0) or 0
    chosen = choose_scheme(scheme, lossy=lossy, byte_exact=byte_exact, device=device, **options)
    workers = _workers(workers)
    executor = executor or Local(workers)
    owner, key_file = _opened(key)
    if not isinstance(owner, Key):
        raise KeyFileError("protecting needs the owner's whole key")
    signing, sign_file = _signing_key(sign_key, key_file)
    found, place = as_source(source, labels), Path(os.path.abspath(out))
    secret = [file for file in (key_file, sign_file, os.environ.get(PASSPHRASE_VARIABLE)) if file]
    with reported_to(progress):
        refuse_secrets(found, secret)
        made = precheck(found.roots, place, secret)
        try:
            plan = make_plan(found, chosen, seed, lossy, byte_exact, limit, workers)
            model = plan.scheme.model(list(plan.training), seed)
            check_capacity(plan, Run(device, lossy, model))
            ready = prepare(plan, device, workers, model)
            plan = plan.aimed(ready.digest)
            result = run(plan, ready, owner, place, signing, executor, restart, found.roots, model)
        except BaseException:
            drop_empty(made)
            raise
    return dataclasses.replace(
        result, surrogate=next(iter(ready.fitted.files), ""), ignored=found.ignored, metadata=plan.metadata,
        tinted=plan.tinted, gray=sum(image.shape[2] == 1 for image in plan.images) if plan.tinted else 0,
    )  # fmt: skip


def choose_scheme(
    scheme: str = "mrit", *, lossy: bool = False, byte_exact: bool = False, device: str = "cpu", **options: Any
) -> Scheme:
    """A scheme with its options, as :func:`protect` takes it; nothing is read. An option that is None is not given.

    Raises:
        UsageError: an option that does not exist, or would change nothing, which is a mistake of whoever gives it.
    """
    from ripguard.schemes import find

    chosen = find(scheme).with_options({name: value for name, value in options.items() if value is not None})
    if lossy and byte_exact:
        raise UsageError("--lossy and --preserve-files contradict each other")
    chosen = chosen.promised(lossy, byte_exact)
    if device != "cpu":
        from ripguard.precision import check_device

        check_device(device)
    return chosen


@refusing()
def restore(
    paths: AnyPath | Sequence[AnyPath],
    out: AnyPath,
    key: KeyRing | AnyPath,
    release: AnyPath | None = None,
    only: str | None = None,
    workers: int | None = None,
    signer: str | None = None,
    loose: bool = False,
    require_release: bool = False,
    executor: Executor | None = None,
    progress: Callback | None = None,
) -> Restored:
    """Get clean images back, exactly: see :func:`ripguard.release.restore.restore`.

    Args:
        paths: a release, parts of one, or loose protected images; one path or several.
        key: the owner's; also that of a release or of one unit, which then restores that unit alone.
        workers: processes; None: one for each core. executor: where images are restored, instead of such processes.

    Returns:
        What came back and what did not. Images that could not be restored are listed in ``refused``, not raised.
    """
    from ripguard.release.restore import restore as run

    several = [paths] if isinstance(paths, str | os.PathLike) else list(paths)
    _refuse_empty(out=out, key=key, release=release, only=only, signer=signer)
    for path in several:
        _refuse_empty(paths=path)
    if not several:
        raise UsageError("there is nothing to restore: no path was named")
    with reported_to(progress):
        return run(
            [Path(path) for path in several], Path(out), _opened(key)[0], Path(release) if release else None, only,
            executor or Local(_workers(workers)), signer, loose, require_release,
        )  # fmt: skip


@refusing()
def verify(
    release: AnyPath,
    key: KeyRing | AnyPath | None = None,
    *,
    against: AnyPath | Source | None = None,
    labels: AnyPath | None = None,
    signer: str | None = None,
    workers: int | None = None,
    executor: Executor | None = None,
    progress: Callback | None = None,
) -> Report:
    """Check a release against its manifest; with a key also restore every image in memory and check that.

    Args:
        against: the source it was made from: restored images are compared with it, sample by sample; needs a key.
        labels: the labels file that :func:`protect` was given.
        signer: fingerprint that must have signed the release.

    Returns:
        What was found; ``report.ok`` if there is nothing to complain about.
    """
    from ripguard.data.registry import as_source
    from ripguard.release.verify import verify as run

    _refuse_empty(release=release, key=key, against=against, labels=labels, signer=signer)
    if against is not None and key is None:
        raise UsageError("comparing with the source needs a key", "add --key-file K")
    if labels and against is None:
        raise UsageError("--labels says how the source is labelled, and no source is named", "add --source SRC")
    source = None if against is None else as_source(against, labels)
    with reported_to(progress):
        ring = None if key is None else _opened(key)[0]
        return run(Path(release), ring, source, signer, executor or Local(_workers(workers)))


@refusing()
def inspect(path: AnyPath) -> Facts:
    """What a release or a protected image says of itself; no key is needed.

    Raises:
        NotProtected: there is nothing to tell.
    """
    from ripguard.release.inspect import inspect as run

    return run(Path(path))


@refusing()
def report(
    release: AnyPath,
    against: AnyPath | Source,
    *,
    labels: AnyPath | None = None,
    restored: AnyPath | None = None,
    surrogate: AnyPath | None = None,
    grid: AnyPath | None = None,
    signer: str | None = None,
    workers: int | None = None,
    progress: Callback | None = None,
) -> dict[str, Any]:
    """Measure a release: see :func:`ripguard.benchmark.report.report`.

    Args:
        against: the source it was made from.
        restored: folder that :func:`restore` wrote.
        grid: also draw clean | protected | restored into this PNG file.
    """
    from ripguard.benchmark.report import check_grid
    from ripguard.benchmark.report import grid as draw
    from ripguard.benchmark.report import report as run
    from ripguard.data.registry import as_source

    _refuse_empty(release=release, against=against, labels=labels, restored=restored, surrogate=surrogate, grid=grid)
    _refuse_empty(signer=signer)
    place, back = Path(release), Path(restored) if restored else None
    if grid:
        check_grid(os.fspath(grid))
    source = as_source(against, labels)
    for folder in (*source.roots, place, *([back] if back else [])):
        if grid and folder.resolve() in Path(grid).resolve().parents:
            raise OutputRefused(f"{grid} lies inside {folder}", "choose a place outside")
    with reported_to(progress):
        data = run(place, source, back, os.fspath(surrogate) if surrogate else None, _workers(workers), signer)
        if grid:
            draw(place, source, back, Path(grid))
    return data


@refusing()
def evaluate(
    release: AnyPath,
    source: AnyPath | Source,
    *,
    labels: AnyPath | None = None,
    protocol: str = "smoke",
    model: str | None = None,
    epochs: int | None = None,
    seeds: str | Sequence[int] = (0,),
    device: str = "cpu",
    signer: str | None = None,
    workers: int | None = None,
    progress: Callback | None = None,
) -> Evaluation:
    """What a model learns from a release without its key, and from the clean images: see :mod:`ripguard.benchmark.own`.

    Args:
        source: the clean images that it was made from; labels: the labels file that :func:`protect` was given.
        seeds: numbers, or a text with some joined by commas: one model of each kind for each.
    """
    from ripguard.benchmark.own import evaluate as run
    from ripguard.benchmark.victims import seeds_of
    from ripguard.data.registry import as_source

    _refuse_empty(release=release, source=source, labels=labels, signer=signer)
    several = seeds_of(seeds) if isinstance(seeds, str) else list(seeds)
    with reported_to(progress):
        return run(
            Path(release), as_source(source, labels), protocol, model, epochs, several, device, signer,
            _workers(workers),
        )  # fmt: skip


@refusing()
def train(
    release: AnyPath,
    key: Key | AnyPath,
    out: AnyPath = "model.pt",
    *,
    protocol: str = "fast",
    model: str | None = None,
    epochs: int | None = None,
    seed: int = 0,
    device: str = "cpu",
    signer: str | None = None,
    progress: Callback | None = None,
) -> dict[str, Any]:
    """Train a model on the clean images behind a release: see :func:`ripguard.train.on_release.train_on_release`."""
    _refuse_empty(release=release, key=key, out=out, signer=signer)
    opened = _opened(key)[0]
    from ripguard.train.on_release import train_on_release

    with reported_to(progress):
        return train_on_release(Path(release), opened, Path(out), protocol, model, epochs, seed, device, signer)


@refusing()
def collect_garbage(
    release: AnyPath,
    key: Key | AnyPath | None = None,
    *,
    unfinished: bool = False,
    dry_run: bool = False,
    signer: str | None = None,
) -> list[Litter]:
    """Move aside what killed runs left in and beside a release: see :func:`ripguard.release.gc.collect`."""
    from ripguard.release.gc import collect

    _refuse_empty(release=release, key=key, signer=signer)
    return collect(Path(release), unfinished, dry_run, None if key is None else _opened(key)[0], signer)


def list_datasets() -> dict[str, str]:
    """Names of the datasets that ripguard knows, and a line about each."""
    from ripguard.data.registry import SOURCES

    return {name: (function.__doc__ or "").splitlines()[0] for name, function in SOURCES.items()}


def list_schemes() -> dict[str, str]:
    """Names of the schemes, and a line about each."""
    from ripguard import schemes

    found = {}
    for name in schemes.names():
        try:
            found[name] = schemes.find(name).note
        except UsageError:  # a package that is broken
            found[name] = "(cannot be loaded)"
    return found


def list_methods() -> dict[str, dict[str, str]]:
    """Schemes, perturbations and hiding methods by kind and name, and a line about each."""
    from ripguard.methods.registries import HIDINGS, PERTURBATIONS

    def lines(registry: Registry[Any]) -> dict[str, str]:
        working = registry.working()
        docs = {name: (working[name].__doc__ or "").strip() if name in working else "" for name in registry}
        return {name: doc.splitlines()[0] if doc else "(cannot be loaded)" for name, doc in docs.items()}

    return {
        "schemes": list_schemes(),
        "perturbations": lines(PERTURBATIONS),
        "hidings": lines(HIDINGS),
    }


def describe_method(name: str) -> dict[str, Any]:
    """What a scheme, a perturbation or a hiding method is, ``is``, and its ``options``: help and default of each.

    Raises:
        UsageError: there is none of that name.
    """
    from ripguard.methods.registries import HIDINGS, PERTURBATIONS
    from ripguard.schemes import find

    known = list_methods()
    kinds = {kind: some[name] for kind, some in known.items() if name in some}
    if not kinds:
        every = ", ".join(dict.fromkeys(one for some in known.values() for one in some))
        raise UsageError(f"there is no method {name}", f"there are {every}")
    if "schemes" in kinds:
        scheme = find(name)
        options = {one: (option, scheme.given(one)) for one, option in scheme.options().items()}
    else:
        own = (PERTURBATIONS if name in PERTURBATIONS else HIDINGS)[name].kind  # type: ignore[attr-defined]
        options = {one: (option, option.default) for one, option in own.options().items()}
    about = {one: {"help": option.help, "value": value} for one, (option, value) in options.items()}
    return {"is": kinds, "options": about}


@refusing()
def export(source: AnyPath | Source, out: AnyPath, progress: Callback | None = None) -> int:
    """Copy a dataset's images as ``OUT/<split>/<class>/<image>``; returns how many.

    Raises:
        OutputRefused: ``out`` is there and holds something.
    """
    from ripguard.data.registry import as_source
    from ripguard.data.registry import export as run

    with reported_to(progress):
        return run(as_source(source), Path(out))


def _workers(asked: int | None) -> int:
    return _whole("workers", asked, 1) or os.cpu_count() or 1


def _whole(name: str, value: Any, least: int) -> int | None:
    """A whole number, of NumPy's too; None where none is given. Raises :class:`UsageError`."""
    if value is None:
        return None
    try:
        number = operator.index(value)
    except TypeError:
        number = least - 1
    if isinstance(value, bool) or not least <= number < 2**63:
        raise UsageError(f"{name}: expected a whole number of {least} or more, got {value!r}")
    return number


def _refuse_empty(**texts: Any) -> None:
    """An empty text is a variable that was not set: taken for "not given" it would switch a check off."""
    for name, value in texts.items():
        if isinstance(value, str | os.PathLike) and not os.fspath(value):
            raise UsageError(f"{name}: expected a value, got an empty one", "is a variable unset?")


def _opened(key: Any) -> tuple[Any, str | None]:
    """The key, and the file it was read from."""
    from ripguard.release.find import read_key

    if isinstance(key, str | os.PathLike):
        path = os.fspath(key)
        if holds_key(os.fsencode(path)):  # it must not come into a message
            raise KeyFileError("key: expected the path of a key file, got a key itself", "Key(secret) is made of bytes")
        return read_key(path), None if path == "-" else path
    if not hasattr(key, "image_keys"):
        raise KeyFileError(f"key: expected a Key or the path of a key file, got {type(key).__name__}")
    file = getattr(key, "file", None)
    return key, os.fspath(file) if file else None


def _signing_key(given: SigningKey | AnyPath | None, key_file: str | None) -> tuple[SigningKey | None, str | None]:
    """The signing key and its file; by default the one beside the key file."""
    if isinstance(given, SigningKey):
        return given, None
    file = os.fspath(given) if given else f"{key_file}.sign" if key_file else None
    if file is None or (not given and not os.path.exists(file)):
        return None, None
    return SigningKey.read(file), file
