"""The tables of libraries agree with `setup.cfg` and `requirements/`; what is missing is named, with its command."""

from __future__ import annotations

import configparser
import io
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from helpers import make_source
from PIL import Image

import ripguard
from ripguard import errors, libraries
from ripguard.images.rendering import DecoderMissing, render
from ripguard.methods.registries import HIDINGS, PERTURBATIONS

ROOT = Path(__file__).resolve().parents[1]
SETUP = configparser.ConfigParser()
SETUP.read(ROOT / "setup.cfg")
LINE = re.compile(r"\w[\w-]*(\[\w+\])?")


def required(text: str) -> dict[str, str]:
    """Name of each requirement → its line."""
    return {LINE.match(line)[0]: line for line in text.split("\n") if LINE.match(line)}  # type: ignore[index]


FULL = required(SETUP["options"]["install_requires"])
FILES = {name: required((ROOT / "requirements" / f"{name}.txt").read_text()) for name in ("restore", "protect")}


def test_extras_are_those_of_the_setup():
    extras = SETUP["options.extras_require"]
    assert {extra: list(names) for extra, names in libraries.EXTRAS.items()} == {
        extra: list(required(extras[extra])) for extra in libraries.EXTRAS
    }


def test_groups_are_all_that_is_required():
    assert {name for group in libraries.GROUPS for name in group} == FULL.keys()
    assert [set(group) for group in libraries.GROUPS[:2]] == [set(own) for own in FILES.values()]


@pytest.mark.parametrize("name", FILES)
def test_files_of_requirements_have_the_bounds_of_the_setup(name):  # type: ignore[no-untyped-def]
    assert FILES[name].items() <= FULL.items()


def test_every_distribution_has_a_pinned_version():
    pinned = required((ROOT / "constraints.txt").read_text())
    assert {name.split("[")[0] for names in libraries.EXTRAS.values() for name in names} <= pinned.keys()


@pytest.mark.parametrize(
    ("module", "words"),
    [
        ("skimage.metrics", ("scikit-image, which", "pip install scipy scikit-image; or pip install ripguard, which")),
        ("Crypto", ("pycryptodome, which", "pip install numpy Pillow pycryptodome tqdm constriction filelock; or")),
        ("kornia", ("kornia, which", 'pip install "ripguard[defences]"')),
        ("unheard_of", ("unheard_of, which", "hint: pip install ripguard, which adds all that is missing")),
    ],
)
def test_a_missing_library_is_named(module, words):  # type: ignore[no-untyped-def]
    """By its distribution; an unknown module is no name to install."""
    found = errors.as_refusal(ModuleNotFoundError("no", name=module))
    assert isinstance(found, errors.MissingExtra)
    assert all(word in str(found) for word in words)
    assert "pip install unheard_of" not in str(found)


def test_without_torch_no_extra_is_advised(monkeypatch):  # type: ignore[no-untyped-def]
    """It would add all of torch to an installation for restoring."""
    monkeypatch.setitem(sys.modules, "torch", None)
    assert libraries.of_extra("jxl") == "pip install pillow-jxl-plugin"
    assert libraries.advice("pydicom") == "pip install pydicom pylibjpeg pylibjpeg-openjpeg"


@pytest.mark.parametrize(
    ("missing", "options"),
    [("scipy", {}), ("scipy", {"scheme": "seal", "perturb": "ar"}), ("skimage", {"scheme": "seal", "perturb": "dune"})],
)
def test_protecting_names_what_it_needs_first(missing, options, monkeypatch, tmp_path):  # type: ignore[no-untyped-def]
    """Before any work: nothing is left at the output's place."""
    ripguard.keygen(tmp_path / "k")
    (tmp_path / "place").mkdir()
    monkeypatch.setitem(sys.modules, missing, None)
    with pytest.raises(errors.MissingExtra, match=r"(scikit-image|scipy), which.*\n.*pip install scipy scikit-image"):
        ripguard.protect(tmp_path, tmp_path / "place" / "out", tmp_path / "k", **options)
    assert list((tmp_path / "place").iterdir()) == []


@pytest.mark.parametrize("options", [{"scheme": "privdl"}, {"scheme": "seal", "perturb": "noise"}])
def test_protecting_asks_for_no_more_than_it_needs(options, monkeypatch, tmp_path):  # type: ignore[no-untyped-def]
    source, key = make_source(tmp_path / "s"), tmp_path / "k"
    ripguard.keygen(key)
    for name in [name for name in sys.modules if name.partition(".")[0] in ("scipy", "skimage")]:
        monkeypatch.delitem(sys.modules, name)
    for name in ("scipy", "skimage"):
        monkeypatch.setitem(sys.modules, name, None)
    own = options if options["scheme"] == "privdl" else options | {"allow_residue": True}
    assert ripguard.protect(source, tmp_path / "out", key, workers=1, **own).images


def test_methods_name_the_libraries_that_they_import():
    """So that a new method cannot find out at the end of its work that SciPy is missing."""
    modules = {"ripguard.perturb.patches": ("marks", "layered"), "ripguard.images.bands": ("carve",)}
    for name, method in [*PERTURBATIONS.working().items(), *HIDINGS.working().items()]:
        used = [method.__module__, *(module for module, users in modules.items() if name in users)]
        used += ["ripguard.hide.mrit.solver"] if name == "mrit" else []
        text = "".join((ROOT / f"{module.replace('.', '/')}.py").read_text() for module in used)
        imported = set(re.findall(r"(?:from|import) (scipy|skimage)", text))
        imported |= {"skimage"} if "ripguard.images.quality" in text else set()
        assert imported == set(method.libraries), name


BARE = """
import sys
sys.modules |= dict.fromkeys({names!r})
from ripguard.cli import main
import ripguard
for words in {commands!r}:
    print(main(words))
try:
    ripguard.ProtectedDataset
except ripguard.RipguardError as error:
    print(error.exit_code)
"""


def test_every_verb_names_what_it_lacks(tmp_path):  # type: ignore[no-untyped-def]
    """Never ImportError, from Python neither; in an installation for restoring, with the verbs that it cannot run."""
    names = ("torch", "torchvision", "scipy", "skimage", "matplotlib", "tifffile", "argcomplete", "jinja2")
    out, key = str(tmp_path / "out"), str(tmp_path / "k")
    commands = [
        ["keygen", "--out", key], ["methods"], ["completion", "bash"], ["check", "photos"],
        ["protect", "photos", out, "--key-file", key], ["report", out, "--source", "photos"],
        ["evaluate", out, "--source", "photos"], ["audit", out, "--key-file", key, "--source", "photos"],
        ["train", out, "--key-file", key], ["data", "export", "photos", out],
    ]  # fmt: skip
    environment = {"RIPGUARD_CACHE": str(tmp_path / "cache"), "PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin"}
    command = [sys.executable, "-c", BARE.format(names=names, commands=commands)]
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    codes = [line for line in done.stdout.splitlines() if line.isdigit()]
    assert codes == ["0", "0", *["13"] * 9], done.stderr
    assert done.stderr.count("hint: pip install ") == 8
    assert "Error" not in done.stderr


def test_a_tiff_without_its_library_is_not_called_damaged(monkeypatch):  # type: ignore[no-untyped-def]
    """Sources with such files are refused by name, with the command."""
    buffer = io.BytesIO()
    Image.fromarray(np.full((9, 8), 40_000, np.uint16)).save(buffer, "TIFF")
    assert render(buffer.getvalue(), "x.tif").image.shape == (9, 8, 1)
    monkeypatch.setitem(sys.modules, "tifffile", None)
    with pytest.raises(DecoderMissing, match=r"x\.tif: a TIFF image, and its decoder .*\n.*pip install tifffile; or"):
        render(buffer.getvalue(), "x.tif")
