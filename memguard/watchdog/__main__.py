"""The watchdog's process: `python -I -S …/watchdog/__main__.py GUARD_DIR STATE_DIR KEY [CLIENT]`."""

import sys

sys.path.insert(0, __file__.rpartition("memguard")[0] or ".")

from memguard.watchdog.loop import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
