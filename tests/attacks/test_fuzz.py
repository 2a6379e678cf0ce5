"""Thousands of spoilt releases and a hundred hostile images: no traceback, no hang, no wrong image.

``RIPGUARD_FUZZ_CASES`` says how many releases the long run spoils (2,000), ``RIPGUARD_FUZZ_SEED`` by which seed (0),
``RIPGUARD_FUZZ`` in which folder it notes what passed: a second run with the same sources goes on where it was ended.
One case alone: ``RIPGUARD_FUZZ_CASE=123 pytest tests/attacks/test_fuzz.py -k one_case``.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from pathlib import Path

import fuzz
import hostile
import limits
import numpy as np
import pytest
from helpers import crop, tree_digest

import ripguard
from ripguard.images.decoding import read_image
from ripguard.images.encoding import png_bytes
from ripguard.images.rendering import render

CASES, SEED = (
    int(os.environ.get(f"RIPGUARD_FUZZ_{name}", usual)) for name, usual in (("CASES", "2000"), ("SEED", "0"))
)
APART = 200  # cases whose commands are processes of their own
CHUNKS = 20
QUICK = 25


class Notes:
    """Which cases passed, one line each, for these very sources; any number of processes may write."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder, self.file = folder, folder / "passed.jsonl"
        self.sources = sources()
        lines = self.file.read_text().splitlines() if self.file.exists() else []
        self.passed = {
            (one["seed"], one["how"], one["case"]) for one in map(json.loads, lines) if one["sources"] == self.sources
        }

    def note(self, how: str, case: int, **more: object) -> None:
        line = json.dumps({"seed": SEED, "how": how, "case": case, "sources": self.sources} | more) + "\n"
        with open(self.file, "ab", buffering=0) as file:
            file.write(line.encode())  # at once: lines of others stay whole

    def done(self, how: str, case: int) -> bool:
        return (SEED, how, case) in self.passed


def sources() -> str:
    """Digest of what a result hangs on: the program and the list of cases."""
    here, program = Path(__file__).parent, Path(ripguard.__file__).parent
    digest = hashlib.sha256()
    for path in [
        *sorted(program.rglob("*.py")),
        *(here / f"{name}.py" for name in ("conftest", "fuzz", "hostile", "limits")),
    ]:
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()[:16]


@pytest.fixture(scope="session")
def notes(pytestconfig: pytest.Config) -> Notes:
    named = os.environ.get("RIPGUARD_FUZZ")
    return Notes(Path(named) if named else pytestconfig.rootpath / "build" / "fuzz")


@pytest.fixture(autouse=True)
def no_waiting_for_the_disk(monkeypatch):  # type: ignore[no-untyped-def]
    """Whether a thousand outputs outlive a power cut is not the question here."""
    monkeypatch.setattr(os, "sync", lambda: None)


def attempt(number: int, field, folder: Path, call, how: str, notes: Notes | None = None) -> list[str]:  # type: ignore[no-untyped-def]
    """Complaints about one case; what passes is noted."""
    if notes and notes.done(how, number):
        return []
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    try:
        case = fuzz.Case(number, SEED, field, folder)
        before = limits.peak()
        found = fuzz.trial(case, call)
    except Exception as error:
        error.add_note(f"in case {number} of seed {SEED}: a defect of these tests")
        raise
    grown = limits.peak() - before
    if grown > limits.BYTES:
        found.complaints.append(f"took {grown >> 20} MiB")
    if notes and not found.complaints:
        notes.note(how, number, codes=found.codes, seconds=round(found.seconds, 3), grown=grown, text=case.text[:200])
    return [f"{case.text}: {one}" for one in found.complaints]


def report(complaints: list[str]) -> None:
    assert not complaints, f"{len(complaints)} complaints:\n" + "\n".join(complaints[:40])


def test_a_sample_of_all_mutations(field, fitted, tmp_path):  # type: ignore[no-untyped-def]
    """A few seconds of the long run."""
    assert len(fuzz.MUTATIONS) < 3 * QUICK
    step = -(-len(fuzz.MUTATIONS) // QUICK)
    found = []
    for number in range(0, len(fuzz.MUTATIONS), step):
        found += attempt(number, field, tmp_path / "case", limits.here, "sample")
    report(found)


@pytest.mark.slow
@pytest.mark.parametrize("chunk", range(CHUNKS))
def test_spoilt_releases(chunk, field, fitted, notes, tmp_path):  # type: ignore[no-untyped-def]
    """The long run, in this process."""
    story, found = notes.folder / f"hang-{os.getpid()}", []
    for number in range(chunk * CASES // CHUNKS, (chunk + 1) * CASES // CHUNKS):
        story.write_text(f"case {number} of seed {SEED}\n")
        found += attempt(number, field, tmp_path / "case", lambda words: limits.here(words, story), "here", notes)
    story.unlink()
    report(found)


@pytest.mark.slow
@pytest.mark.parametrize("chunk", range(CHUNKS))
def test_spoilt_releases_in_processes_of_their_own(chunk, field, fitted, notes, tmp_path):  # type: ignore[no-untyped-def]
    """Others than those above; what libraries print themselves is looked at too."""
    found = []
    for number in range(CASES + chunk * APART // CHUNKS, CASES + (chunk + 1) * APART // CHUNKS):
        found += attempt(number, field, tmp_path / "case", limits.apart, "apart", notes)
    report(found)


@pytest.mark.skipif("RIPGUARD_FUZZ_CASE" not in os.environ, reason="one case, to repeat what failed")
def test_one_case(field, fitted, tmp_path):  # type: ignore[no-untyped-def]
    report(attempt(int(os.environ["RIPGUARD_FUZZ_CASE"]), field, tmp_path / "case", limits.here, "one"))


def test_a_case_is_always_the_same(field, fitted, tmp_path):  # type: ignore[no-untyped-def]
    """Number and seed say all; another seed is another case."""
    for number in range(0, len(fuzz.MUTATIONS), 7):
        made = []
        for name, seed in (("a", 0), ("b", 0), ("c", 1)):
            (tmp_path / name).mkdir()
            case = fuzz.Case(number, seed, field, tmp_path / name)
            made.append((case.text, meta(case)))
            shutil.rmtree(tmp_path / name)
        assert made[0] == made[1]
        assert made[0] != made[2]


def meta(case) -> dict[str, bytes]:  # type: ignore[no-untyped-def]
    places = (p for p in case.root.rglob("*") if p.is_file() and not p.is_symlink() and p.stat().st_size < 1 << 24)
    return {p.relative_to(case.root).as_posix(): p.read_bytes() for p in places}


def test_what_a_wrong_outcome_is(field, copied, tmp_path):  # type: ignore[no-untyped-def]
    """The judge is not blind: other bytes, another place, too much, too little, a change beside the output."""
    case = fuzz.Case(
        next(n for n, (op, _) in enumerate(fuzz.MUTATIONS) if op is fuzz.stray_files), SEED, field, tmp_path
    )
    case.fits, case.moved, case.free, case.number = True, False, set(), 0
    shutil.rmtree(case.root)
    shutil.copytree(field.release(case.kind), case.root)
    genuine = field.restored(case.kind)

    spoil = list[object]()

    def call(words):  # type: ignore[no-untyped-def]
        if words[0] == "restore":
            shutil.copytree(genuine, words[2])
            for change in spoil:
                change(Path(words[2]))  # type: ignore[operator]
        return 0, "", ""

    def complaints() -> str:
        shutil.rmtree(tmp_path / "out", ignore_errors=True)
        return " ".join(fuzz.trial(case, call).complaints)

    assert complaints() == ""
    for change, words in (
        (lambda out: (out / "train/cup/1.png").write_bytes(png_bytes(crop(1))), "WRONG OUTCOME: train/cup/1.png"),
        (lambda out: (out / "train/cup/1.png").rename(out / "x.png"), "WRONG OUTCOME: x.png"),
        (lambda out: (out / "train/cup/1.png").unlink(), "manifest tells of 16"),
        (lambda out: (out / "x").symlink_to("/"), "is no file"),
        (lambda out: (out.parent / "x").write_bytes(b""), "restore changed ['x']"),
    ):
        spoil[:] = [change]
        assert words in complaints()
        (tmp_path / "x").unlink(missing_ok=True)
    for code, said, err, words in ((1, "", "", "exit code 1"), (-1, "", "", "exit code -1"), (0, "\x1b", "", "printed"),
                                   (9, "", "out of memory", "memory"), (5, "", "Traceback", "traceback")):  # fmt: skip
        assert any(words in one for one in fuzz._judge(code, said, err))


# --- images


def judged(words: list, complaints: list[str], text: str) -> int:
    before = limits.peak()
    code, said, err = limits.here([str(word) for word in words])
    wrong = fuzz._judge(code, said, err)
    if "7,000" in text and code == 9:  # a whole image of 49,000,000 pixels may take more: that is told
        wrong = [one for one in wrong if "more memory" not in one]
    complaints += [f"{text}: {words[0]}: {one}" for one in wrong]
    if limits.peak() - before > limits.BYTES:
        complaints.append(f"{text}: {words[0]}: took {(limits.peak() - before) >> 20} MiB")
    return code


def as_source(name: str, data: bytes, field, folder: Path) -> list[str]:  # type: ignore[no-untyped-def]
    """Protected and restored exactly, or refused; nothing is published then."""
    source, found = folder / "source", list[str]()
    for label in ("cat", "cup"):
        (source / "train" / label).mkdir(parents=True)
        (source / "train" / label / "good.png").write_bytes(png_bytes(crop(3)))
    place = source / "train/cat" / f"bad{hostile.HOSTILE[name][0]}"
    place.write_bytes(data)
    for scheme in ((), ("--scheme", "seal", "--allow-residue", "--byte-exact")):
        shutil.rmtree(folder / "made", ignore_errors=True)
        shutil.rmtree(folder / "back", ignore_errors=True)
        words = [
            "protect",
            source,
            folder / "made",
            "--key-file",
            field.key,
            "--perturb",
            "none",
            "--workers",
            "1",
            *scheme,
        ]
        code = judged(words, found, name)
        if code:
            found += [f"{name}: refused, and published"] if (folder / "made").exists() else []
            continue
        if judged(
            ["restore", folder / "made", folder / "back", "--key-file", field.key, "--workers", "1"], found, name
        ):
            found.append(f"{name}: protected, and does not come back")
        else:
            back = next((folder / "back/train/cat").glob("bad.*"))
            source = render(data, back.name)
            whole = scheme or not source.exact
            same = back.read_bytes() == data if whole else np.array_equal(read_image(back), source.image)
            found += [] if same else [f"{name}: came back as another image"]
    return found


def in_release(name: str, data: bytes, stray: bool, field, folder: Path) -> list[str]:  # type: ignore[no-untyped-def]
    """At the place of an image of a release, or beside its images: all others come back."""
    found = list[str]()
    for kind in ("mrit", "sealbytes"):
        root, out = folder / f"{kind}-{stray}", folder / f"{kind}-{stray}.back"
        shutil.copytree(field.release(kind), root)
        place = root / "train/cup" / (f"stray{hostile.HOSTILE[name][0]}" if stray else "1.png")
        place.write_bytes(data)
        text, wanted = f"{name} in {kind}, {'stray' if stray else 'in a place'}", tree_digest(field.restored(kind))
        if not stray:
            wanted.pop("train/cup/1.png")
        for words in (["inspect", place], ["inspect", root], ["verify", root], ["verify", root, "--key-file", field.key,
                      "--workers", "1"], ["restore", root, out, "--key-file", field.key, "--workers",
                      "1"]):  # fmt: skip
            code = judged(words, found, text)
            if words[0] in ("verify", "restore") and code == 0 and not (stray and words[0] == "restore"):
                found.append(f"{text}: {words[0]} is content")
        if tree_digest(out) != wanted:
            found.append(f"{text}: WRONG OUTCOME")
        shutil.rmtree(root)
    return found


def hostile_image(name: str, field, folder: Path) -> list[str]:  # type: ignore[no-untyped-def]
    data = hostile.made(name)
    found = as_source(name, data, field, folder)
    for stray in (False, True):
        found += in_release(name, data, stray, field, folder)
    return found


NAMES = sorted(hostile.HOSTILE)
QUICKLY = [name for name in NAMES if not any(word in name for word in (",", "MiB", "scans", "EXIF", "megabyte"))][::12]


def test_hostile_images(field, tmp_path):  # type: ignore[no-untyped-def]
    """A sample of the next."""
    assert len(NAMES) > 100 > 10 > len(QUICKLY) > 4
    found = []
    for number, name in enumerate(QUICKLY):
        (tmp_path / str(number)).mkdir()
        found += hostile_image(name, field, tmp_path / str(number))
    report(found)


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(set(NAMES) - set(QUICKLY)))
def test_all_hostile_images(name, field, tmp_path):  # type: ignore[no-untyped-def]
    report(hostile_image(name, field, tmp_path))
