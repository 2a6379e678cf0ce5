"""Somebody else's methods enter without a line of ours being changed: protected, inspected, verified, restored."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from helpers import make_source

ROOT = Path(__file__).resolve().parents[2]
ENTRY_POINTS = """
[ripguard.perturbations]
toy-brighten = toy:Brighten
marks = toy:Brighten
toy-broken = nosuchmodule:Nothing
[ripguard.hidings]
toy-beside = toy:Beside
toy-broken = nosuchmodule:Nothing
[ripguard.schemes]
toy-shuffle = toy:Shuffle
toy-broken = nosuchmodule:Nothing
toy-exits = toy_exits:Nothing
toy-misnamed = toy:Shuffle
"""
API = """
import json, sys
import ripguard
source, place, options = sys.argv[1], sys.argv[2], json.loads(sys.argv[3])
made = ripguard.protect(source, place + "/out", place + "/k", workers=2, **options)
facts = ripguard.inspect(place + "/out", place + "/k")
report = ripguard.verify(place + "/out", place + "/k", against=source, workers=2)
back = ripguard.restore(place + "/out", place + "/back", place + "/k", workers=2)
print(json.dumps({"made": made.images, "facts": facts.as_dict(), "ok": report.ok, "equal": report.equal_to_source,
                  "restored": back.restored, "refused": back.refused}))
"""


@pytest.fixture(scope="module")
def package(tmp_path_factory) -> Path:  # type: ignore[no-untyped-def]
    """The toy package, installed in a folder of its own."""
    place = tmp_path_factory.mktemp("site")
    shutil.copy(Path(__file__).with_name("toy.py"), place)
    (place / "toy_exits.py").write_text("import sys, torch\nsys.exit('not here')\n")
    about = place / "toy-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: toy\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text(ENTRY_POINTS)
    return place


def python(package: Path | None, *arguments: str | Path) -> tuple[int, str, str]:
    path = os.pathsep.join(map(str, [*([package] if package else []), ROOT]))
    env = os.environ | {"PYTHONPATH": path}
    done = subprocess.run([sys.executable, *map(str, arguments)], capture_output=True, text=True, env=env, timeout=900)
    return done.returncode, done.stdout, done.stderr


def good(package: Path, *arguments: str | Path) -> dict[str, Any]:
    code, out, err = python(package, "-m", "ripguard", *arguments, "--json")
    assert code == 0, err
    return json.loads(out)


CASES = {
    "perturbation": (
        ("--perturb", "toy-brighten", "--levels", "9"),
        {"perturb": "toy-brighten", "levels": 9},
        ("perturb", {"method": "toy-brighten", "levels": 9}),
    ),
    "perturbation, left to the data": (
        ("--scheme", "seal", "--allow-residue", "--perturb", "toy-brighten"),
        {"scheme": "seal", "allow_residue": True, "perturb": "toy-brighten"},
        ("perturb", {"method": "toy-brighten", "levels": 6}),
    ),
    "hiding": (
        ("--hide", "toy-beside", "--level", "9", "--perturb", "noise"),
        {"hide": "toy-beside", "level": 9, "perturb": "noise"},
        ("hide", {"method": "toy-beside", "level": 9}),
    ),
    "one step": (
        ("--scheme", "toy-shuffle", "--rounds", "3"),
        {"scheme": "toy-shuffle", "rounds": 3},
        ("options", {"rounds": 3}),
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_a_method_of_another_package(case, package, tmp_path):  # type: ignore[no-untyped-def]
    """Through the command line and from Python; the release tells what made it."""
    words, options, (where, told) = CASES[case]
    source, key = make_source(tmp_path / "source"), tmp_path / "k"
    good(package, "keygen", "--out", key)
    # 1. the command line
    made = good(package, "protect", source, tmp_path / "cli", "--key-file", key, *words)
    facts = good(package, "inspect", tmp_path / "cli", "--key-file", key)
    assert facts["parameters"][where] == told
    image = good(package, "inspect", tmp_path / "cli/train/cup/0.png")
    assert image["known_to_release"] == ["train/cup/0.png"]
    found = good(package, "verify", tmp_path / "cli", "--key-file", key, "--against", source)
    assert (found["ok"], found["equal_to_source"]) == (True, made["pictures"])
    back = good(package, "restore", tmp_path / "cli", tmp_path / "cli-back", "--key-file", key)
    assert (back["restored"], back["refused"]) == (30, [])
    # 2. Python
    (tmp_path / "api").mkdir()
    shutil.copy(key, tmp_path / "api/k")
    code, out, err = python(package, "-c", API, source, tmp_path / "api", json.dumps(options))
    assert code == 0, err
    result = json.loads(out)
    assert (result["made"], result["equal"], result["restored"], result["ok"]) == (30, 30, 30, True)
    assert result["facts"]["parameters"] == facts["parameters"]
    assert result["facts"]["dataset_id"] == facts["dataset_id"]
    # 3. where the package is not installed, or is damaged: a refusal, not a crash
    place = tmp_path / "without"
    code, _, err = python(None, "-m", "ripguard", "restore", tmp_path / "cli", place, "--key-file", key)
    hidden = case.startswith("perturbation")  # restoring needs nothing of a perturbation
    assert (code, "Traceback" in err) == (0 if hidden else 6, False), err
    some = tmp_path / "cli/train/cup/0.png"
    some.write_bytes((tmp_path / "cli/train/cup/1.png").read_bytes())
    code, _, err = python(package, "-m", "ripguard", "restore", tmp_path / "cli", place, "--key-file", key)
    assert (code != 0, "Traceback" in err) == (True, False)


def test_listed_and_refused(package, tmp_path):  # type: ignore[no-untyped-def]
    """Theirs are listed with ours; a name of ours stays ours; what cannot be loaded is refused when it is chosen."""
    listed = good(package, "methods")
    assert "toy-brighten" in listed["perturbations"]
    assert listed["perturbations"]["marks"].startswith("Patches")
    assert "toy-beside" in listed["hidings"]
    for name in ("toy-broken", "toy-exits", "toy-misnamed"):  # in nobody's way
        assert listed["schemes"][name] == "(cannot be loaded)"
    program = "import sys; from ripguard.cli import main; main(sys.argv[1:]); sys.exit('torch' in sys.modules)"
    good(package, "keygen", "--out", tmp_path / "k")
    source, release = make_source(tmp_path / "s"), tmp_path / "r"
    for words in (
        ("data", "list"),
        ("protect", source, release, "--perturb", "none"),
        ("restore", release, tmp_path / "b"),
        ("inspect", release / "train/cup/0.png"),
    ):
        keyed = ("--key-file", tmp_path / "k") if words[0] in ("protect", "restore") else ()
        assert python(package, "-c", program, *words, *keyed)[0] == 0, words
    assert listed["schemes"]["toy-shuffle"] == "Samples change places, by the image's own key."
    assert good(package, "methods", "toy-brighten")["options"]["levels"]["value"] is None
    for words, said in (
        (("--perturb", "toy-broken"), "cannot be loaded from nosuchmodule:Nothing"),
        (("--scheme", "toy-exits"), "cannot be loaded from toy_exits:Nothing: SystemExit: not here"),
        (("--scheme", "toy-misnamed"), "has parameters of the method 'toy-shuffle'"),
        (("--scheme", "toy-shuffle", "--lossy"), "--lossy: toy-shuffle is exact"),
        (("--perturb", "toy-brighten", "--levels", "99"), "--levels: expected 1..63, got 99"),
        (("--scheme", "toy-shuffle", "--eps", "0.1"), "toy-shuffle has no option --eps"),
        (("--scheme", "toy-shuffle", "--perturb", "none"), "toy-shuffle has no option --perturb"),
        (("--levels", "9"), "--levels is an option of toy-brighten, and this is --perturb marks"),
    ):
        code, _, err = python(package, "-m", "ripguard", "protect", "photos", tmp_path / "o", "--key-file", "-", *words)
        assert (code, said in err, "Traceback" in err) == (2, True, False), err
