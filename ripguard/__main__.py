"""``python -m ripguard`` is ``ripguard``."""

import sys

from ripguard.cli import main

if __name__ == "__main__":
    sys.exit(main())
