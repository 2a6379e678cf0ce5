"""`ripguard serve`: run the platform, which holds keys and restores for authorized users."""

from __future__ import annotations

import argparse
import os

from ripguard.cli.output import show
from ripguard.numbers import not_negative, positive
from ripguard.paths import expanded

DESCRIPTION = (
    "Serve the platform over HTTP: owners deposit releases with their keys, and users with a grant get clean images "
    "back, by other commands, by programs, or on a web page at the same address. The defaults need nothing else: an "
    "SQLite database and a folder. The first start writes the token of the account admin to a file, mode 0600."
)
DATABASE = "RIPGUARD_DATABASE"


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
    parser.add_argument("--new-token", action="store_true", help="write a new token of the account admin")


def run(options: argparse.Namespace) -> int:
    from ripguard.platform.serving import Serving, serve
    from ripguard.platform.settings import Settings

    master = expanded(options.master_key, "--master-key") if options.master_key else None
    settings = Settings(
        folder=expanded(options.data, "--data"),
        database=options.database or os.environ.get(DATABASE, ""),
        master_key=master,
    )
    how = Serving(
        host=options.host, port=options.port, workers=options.workers, behind_tls_proxy=options.behind_tls_proxy
    )

    def started(address: str, token: str) -> None:
        lines = [f"{address}  (stop with Ctrl-C)"]
        if token:
            lines.append(f"  the token of the account admin is in {token}; it is valid for a day")
        show(options, {"address": address, "token_file": token or None}, lines)

    serve(settings, how, options.new_token, started)
    return 0
