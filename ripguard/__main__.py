"""Run the command line as ``python -m ripguard``."""

import sys

from ripguard.cli import main

if __name__ == "__main__":
    sys.exit(main())
