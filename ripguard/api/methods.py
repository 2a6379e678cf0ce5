"""List schemes, perturbations and hiding methods, and choose a scheme with options."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ripguard.errors import UsageError

if TYPE_CHECKING:
    from ripguard.methods.registry import Registry
    from ripguard.schemes.base import Scheme


def choose_scheme(
    scheme: str = "mrit", *, lossy: bool = False, byte_exact: bool = False, device: str = "cpu", **options: Any
) -> Scheme:
    """The scheme that :func:`ripguard.protect` would use for these arguments. Options that are None count as absent.

    Raises:
        UsageError: an option does not exist, or would have no effect.
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


def list_schemes() -> dict[str, str]:
    """Names of the schemes, with one line about each."""
    from ripguard import schemes

    found = {}
    for name in schemes.names():
        try:
            found[name] = schemes.find(name).note
        except UsageError:  # a plugin that cannot be imported
            found[name] = "(cannot be loaded)"
    return found


def list_methods() -> dict[str, dict[str, str]]:
    """Schemes, perturbations and hiding methods by kind and name, with one line about each."""
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
    """Describe a scheme, a perturbation or a hiding method.

    Returns:
        ``is``: kinds of method with this name, with one line about each; ``options``: help and default of each option.

    Raises:
        UsageError: no method has this name.
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
