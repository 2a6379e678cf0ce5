"""`ripguard serve`: run the platform, which holds keys and restores for authorized users."""

from __future__ import annotations

import argparse
import os
from typing import TYPE_CHECKING

from ripguard.cli.output import show
from ripguard.cli.platform.local import DATABASE
from ripguard.errors import UsageError
from ripguard.numbers import not_negative, positive
from ripguard.paths import expanded

if TYPE_CHECKING:
    from ripguard.platform.settings import Limits

DESCRIPTION = (
    "Serve the platform over HTTP: owners deposit releases with their keys, and users with a grant get clean images "
    "back, by other commands, by programs, or on a web page at the same address. The defaults need nothing else: an "
    "SQLite database and a folder. The first start writes the token of the account admin to a file, mode 0600."
)
# names of ripguard.platform.settings.Limits, which needs the extra `platform`; a test compares them
LIMITS = (
    "images_a_day", "bytes_a_day", "new_images_a_day", "calls_a_minute", "failures", "longest_wait", "token_life",
    "longest_token_life", "token_depth", "open_jobs",
)  # fmt: skip


def add(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--data", default="ripguard-platform", metavar="DIR", help="folder of the platform (default: ripguard-platform)"
    )
    parser.add_argument("--host", default="127.0.0.1", metavar="H", help="address to listen on (default: 127.0.0.1)")
    parser.add_argument("--port", type=not_negative, default=8417, metavar="P", help="0 for a free one (default: 8417)")
    parser.add_argument(
        "--database", metavar="URL",
        help=f"instead of a file in DIR, such as postgresql+psycopg://HOST/NAME; ${DATABASE} if it has a password",
    )  # fmt: skip
    parser.add_argument("--master-key", metavar="F", help="master key file (default: master.key in DIR)")
    parser.add_argument(
        "--workers", type=positive, default=os.cpu_count() or 1, metavar="W",
        help="processes that restore, for each dataset in use (default: number of cores)",
    )  # fmt: skip
    parser.add_argument(
        "--behind-tls-proxy", action="store_true",
        help="a proxy ends TLS before this server; needed for any other address than one of this machine",
    )  # fmt: skip
    parser.add_argument(
        "--shared", metavar="DIR",
        help="folder of deposits and jobs that all servers of a PostgreSQL see (default: DIR of --data)",
    )  # fmt: skip
    parser.add_argument(
        "--name", default="local", metavar="N", help="of this host, where several share a database (default: local)"
    )
    parser.add_argument(
        "--limit", action="append", default=[], metavar="L=N",
        help=f"change a limit, repeatedly; 0 switches it off: {', '.join(LIMITS)}",
    )  # fmt: skip
    parser.add_argument(
        "--log-json", action="store_true", help="log one JSON object a line, and every request; without secrets"
    )
    parser.add_argument("--new-token", action="store_true", help="write a new token of the account admin")


def run(options: argparse.Namespace) -> int:
    from ripguard.platform.serving import Serving, serve
    from ripguard.platform.settings import Settings

    master = expanded(options.master_key, "--master-key") if options.master_key else None
    settings = Settings(
        folder=expanded(options.data, "--data"),
        database=options.database or os.environ.get(DATABASE, ""),
        master_key=master,
        host=options.name,
        shared=expanded(options.shared, "--shared") if options.shared else None,
        limits=limits_of(options.limit),
    )
    how = Serving(
        host=options.host, port=options.port, workers=options.workers, behind_tls_proxy=options.behind_tls_proxy
    )

    def started(address: str, token: str) -> None:
        lines = [f"{address}  (stop with Ctrl-C)"]
        if token:
            lines.append(f"  the token of the account admin is in {token}; it is valid for a day")
        show(options, {"address": address, "token_file": token or None}, lines)

    serve(settings, how, options.new_token, started, options.log_json)
    return 0


def limits_of(texts: list[str]) -> Limits:
    """The limits with some changed. Raises :class:`UsageError` for what is not NAME=NUMBER."""
    from ripguard.platform.settings import Limits

    found = {}
    for text in texts:
        name, _, number = text.partition("=")
        if name not in LIMITS or not (number.isascii() and number.isdecimal() and len(number) < 19):
            raise UsageError(f"--limit {text}: expected a limit and a number, such as open_jobs=8", ", ".join(LIMITS))
        found[name] = int(number)
    return Limits(**found)
