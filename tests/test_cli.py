"""The command line: help that teaches, JSON everywhere, keys nowhere."""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from helpers import call, crop, environment, good, make_source, refused

from ripguard.cli import build_parser
from ripguard.cli.output import table
from ripguard.crypto.keys import Key
from ripguard.images.encoding import png_bytes
from ripguard.progress import Heartbeat, Progress

VERBS = (
    "keygen",
    "protect",
    "convert",
    "restore",
    "verify",
    "inspect",
    "report",
    "evaluate",
    "audit",
    "train",
    "privdl",
    "vault",
    "serve",
    "platform",
    "gc",
    "data",
    "methods",
    "completion",
)


@pytest.mark.parametrize("verb", VERBS)
def test_help(verb):  # type: ignore[no-untyped-def]
    """--help of every verb exits 0 and explains its options."""
    code, out, _ = call(verb, "--help")
    assert code == 0
    assert len(out.splitlines()) > 5


def test_module_and_version():
    """python -m ripguard is ripguard."""
    done = subprocess.run([sys.executable, "-m", "ripguard", "--version"], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("ripguard 0.")
    assert call("nonsense")[0] == 2
    assert call()[0] == 2


def test_errors_as_json(tmp_path):  # type: ignore[no-untyped-def]
    """With --json a refusal is one object with code, message, hint and exit code."""
    code, out, _ = call("inspect", tmp_path / "nothing", "--json")
    error = json.loads(out)
    assert code == error["exit_code"] == 6
    assert error["error"] == "not-protected"


def test_every_verb_prints_one_json_object_and_no_key(tmp_path):  # type: ignore[no-untyped-def]
    """The whole round with a canary key: it appears in no output, no release, no temporary file; nor in a traceback."""
    source, key = make_source(tmp_path / "source"), tmp_path / "k"
    good("keygen", "--out", key)
    release, restored = tmp_path / "release", tmp_path / "restored"
    with_key = ("--key-file", key)
    commands = [
        ("protect", source, release, *with_key, "--perturb", "none", "--workers", "1"),
        ("inspect", release, "--key-file", key),
        ("inspect", release / "train/cup/0.png"),
        ("verify", release, *with_key, "--against", source),
        ("restore", release, restored, *with_key),
        ("report", release, "--against", source, "--grid", tmp_path / "grid.png"),
        ("restore", release, release / "x", *with_key),
        ("data", "list"),
    ]
    printed = ""
    for command in commands:
        _, out, err = call(*command, "--json")
        json.loads(out)
        printed += out + err + call(*command)[2]
    secret = Key.read(key).secret
    line = key.read_text().splitlines()[-1]
    needles = [secret, secret.hex().encode(), line.encode(), line[-40:].encode(), secret[:8], secret[-8:]]
    files = [p.read_bytes() for p in tmp_path.rglob("*") if p.is_file() and p.name != "k"]
    for needle in needles:
        assert needle not in printed.encode()
        assert not any(needle in data for data in files)
    assert (tmp_path / "grid.png").stat().st_size > 10_000


def test_facts_are_written_for_people(tmp_path):  # type: ignore[no-untyped-def]
    """Without --json: one line a name, aligned, and nothing that only Python writes."""
    source, key, release = make_source(tmp_path / "source"), tmp_path / "k", tmp_path / "release"
    good("keygen", "--out", key)
    good("protect", source, release, "--key-file", key, "--perturb", "none", "--workers", "1")
    lines: list[str] = []
    for command in (
        ("inspect", release, "--key-file", key),
        ("inspect", release / "train/cup/0.png"),
        ("report", release, "--against", source),
    ):
        code, out, _ = call(*command)
        assert code == 0
        lines += out.splitlines()
    told = dict(line.split(maxsplit=1) for line in lines)
    assert (told["kind"], told["exact"], told["limited"]) == ("image", "pixels", "no")
    assert (told["annotations"], told["labels"]) == ("labels.csv", "cat, cup, face")
    assert "hide (method mrit, overflow 0, pairing ranked, size not set, step 8, tile 128)" in told["parameters"]
    assert told["psnr_to_clean"].startswith("median ")
    assert not any(sign in line for line in lines for sign in ("{", "[", "None", "True", "False"))
    strange = {"shape": (1024, 2048, 3), "count": 1024, "labels": ["a, b", "x\x1b[31m\n"], "own": [{"a": 1}, {"a": 2}]}
    assert table(strange) == [
        "shape   1024, 2048, 3",
        "count   1,024",
        'labels  "a, b", "x\\u001b[31m\\n"',
        "own     (a 1), (a 2)",
    ]
    assert table({"signer": "\x07"}) == ['signer  "\\u0007"']


def test_a_crash_shows_no_key(tmp_path, monkeypatch):  # type: ignore[no-untyped-def]
    """A defect in the middle of sealing: a traceback, exit code 1, and not a byte of the key in it."""
    from ripguard.hide.mrit import method

    source, key = make_source(tmp_path / "source"), tmp_path / "k"
    good("keygen", "--out", key)

    def broken(own_key: bytes, bound: bytes, data: bytes) -> bytes:
        raise ZeroDivisionError("a defect")

    monkeypatch.setattr(method, "seal", broken)
    more = ("--key-file", key, "--perturb", "none", "--workers", "1")
    code, out, err = call("protect", source, tmp_path / "release", *more)
    assert code == 1
    assert "ZeroDivisionError" in err
    assert "please report" in err
    secret = Key.read(key).secret
    for needle in (secret.hex(), repr(secret), repr(secret)[2:20], key.read_text().splitlines()[-1][-30:]):
        assert needle not in out + err
    assert not (tmp_path / "release").exists()


def test_ways_to_name_a_key(tmp_path):  # type: ignore[no-untyped-def]
    """--key-file, RIPGUARD_KEY_FILE, standard input; never a value on the command line."""
    source, key = make_source(tmp_path / "source"), tmp_path / "k"
    good("keygen", "--out", key)
    good("protect", source, tmp_path / "r", "--key-file", key, "--perturb", "none")
    command = [sys.executable, "-m", "ripguard", "restore", str(tmp_path / "r/test")]
    env = environment(RIPGUARD_KEY_FILE=str(key))
    subprocess.run([*command, str(tmp_path / "a")], env=env, check=True, capture_output=True)
    subprocess.run(
        [*command, str(tmp_path / "b"), "--key-file", "-"],
        input=key.read_text(),
        text=True,
        check=True,
        capture_output=True,
    )
    assert len(list((tmp_path / "a").rglob("*.png"))) == len(list((tmp_path / "b").rglob("*.png"))) == 6
    line = key.read_text().splitlines()[-1]
    assert call("restore", tmp_path / "r", tmp_path / "c", "--key-file", line)[0] == 7


def test_restoring_imports_no_torch(tmp_path):  # type: ignore[no-untyped-def]
    """Restoring needs NumPy, Pillow, the cipher and the entropy coder; not torch, SciPy, scikit-image or matplotlib."""
    source, key = make_source(tmp_path / "source"), tmp_path / "k"
    good("keygen", "--out", key)
    good("protect", source, tmp_path / "r", "--key-file", key, "--perturb", "none")
    script = (
        "import sys; from pathlib import Path; from ripguard import Key, restore, verify;"
        "from ripguard.release.manifest import Release; from ripguard.release.batches import restore_files;"
        "from ripguard.release.restorer import Restorer;"
        f"root = Path({str(tmp_path / 'r')!r}); release = Release.open(root);"
        "names = [r['path'] for r in release.rows];"
        f"restorer = Restorer(Key.read({str(key)!r}), release);"
        "found = restore_files(restorer, [root / n for n in names], names);"
        "assert all(one.error is None for one in found);"
        "print([m for m in ('torch', 'torchvision', 'scipy', 'skimage', 'matplotlib') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_both_backends_restore_each_others_releases(tmp_path):  # type: ignore[no-untyped-def]
    """A release made with one crypto library comes back with the other, bit for bit."""
    source, key = make_source(tmp_path / "source"), tmp_path / "k"
    good("keygen", "--out", key)
    command = [sys.executable, "-m", "ripguard"]
    plain = environment(RIPGUARD_CRYPTO="pycryptodome")
    protect = ["protect", str(source), str(tmp_path / "r"), "--key-file", str(key), "--perturb", "none"]
    subprocess.run([*command, *protect], env=plain, check=True, capture_output=True)
    assert good("verify", tmp_path / "r", "--key-file", key, "--against", source)["ok"]


def test_data_export(tmp_path):  # type: ignore[no-untyped-def]
    """data export writes class folders, once."""
    assert good("data", "export", "photos", tmp_path / "p")["pictures"] == 6000
    assert len(list(Path(tmp_path / "p/train/cat").iterdir())) == 500
    assert call("data", "export", "photos", tmp_path / "p")[0] == 8
    assert good("data", "export", "photos", tmp_path / "few", "--limit", "24")["pictures"] == 24
    assert len(list((tmp_path / "few").glob("*/*/*.png"))) == 24


def test_block_side_by_image_size(tmp_path):  # type: ignore[no-untyped-def]
    """2×2 up to 96 pixels, larger blocks above; --size overrules; the header says which."""
    from helpers import crop

    from ripguard.images.encoding import png_bytes

    source = tmp_path / "source" / "a"
    source.mkdir(parents=True)
    for side in (32, 96, 97, 250):
        (source / f"{side}.png").write_bytes(png_bytes(crop(0, side, side)))
    good("keygen", "--out", tmp_path / "k")
    for out, more, wanted in (
        ("auto", (), {32: 2, 96: 2, 97: 4, 250: 4}),
        ("eight", ("--size", "8"), dict.fromkeys((32, 250), 8)),
    ):
        good("protect", source.parent, tmp_path / out, "--key-file", tmp_path / "k", "--perturb", "none", *more)
        for side, size in wanted.items():
            assert good("inspect", tmp_path / out / f"a/{side}.png")["params"]["size"] == size
        assert good("verify", tmp_path / out, "--key-file", tmp_path / "k", "--against", source.parent)["ok"]


@pytest.mark.parametrize(
    ("scheme", "option", "other"),
    [
        ("mrit", ("--planes", "3"), "seal"),
        ("mrit", ("--coders", "webp"), "seal"),
        ("mrit", ("--allow-residue",), "seal"),
        ("seal", ("--size", "4"), "mrit"),
        ("balanced", ("--pairing", "ranked"), "mrit"),
    ],
)
def test_options_of_the_other_method(scheme, option, other, tmp_path):  # type: ignore[no-untyped-def]
    """An option that would change nothing is refused, by name."""
    code, _, err = call("protect", "photos", tmp_path / "x", "--key-file", "-", "--scheme", scheme, *option)
    assert code == 2
    assert f" is an option of {other}" in err


@pytest.mark.parametrize("option", ["--seed", "--workers"])
@pytest.mark.parametrize("value", ["-1", "x", "+-3", "", "9223372036854775808"])
def test_numbers(option, value, tmp_path):  # type: ignore[no-untyped-def]
    """What is no number, or none that a generator takes, is refused in one sentence."""
    code, _, err = call("protect", "photos", tmp_path / "x", "--key-file", "-", f"{option}={value}")
    assert code == 2
    assert f"{option}: expected a whole number of" in err
    assert err.strip().endswith(f"got {value!r}")
    assert "Traceback" not in err


def test_byte_exact_chooses_its_coders(tmp_path):  # type: ignore[no-untyped-def]
    options = ("--scheme", "seal", "--byte-exact", "--coders", "webp")
    code, _, err = call("protect", "photos", tmp_path / "x", "--key-file", "-", *options)
    assert code == 2
    assert "contradict" in err


VALUES = ("", "\0", "a\0b", "\ud800", "-1", "0", "nan", "1e999", "9" * 30, "x" * 5000, ",", "~nobody", "/dev/null")


@pytest.mark.parametrize(
    "verb", [verb for verb in VERBS if verb not in ("data", "privdl", "platform", "serve", "vault")]
)
def test_odd_values_of_every_option(verb, tmp_path, monkeypatch):  # type: ignore[no-untyped-def]
    """Each option of each verb with each of them: a code of docs/reference/exit-codes.md, and never a traceback."""
    own = {
        "keygen": ("--out", "k2"),
        "protect": ("s", "o", "--perturb", "none"),
        "restore": ("r", "o"),
        "verify": ("r",),
    }
    own |= {"audit": ("r", "--dry-run", "--images", "4")}
    own |= {"convert": ("s", "c", "--format", "yolo")}
    own |= {"evaluate": ("r", "--source", "s", "--epochs", "1"), "methods": (), "completion": ("bash",)}
    own |= {"inspect": ("r",), "report": ("r", "--against", "s"), "train": ("r", "--out", "/dev/null"), "gc": ("r",)}
    monkeypatch.chdir(tmp_path)
    make_source(tmp_path / "s")
    good("keygen", "--out", "k")
    monkeypatch.setenv("RIPGUARD_KEY_FILE", "k")
    good("protect", "s", "r", "--perturb", "none", "--workers", "1")
    monkeypatch.setattr("ripguard.cli.options.os.cpu_count", lambda: 1)
    monkeypatch.setattr(
        "ripguard.release.protect.protect", lambda *arguments, **more: 1 / 0
    )  # work is not what is tried
    verbs = next(action for action in build_parser()._actions if isinstance(action.choices, dict))
    for action in verbs.choices[verb]._actions:  # type: ignore[index]
        name = action.option_strings[0] if action.option_strings else ""
        if not name or action.nargs == 0:
            continue
        for value in VALUES:
            code, _, err = call(verb, *own[verb], f"{name}={value}")
            if verb == "protect" and "ZeroDivisionError" in err:
                continue
            assert code in {0, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}, (name, value, err)
            assert "Traceback" not in err
            if "\0" in value or value in ("", "\ud800"):
                assert code == 2, (name, value, err)


def tried(parser: argparse.ArgumentParser, *command: str) -> None:
    """A command of the platform with each option and each odd value."""
    for action in parser._actions:
        name = action.option_strings[0] if action.option_strings else ""
        if not name or action.nargs == 0:
            continue
        for value in VALUES:
            code, _, err = call(*command, f"{name}={value}")
            assert code in {0, *range(2, 17)}, (command, name, value, err)
            assert "Traceback" not in err
            if "\0" in value or value in ("", "\ud800"):
                assert code == 2, (command, name, value, err)


def test_odd_values_of_serve(tmp_path, monkeypatch):  # type: ignore[no-untyped-def]
    """The platform is opened and the port is bound, but nothing is served."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("ripguard.platform.serving.Server.run", lambda self, sockets: sockets[0].close())
    verbs = next(action for action in build_parser()._actions if isinstance(action.choices, dict))
    tried(verbs.choices["serve"], "serve", "--port=0")  # type: ignore[index]


ACTIONS = {  # of `ripguard platform`, with what each needs
    "account": ("a", "user", "--out=t2"), "deposit": ("r", "--dataset=d", "--key-file=k"),
    "grant": ("d", "a", "--days=1"), "request": ("d", "--purpose=p"), "decide": ("d",), "restore": ("r", "o"),
    "keys": ("d", "--out=k2"), "token": (), "revoke": ("gr_1",), "log": (),
}  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("action", ACTIONS)
def test_odd_values_of_platform(action, tmp_path, monkeypatch):  # type: ignore[no-untyped-def]
    """No server listens there: what is right so far ends with that."""
    monkeypatch.chdir(tmp_path)
    good("keygen", "--out", "k")
    (tmp_path / "t").write_text("rgd_" + "x" * 43)
    (tmp_path / "t").chmod(0o600)
    monkeypatch.setenv("RIPGUARD_SERVER", "http://127.0.0.1:1")
    monkeypatch.setenv("RIPGUARD_TOKEN_FILE", "t")
    verbs = next(one for one in build_parser()._actions if isinstance(one.choices, dict))
    platform: argparse.ArgumentParser = verbs.choices["platform"]  # type: ignore[index]
    actions = next(one for one in platform._actions if isinstance(one.choices, dict))
    tried(actions.choices[action], "platform", action, *ACTIONS[action])  # type: ignore[index]


@pytest.mark.parametrize(
    "command",
    [
        ("protect", "", "o"), ("protect", "s", ""), ("restore", "r", ""), ("restore", "", "o"), ("inspect", ""),
        ("verify", "r", "--signer", ""), ("verify", "r", "--key-file", ""), ("restore", "r", "o", "--release", ""),
        ("keygen", "--out", ""), ("restore", "r", "o", "--only", ""), ("data", "export", "photos", ""),
    ],
)  # fmt: skip
def test_empty_values_switch_nothing_off(command):  # type: ignore[no-untyped-def]
    """A variable that is not set is neither "not given" nor the working directory."""
    code, _, err = call(*command)
    assert code == 2
    assert "got an empty one" in err


def test_an_empty_variable_names_no_key(monkeypatch):  # type: ignore[no-untyped-def]
    monkeypatch.setenv("RIPGUARD_KEY_FILE", "")
    assert "no key" in refused(2, "restore", "r", "o")


@pytest.mark.parametrize("device", ["cuda", "cuda:7", "x", "cpu:0"])
def test_devices_that_are_not_there(device, tmp_path, monkeypatch):  # type: ignore[no-untyped-def]
    """Refused before the key is asked for."""
    import torch

    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert "--device" in refused(2, "protect", tmp_path, tmp_path / "o", "--key-file", "none", "--device", device)


@pytest.mark.skipif(sys.platform != "linux", reason="needs a limit on memory")
@pytest.mark.parametrize("mebibytes", [400, 550])
def test_too_little_memory(mebibytes, tmp_path):  # type: ignore[no-untyped-def]
    """Restoring an image of 7 megapixels: one sentence, exit code 9, no output."""
    (tmp_path / "s/a").mkdir(parents=True)
    large = np.tile(crop(0, 250, 250), (12, 9, 1))
    (tmp_path / "s/a/0.png").write_bytes(png_bytes(large))
    good("keygen", "--out", tmp_path / "k")
    good("protect", tmp_path / "s", tmp_path / "r", "--key-file", tmp_path / "k", "--perturb", "none", "--workers", "1")
    script = (
        "import resource, sys; from ripguard.cli import main;"
        f"resource.setrlimit(resource.RLIMIT_AS, ({mebibytes} << 20,) * 2); sys.exit(main(sys.argv[1:]))"
    )
    command = ["restore", "r", "back", "--key-file", "k", "--workers", "1"]
    done = subprocess.run(
        [sys.executable, "-c", script, *command], cwd=tmp_path, env=environment(OMP_NUM_THREADS="1"),
        capture_output=True, text=True,
    )  # fmt: skip
    assert "Traceback" not in done.stderr
    assert done.returncode == 9, done.stderr
    assert "out of memory" in done.stderr
    assert "--workers" in done.stderr
    assert not (tmp_path / "back").exists()


def test_quiet_and_verbose(tmp_path):  # type: ignore[no-untyped-def]
    """Nothing but errors; or stages and their times; results as JSON all the same."""
    source = make_source(tmp_path / "source")
    good("keygen", "--out", tmp_path / "k")
    common = ("--key-file", tmp_path / "k", "--workers", "1")
    code, out, err = call("protect", source, tmp_path / "a", *common, "--perturb", "none", "-q")
    assert (code, out, err) == (0, "", "")
    code, out, err = call("restore", tmp_path / "a", tmp_path / "b", *common, "--verbose")
    assert code == 0
    assert "30 images restored" in out
    assert "ripguard: restoring …\nripguard: restoring: 30 images in " in err
    code, out, err = call("verify", tmp_path / "a", *common, "--quiet", "--json")
    assert (json.loads(out)["ok"], err) == (True, "")
    code, out, err = call("verify", tmp_path / "none", *common, "-q")
    assert (code, out) == (6, "")
    assert "ripguard: error: " in err
    assert call("verify", tmp_path / "a", "-q", "-v")[0] == 2


def test_heartbeat():
    """A line now and then, and none of what is done at once."""
    said: list[str] = []
    beat = Heartbeat(said.append, every=3600)
    beat(Progress("protecting", 1, 20, "image"))
    assert said == []
    beat = Heartbeat(said.append, every=0)
    beat(Progress("protecting", 1, 2000, "image"))
    beat(Progress("searching", 1, None, "step"))
    assert said == ["protecting: 1 of 2,000 image", "searching: 1 step"]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion(shell):
    """A script for the shell; and what it asks for are the options of the methods that are named so far."""
    assert "ripguard" in good("completion", shell)["script"]
    assert call("completion", "cmd")[0] == 2
    for line, wanted, unwanted in (
        ("ripguard pro", {"protect"}, {"restore"}),
        ("ripguard protect a b --perturb tap --s", {"--shift-step", "--surrogate-epochs"}, {"--sink-class"}),
        ("ripguard protect a b --scheme seal --m", {"--max-bit-planes"}, {"--mrit"}),
    ):
        reader, writer = os.pipe()
        env = os.environ | {
            "_ARGCOMPLETE": "1",
            "_ARGCOMPLETE_IFS": " ",
            "COMP_LINE": line,
            "COMP_POINT": str(len(line)),
        }
        command = ["bash", "-c", f"exec {sys.executable} -m ripguard 8>&{writer} 9>/dev/null"]
        subprocess.run(command, env=env, pass_fds=(writer,), check=False, capture_output=True)
        os.close(writer)
        with open(reader) as told:
            found = set(told.read().split())
        assert wanted <= {word.rstrip() for word in found}
        assert not unwanted & found


def test_verbs_are_imported_when_they_are_given():
    """A version or a list of verbs takes no torch, no NumPy and no scheme; help of `protect` no torch."""
    for words, none in (
        (["--version"], ("torch", "numpy", "scipy", "PIL", "tqdm", "ripguard.schemes")),
        (["--help"], ("torch", "numpy", "scipy", "PIL", "tqdm", "ripguard.schemes")),
        (["protect", "--help"], ("torch", "scipy", "skimage")),
    ):
        program = "import sys; from ripguard.cli import main\ntry: main(sys.argv[1:])\nexcept SystemExit: pass\n"
        program += f"sys.exit(bool(set({none!r}) & set(sys.modules)))"
        assert subprocess.run([sys.executable, "-c", program, *words], capture_output=True).returncode == 0, words
