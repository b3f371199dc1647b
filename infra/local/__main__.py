"""`python -m infra.local`."""

import sys

from infra.local.command import main

if __name__ == "__main__":
    sys.exit(main())
