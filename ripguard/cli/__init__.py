"""The command line: one file per verb."""

from __future__ import annotations

from ripguard.cli.main import build_parser, main, parse

__all__ = ["build_parser", "main", "parse"]
