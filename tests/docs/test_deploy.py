"""The files for containers, systemd and proxies parse, and name what exists: options, files, routes, folders."""

from __future__ import annotations

import configparser
import re
import shlex
from pathlib import Path

import pytest

from ripguard.cli import build_parser
from ripguard.platform.http.metrics import Metrics
from ripguard.platform.http.routes import ROUTERS
from ripguard.platform.serving import GRACE

yaml = pytest.importorskip("yaml", reason="comes with the extra docs")
ROOT = Path(__file__).resolve().parents[2]
DEPLOY = ROOT / "docs" / "how-to" / "deploy"
PAGE = (ROOT / "docs" / "how-to" / "run-a-platform.md").read_text()
COMPOSE = yaml.safe_load((DEPLOY / "compose.yaml").read_text())


def unit() -> configparser.ConfigParser:
    found = configparser.ConfigParser(strict=True, interpolation=None)
    found.optionxform = str  # type: ignore[assignment, method-assign]
    found.read(DEPLOY / "ripguard-platform.service")
    return found


def commands() -> list[list[str]]:
    """Words after `ripguard` of every command in the files and on the page."""
    found = [COMPOSE["services"]["platform"]["command"], shlex.split(unit()["Service"]["ExecStart"])[1:]]
    blocks = re.findall(r"^```(?:console|sh)\n(.*?)^```$", PAGE, re.M | re.S)
    lines = [line for block in blocks for line in block.splitlines()]
    lines += [span for span in re.findall(r"`(ripguard [^`]+)`", PAGE)]
    return found + [shlex.split(line)[1:] for line in lines if line.startswith("ripguard ")]


@pytest.mark.parametrize("words", commands(), ids=" ".join)
def test_every_command_has_verbs_and_options_that_exist(words):  # type: ignore[no-untyped-def]
    words = [word for word in words if not word.startswith((">", "2>", "&"))]
    options = {word.partition("=")[0] for word in words if word.startswith("--")}
    parser = build_parser(words)
    for name in words[: 2 if words[0] == "platform" else 1]:
        action = next(one for one in parser._actions if isinstance(one.choices, dict))
        parser = action.choices[name]  # type: ignore[index]
    assert options - {"--help"} <= set(parser._option_string_actions)


def test_options_in_the_prose_exist():
    known = set(build_parser(["serve"])._actions[-1].choices["serve"]._option_string_actions)  # type: ignore[index]
    platform = build_parser(["platform"])._actions[-1].choices["platform"]  # type: ignore[index]
    for one in platform._actions[-1].choices.values():
        known |= set(one._option_string_actions)
    assert set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", re.sub(r"```.*?```", "", PAGE, flags=re.S))) <= known


def test_compose():
    services, containers = COMPOSE["services"], (ROOT / "Containerfile").read_text()
    build = services["platform"]["build"]
    assert (DEPLOY / build["context"]).resolve() == ROOT
    assert f" AS {build['target']}\n" in containers
    used = {place.split(":")[0] for one in services.values() for place in one.get("volumes", ()) if place[0] != "."}
    assert used == set(COMPOSE["volumes"])
    assert all((DEPLOY / place.split(":")[0]).exists() for place in services["proxy"]["volumes"] if place[0] == ".")
    assert all(set(one["networks"]) <= {"inside", "default"} for one in services.values())
    assert COMPOSE["networks"]["inside"]["internal"]
    assert int(services["platform"]["stop_grace_period"].rstrip("s")) > GRACE
    kept = {place.split(":")[1] for place in services["platform"]["volumes"]}
    folders = [Path(word.partition("=")[2]) for word in services["platform"]["command"] if "=/" in word]
    assert all(any(Path(one) in (place, *place.parents) for one in kept) for place in folders)
    assert all(f" {one} " in f"{containers} " for one in kept)
    assert "ports" not in services["platform"]
    assert "ports" not in services["database"]


def test_unit():
    service = unit()["Service"]
    assert int(service["TimeoutStopSec"]) > GRACE
    words = shlex.split(service["ExecStart"])
    folders = {f"/var/lib/{name}" for name in service["StateDirectory"].split()}
    for option in ("--data", "--master-key"):
        place = Path(words[words.index(option) + 1])
        assert any(str(one) in folders for one in (place, *place.parents))


def test_routes_and_numbers_that_are_named_exist():
    paths = {route.path for router in ROUTERS for route in router.routes}  # type: ignore[attr-defined]
    named = set(re.findall(r"`(/[a-z]+)`", PAGE))
    for name in ("Caddyfile", "nginx.conf"):
        named |= set(re.findall(r"(?:path|=|metrics) (/[a-z]+)\b", (DEPLOY / name).read_text()))
    assert named == {"/health", "/ready", "/metrics"}
    assert named <= paths
    metrics = Metrics(lambda: 0, lambda: {"queued": 0, "failed": 0})
    text = metrics.text().decode()
    for name in re.findall(r"`(ripguard_\w+)", PAGE):
        assert f"\n# TYPE {name.removesuffix('_total')}" in text.replace("_total counter", " counter"), name
    for name in ("Caddyfile", "nginx.conf"):
        text = (DEPLOY / name).read_text()
        assert text.count("{") == text.count("}")
        assert "8417" in text
