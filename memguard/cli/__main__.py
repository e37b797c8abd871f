"""`python -m memguard.cli`: the same as the command `memguard`."""

import sys

from memguard.cli.main import main

sys.exit(main())
