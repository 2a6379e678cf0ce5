"""The use cases from Python: names, strings as paths, options by name, progress, and refusals that say what to do."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from helpers import good, make_source, tree_digest

import ripguard
from ripguard import api, errors
from ripguard.data.registry import open_source
from ripguard.images.decoding import read_image
from ripguard.release.restore import Restored
from ripguard.release.verify import Report


@pytest.fixture(scope="module")
def made(tmp_path_factory):  # type: ignore[no-untyped-def]
    """A release made from Python, with strings for paths: (place, source, what protect returned, steps)."""
    place = tmp_path_factory.mktemp("api")
    source = make_source(place / "source")
    ripguard.keygen(str(place / "k"))
    steps: list[ripguard.progress.Progress] = []  # type: ignore[name-defined]
    result = ripguard.protect(
        str(source), str(place / "out"), str(place / "k"), scheme="balanced", limit=20, workers=1, progress=steps.append
    )
    return place, source, result, steps


def test_round_trip(made):  # type: ignore[no-untyped-def]
    """Every image comes back equal to the source's samples, and all results are typed."""
    place, source, result, _ = made
    assert (result.images, result.exact) == (20, True)
    assert result.signer == ripguard.inspect(str(place / "out"))["signer"]
    back = ripguard.restore(str(place / "out"), str(place / "back"), str(place / "k"), workers=1)
    assert isinstance(back, Restored)
    assert (back.restored, back.refused, back.checked) == (20, [], True)
    for path in (place / "back").rglob("*.png"):
        name = path.relative_to(place / "back")
        original = next(p for p in (source / name.parent).iterdir() if p.stem == name.name.split(".")[0])
        if original.suffix.lower() == path.suffix.lower():
            np.testing.assert_array_equal(read_image(path), read_image(original))
    report = ripguard.verify(place / "out", place / "k", against=source, workers=1)
    assert isinstance(report, Report)
    assert report.ok
    assert (report.restored, report.equal_to_source) == (20, 20)


def test_the_command_line_does_the_same(made):  # type: ignore[no-untyped-def]
    """Byte for byte, and with the same result but for the place."""
    place, source, result, _ = made
    told = good("protect", source, place / "cli", "--key-file", place / "k", "--scheme", "balanced", "--limit", "20")
    assert tree_digest(place / "cli") == tree_digest(place / "out")
    assert told == json.loads(json.dumps(result.as_dict())) | {"out": str(place / "cli")}


def test_progress(made):  # type: ignore[no-untyped-def]
    """Steps count up to the total, stage by stage; nothing is printed meanwhile."""
    *_, steps = made
    ends = {step.stage: step for step in steps}
    assert {"reading", "protecting", "checking"} <= set(ends)
    assert (ends["protecting"].done, ends["protecting"].total) == (20, 20)
    assert all(step.total is None or 0 < step.done <= step.total for step in steps)


def test_sources(made, tmp_path):  # type: ignore[no-untyped-def]
    """By name, by folder, by URI, as a source object; all the same release."""
    place, source, *_ = made
    several = (source, str(source), f"folder:{source}", open_source(str(source)))
    for number, one in enumerate(several):
        ripguard.protect(one, tmp_path / str(number), place / "k", limit=6, perturb="none", workers=1)
    assert len({json.dumps(tree_digest(tmp_path / str(number))) for number in range(len(several))}) == 1
    assert ripguard.protect("photos", tmp_path / "p", place / "k", limit=10, perturb="none", workers=1).images == 10


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"nosuch": 1}, "nosuch"),
        ({"scheme": "nosuch"}, "expected one of mrit"),
        ({"scheme": "seal", "tile": 9}, "tile"),
        ({"perturb": "lsp", "eps": 0.1}, "eps"),
        ({"workers": 0}, "workers: expected a whole number of 1 or more, got 0"),
        ({"limit": 0}, "limit: expected a whole number of 1 or more, got 0"),
        ({"limit": -1}, "limit"),
        ({"limit": "8"}, "limit"),
        ({"limit": 8.5}, "limit"),
        ({"seed": -1}, "seed"),
        ({"seed": True}, "seed"),
        ({"sign_key": ""}, "sign_key: expected a value, got an empty one"),
        ({"lossy": True, "byte_exact": True}, "contradict"),
        ({"labels": "labels.csv"}, "labels"),
    ],
)
def test_options_are_checked_first(options, words, made, tmp_path):  # type: ignore[no-untyped-def]
    """Refused by name before anything is read or written."""
    place, *_ = made
    source = open_source("photos") if "labels" in options else "nosuch"
    with pytest.raises(errors.UsageError) as caught:
        ripguard.protect(source, tmp_path / "out", place / "k", **options)
    assert words in str(caught.value)
    assert not (tmp_path / "out").exists()


def test_empty_texts_switch_nothing_off(made, tmp_path):  # type: ignore[no-untyped-def]
    """As on the command line: a variable that was not set is not "not given"."""
    place, *_ = made
    out, key = place / "out", place / "k"
    for call in (
        lambda: ripguard.restore(out, tmp_path / "b", key, signer=""),
        lambda: ripguard.restore(out, tmp_path / "b", key, release=""),
        lambda: ripguard.restore("", tmp_path / "b", key),
        lambda: ripguard.verify(out, key, signer=""),
        lambda: ripguard.verify(out, key, against=""),
        lambda: ripguard.report(out, ""),
        lambda: ripguard.protect("", tmp_path / "b", key),
    ):
        with pytest.raises(errors.UsageError, match="got an empty one"):
            call()


def test_numbers_of_numpy(made, tmp_path):  # type: ignore[no-untyped-def]
    """Are numbers."""
    place, source, *_ = made
    done = ripguard.protect(
        source, tmp_path / "out", place / "k", limit=np.int64(6), seed=np.int32(3), eps=np.float32(0.1), workers=1
    )
    assert done.images == 6
    assert ripguard.inspect(tmp_path / "out", place / "k")["parameters"]["perturb"]["eps"] == pytest.approx(0.1)


def test_a_key_in_the_place_of_its_file(made, tmp_path):  # type: ignore[no-untyped-def]
    """It is refused, and never shown."""
    place, *_ = made
    text = (place / "k").read_text().splitlines()[-1]
    with pytest.raises(errors.KeyFileError) as caught:
        ripguard.restore(place / "out", tmp_path / "x", text)
    assert text[20:40] not in str(caught.value) + repr(caught.value)
    with pytest.raises(errors.KeyFileError, match="whole key"):
        ripguard.protect("photos", tmp_path / "x", ripguard.Key.generate().dataset(bytes(8)))  # type: ignore[arg-type]


def test_keys_are_not_published(tmp_path):  # type: ignore[no-untyped-def]
    """A key file inside the source, or in the output, is refused before any work."""
    source = make_source(tmp_path / "source")
    ripguard.keygen(source / "k")
    with pytest.raises(errors.RipguardError) as caught:
        ripguard.protect(source, tmp_path / "out", source / "k", workers=1)
    assert caught.value.exit_code in (3, 7)
    ripguard.keygen(tmp_path / "k")
    (source / "notes.txt").write_text((tmp_path / "k").read_text())
    (source / "k").unlink()
    (source / "k.sign").unlink()
    with pytest.raises(errors.KeyFileError, match="holds a key"):
        ripguard.protect(source, tmp_path / "out", tmp_path / "k", workers=1)
    assert not (tmp_path / "out").exists()


def test_errors_carry_their_hint(made, tmp_path):  # type: ignore[no-untyped-def]
    """str(error) is what a person needs; message and hint apart for programs; both survive pickling."""
    place, *_ = made
    ripguard.keygen(tmp_path / "other")
    with pytest.raises(errors.WrongKey) as caught:
        ripguard.restore(place / "out", tmp_path / "x", tmp_path / "other")
    error = caught.value
    assert str(error) == f"{error.message}\nhint: {error.hint}"
    assert error.hint
    kind, arguments = error.__reduce__()[:2]  # type: ignore[misc]
    assert str(kind(*arguments)) == str(error)


def test_a_system_error_is_a_refusal(made, tmp_path):  # type: ignore[no-untyped-def]
    """Not an OSError with a traceback of ours; and what is no key says so."""
    place, *_ = made
    (tmp_path / "file").write_text("")
    with pytest.raises(ripguard.RipguardError):
        ripguard.protect("photos", tmp_path / "file" / "out", place / "k", limit=5, perturb="none")
    with pytest.raises(errors.KeyFileError, match="expected a Key or the path"):
        ripguard.restore(place / "out", tmp_path / "x", 5)  # type: ignore[arg-type]
    with pytest.raises(errors.UsageError, match="nothing to restore"):
        ripguard.restore([], tmp_path / "x", place / "k")


def test_a_missing_library_names_its_extra():
    """One sentence and what to install, from the command line too: never "this is a defect"."""
    with pytest.raises(errors.MissingExtra) as caught, errors.refusing():
        raise ModuleNotFoundError("No module named 'kornia'", name="kornia.augmentation")
    assert "kornia" in caught.value.message
    assert 'pip install "ripguard[defences]"' in str(caught.value)
    program = (
        "import sys; sys.modules['matplotlib'] = sys.modules['matplotlib.figure'] = None\n"
        "from ripguard.cli import main; sys.exit(main(sys.argv[1:]))"
    )
    command = [sys.executable, "-c", program, "report", "nosuch", "--against", "photos", "--grid", "g.png"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert "defect" not in done.stderr + done.stdout
    assert done.returncode in (errors.MissingExtra.exit_code, errors.NotProtected.exit_code)


def test_a_plain_script_may_use_processes(made, tmp_path):  # type: ignore[no-untyped-def]
    """Without a guard round its work: spawned processes do not run it again."""
    place, source, *_ = made
    script = tmp_path / "script.py"
    script.write_text(
        "import ripguard\nprint('once')\n"
        f"print(ripguard.protect({str(source)!r}, {str(tmp_path / 'out')!r}, {str(place / 'k')!r}, perturb='none',"
        " workers=2).images)\n"
        f"print(ripguard.restore({str(tmp_path / 'out')!r}, {str(tmp_path / 'back')!r}, {str(place / 'k')!r},"
        " workers=2).restored)\n"
    )
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, timeout=600)
    assert (done.returncode, done.stdout.split()) == (0, ["once", "30", "30"]), done.stderr[-2000:]


def test_the_public_list():
    """All names are there, and asking for them imports no torch."""
    for name in ripguard.__all__:
        assert getattr(ripguard, name) is not None
    program = "import ripguard, sys; [getattr(ripguard, n) for n in ripguard.__all__ if n != 'ProtectedDataset'];"
    program += "sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], cwd=Path(__file__).parents[1]).returncode == 0
    assert set(api.list_schemes()) >= {"mrit", "balanced", "seal"}
    assert set(api.list_datasets()) >= {"photos", "cifar10"}
