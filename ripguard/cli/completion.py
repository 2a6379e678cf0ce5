"""`ripguard completion`: shell completion of commands and options."""

from __future__ import annotations

import argparse

from ripguard.cli.output import show

SHELLS = ("bash", "zsh", "fish")
DESCRIPTION = (
    'Prints a script. For this shell only: eval "$(ripguard completion bash)". For every shell: put that line into '
    "~/.bashrc or ~/.zshrc, or write the output to ~/.config/fish/completions/ripguard.fish."
)


def add(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("shell", choices=SHELLS)


def run(options: argparse.Namespace) -> int:
    import argcomplete

    script = argcomplete.shellcode(["ripguard"], shell=options.shell)
    show(options, {"shell": options.shell, "script": script}, script.splitlines())
    return 0
