"""The parts of reference/ that come from the code: a line ``<!-- generated: NAME -->`` is replaced when a page is read.

Options come from the real parsers, methods from the registries, signatures from the code. A public name without a
docstring, an option or a method without help, and a refusal that the page of exit codes does not list are warnings,
which ``make docs`` turns into errors.
"""

from __future__ import annotations

import argparse
import inspect
import re
from collections.abc import Callable, Iterator
from typing import Any

import format_table
from sphinx.application import Sphinx
from sphinx.util import logging

import ripguard
import ripguard.api
from ripguard import errors, schemes
from ripguard.cli.main import VERBS, build_parser
from ripguard.methods.params import Option
from ripguard.methods.registries import HIDINGS, PERTURBATIONS, SCHEMES

LOG = logging.getLogger(__name__)
MARK = re.compile(r"^<!-- generated: ([\w-]+) -->$", re.M)
# beyond ripguard.__all__ and ripguard.api: what another package, a server or a cluster builds on
METHODS = (
    "ripguard.methods.params.Params", "ripguard.methods.params.Option", "ripguard.methods.params.option",
    "ripguard.methods.params.DataStats", "ripguard.methods.fitted.Need", "ripguard.methods.fitted.FitContext",
    "ripguard.methods.fitted.RunContext", "ripguard.methods.fitted.Fitted", "ripguard.methods.registry.Registry",
    "ripguard.perturb.base.Perturbation", "ripguard.hide.base.Hiding", "ripguard.hide.header.Tail",
    "ripguard.hide.base.Hidden", "ripguard.schemes.base.Scheme", "ripguard.schemes.two_axis.TwoAxis",
    "ripguard.schemes.one_step.OneStep",
)  # fmt: skip
PARTS = (
    "ripguard.crypto.keys.KeyRing", "ripguard.crypto.keys.NamesRing", "ripguard.crypto.keys.ReleaseProver",
    "ripguard.crypto.keys.DatasetKeys", "ripguard.crypto.keys.UnitKeys",
    "ripguard.release.restorer.Restorer", "ripguard.release.restorer.RestoredImage",
    "ripguard.release.index.ReleaseIndex", "ripguard.release.index.MemoryIndex", "ripguard.data.source.Item",
    "ripguard.data.source.Source", "ripguard.executor.Executor", "ripguard.executor.Local",
    "ripguard.progress.Progress",
    "ripguard.vault.reading.Vault", "ripguard.vault.index.Entry",
    "ripguard.vault.dataset.VaultDataset", "ripguard.vault.samples.Sample", "ripguard.vault.samples.Samples",
    "ripguard.vault.opening.AgeIdentities", "ripguard.vault.opening.Passphrase", "ripguard.vault.keys.UnitKey",
    "ripguard.interchange.model.Annotated", "ripguard.interchange.model.Sample", "ripguard.interchange.model.Object",
    "ripguard.interchange.model.Media", "ripguard.interchange.format.Format", "ripguard.interchange.format.Reading",
    "ripguard.interchange.format.Confidence", "ripguard.train.detection.DetectionDataset",
)  # fmt: skip
RESULTS = (  # what the calls of ripguard.api return
    "ripguard.api.GeneratedKeys", "ripguard.release.protect.Protected", "ripguard.release.restore.Restored",
    "ripguard.release.verify.Report", "ripguard.benchmark.own.Evaluation", "ripguard.benchmark.own.Row",
    "ripguard.benchmark.audit.result.Audit", "ripguard.benchmark.audit.result.Row",
    "ripguard.benchmark.audit.result.Planned", "ripguard.benchmark.audit.result.Earlier",
    "ripguard.interchange.convert.Examined", "ripguard.interchange.convert.Converted",
    "ripguard.interchange.losses.Loss", "ripguard.interchange.rejections.Rejection",
    "ripguard.vault.encrypt.Encrypted", "ripguard.vault.decrypt.Decrypted", "ripguard.vault.facts.Facts",
    "ripguard.vault.recipients.Listed", "ripguard.vault.verify.VaultReport",
)  # fmt: skip


def command_line() -> Iterator[str]:
    """Every verb with its usage line and options, from the real parsers."""
    yield from ("| verb | what it does |", "| --- | --- |")
    yield from (f"| [`{name}`](#ripguard-{name}) | {cell(text)} |" for name, text in VERBS.items())
    for name in VERBS:
        parser = _verbs(build_parser([name]))[name]
        yield from ("", f"## ripguard {name}", "")
        if parser.description:
            yield from (text(parser.description), "")
        for title, one in _leaves(parser):
            if title:
                yield from (f"### ripguard {name} {title}", "", text(one.description or ""), "")
            yield from ("```text", usage(one), "```", "")
            yield from options_table(one, f"ripguard {name}")
    yield ""


def _verbs(parser: argparse.ArgumentParser) -> dict[str, argparse.ArgumentParser]:
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            return dict(action.choices)
    return {}


def _leaves(parser: argparse.ArgumentParser, title: str = "") -> Iterator[tuple[str, argparse.ArgumentParser]]:
    """The parsers without actions of their own: ``recipients add`` below ``vault``; the parser itself, titled ""."""
    inner = _verbs(parser)
    if not inner:
        yield title, parser
    for name, one in inner.items():
        yield from _leaves(one, f"{title} {name}".strip())


def usage(parser: argparse.ArgumentParser) -> str:
    return " ".join(parser.format_usage().removeprefix("usage: ").split())


def options_table(parser: argparse.ArgumentParser, what: str) -> Iterator[str]:
    """Arguments and options of one parser; those of the chosen scheme are on the page of the methods."""
    rows = []
    for group in parser._action_groups:
        if (group.title or "").startswith("options of "):
            continue
        for action in group._group_actions:
            if action.help == argparse.SUPPRESS or isinstance(action, argparse._HelpAction):
                continue
            value = "" if action.nargs == 0 else f" {action.metavar or ''}".rstrip()
            called = (
                ", ".join(f"`{one}{value}`" for one in action.option_strings) or f"`{action.metavar or action.dest}`"
            )
            meaning = cell((action.help or "") % {"default": action.default, "prog": parser.prog})
            if not meaning and action.option_strings:
                LOG.warning("%s: the option %s has no help", what, called)
            if not meaning and action.choices:
                meaning = ", ".join(map(str, action.choices))
            rows.append(f"| {called} | {meaning} |")
    yield from ("| argument or option | meaning |", "| --- | --- |", *rows)


def formats() -> Iterator[str]:
    """Formats of datasets, and what each of them holds."""
    yield from ("| format | written as |", "| --- | --- |")
    yield from (f"| `{name}` | {cell(note)} |" for name, note in ripguard.api.list_formats().items())
    yield from ("", "## What a format holds", "", *format_table.table())


def methods() -> Iterator[str]:
    """Schemes, perturbations and hiding methods with their parameters, from the registries."""
    known = ripguard.api.list_methods()
    yield from ("## Schemes", "", "| scheme | perturbation | hiding method | its own values | in one line |")
    yield "| --- | --- | --- | --- | --- |"
    for name in schemes.SCHEMES:
        yield scheme_row(name, known["schemes"][name])
    yield from (f"| [`{one}`](#{one}) | in one step | – | – | {cell(known['schemes'][one])} |" for one in SCHEMES.own)
    sections: Any = (
        ("Schemes in one step", "schemes", SCHEMES),
        ("Perturbations", "perturbations", PERTURBATIONS),
        ("Hiding methods", "hidings", HIDINGS),
    )
    for title, kind, registry in sections:
        yield from ("", f"## {title}", "")
        for name in registry.own:
            found = registry[name]
            if not (found.__doc__ or "").strip() or not known[kind][name]:
                LOG.warning("%s: the method %s has no docstring", kind, name)
            yield from (f"### {name}", "", text(paragraph(found)), "")
            yield from parameters(name, found.kind.options())


def scheme_row(name: str, note: str) -> str:
    scheme = schemes.SCHEMES[name]
    if not note:
        LOG.warning("the scheme %s has no note", name)
    made, own = scheme.to_json(), []
    for axis, registry in (("perturb", PERTURBATIONS), ("hide", HIDINGS)):
        options = registry[made[axis]["method"]].kind.options()
        for one, option in options.items():
            value = getattr(getattr(scheme, axis), one)
            if value != option.default:
                own.append(f"`{flag(option, one)}` {shown(value)}")
    axes = (f"[`{made[axis]['method']}`](#{made[axis]['method']})" for axis in ("perturb", "hide"))
    return f"| `{name}` | {' | '.join(axes)} | {', '.join(own) or '–'} | {cell(note)} |"


def parameters(name: str, options: dict[str, Option]) -> Iterator[str]:
    if not options:
        yield from ("No parameters.", "")
        return
    yield from ("| option | value | default | meaning |", "| --- | --- | --- | --- |")
    for one, option in options.items():
        if not option.help:
            LOG.warning("%s: the parameter %s has no help", name, one)
        kind = {int: "whole number", float: "number", str: "text", bool: "yes or no"}[option.kind]
        values = ", ".join(map(str, option.choices)) or option.wanted or kind
        some = "several of: " if option.many and option.choices else "one or more: " if option.many else ""
        yield f"| `{flag(option, one)}` | {cell(some + values)} | {shown(option.default)} | {cell(option.help)} |"
    yield ""


def flag(option: Option, name: str) -> str:
    called = option.called(name)
    return f"--[no-]{called[2:]}" if option.kind is bool else called


def shown(value: Any) -> str:
    if value is None:
        return "by the data"
    if value == ():
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return ", ".join(map(str, value)) if isinstance(value, tuple) else str(value)


def paragraph(found: object) -> str:
    return inspect.cleandoc(getattr(found, "__doc__", None) or "").split("\n\n")[0].replace("\n", " ")


def text(prose: str) -> str:
    """Prose of a docstring or a help text as Markdown."""
    return re.sub(r":\w+:`~?(?:[\w.]+\.)?([\w]+)`", r"`\1`", prose).replace("``", "`").replace("<", "&lt;")


def cell(prose: str) -> str:
    return text(" ".join(prose.split())).replace("|", "\\|")


def python_api() -> Iterator[str]:
    """`ripguard.__all__`, and what else `ripguard.api` has, and what these return."""
    yield from ("## The package", "", "`import ripguard` gives these names.", "")
    for name in ripguard.__all__:
        if inspect.ismodule(found := getattr(ripguard, name)):
            yield from (f"### ripguard.{name}", "", text(paragraph(found)), "")
            for inner in found.__all__:
                yield from directive(f"{found.__name__}.{inner}", getattr(found, inner))
        else:
            yield from directive(f"ripguard.{name}", found)
    yield from ("## ripguard.api", "", "All use cases. Those above are not repeated.", "")
    for name in ripguard.api.__all__:
        if name not in ripguard.__all__ and f"ripguard.api.{name}" not in RESULTS:
            yield from directive(f"ripguard.api.{name}", getattr(ripguard.api, name))
    yield from of_names("What the calls return", RESULTS)


def parts() -> Iterator[str]:
    yield from of_names("For servers, clusters and other sources", PARTS)
    yield from of_names("For methods of your own", METHODS)


def of_names(title: str, names: tuple[str, ...]) -> Iterator[str]:
    yield from (f"## {title}", "")
    for name in names:
        module, _, attribute = name.rpartition(".")
        yield from directive(name, getattr(__import__(module, fromlist=[attribute]), attribute))


def directive(name: str, found: object) -> Iterator[str]:
    kind = "autoclass" if inspect.isclass(found) else "autofunction" if callable(found) else "autodata"
    if kind != "autodata" and not (getattr(found, "__doc__", None) or "").strip():
        LOG.warning("the public name %s has no docstring", name)
    lines = [f".. {kind}:: {name}"]
    if kind == "autodata":  # its docstring would be that of its type
        lines = [f".. py:data:: {name}", "", "   The table of what has a name here."]
    if inspect.isclass(found) and issubclass(found, Exception):
        lines += ["   :no-members:"]
    yield from ("```{eval-rst}", *lines, "```", "")


def refusals() -> dict[str, int]:
    """Slug and exit code of every refusal there is."""
    found = [one for one in vars(errors).values() if inspect.isclass(one) and issubclass(one, errors.RipguardError)]
    return {one.code: one.exit_code for one in found}


GENERATED: dict[str, Callable[[], Iterator[str]]] = {
    "command-line": command_line,
    "formats": formats,
    "methods": methods,
    "python-api": python_api,
    "python-parts": parts,
}


def on_read(app: Sphinx, name: str, source: list[str]) -> None:
    source[0] = MARK.sub(lambda found: "\n".join(GENERATED[found[1]]()), source[0])
    if name == "reference/exit-codes":
        for slug, code in refusals().items():
            if f"| {code} | `{slug}` |" not in source[0]:
                LOG.warning("%s: no row for code %s, %s", name, code, slug)


def setup(app: Sphinx) -> dict[str, Any]:
    app.connect("source-read", on_read, priority=100)
    return {"parallel_read_safe": True}
