"""The launcher's process: `python -I -S …/launcher/__main__.py GUARD_DIR STATE_DIR KEY -- CLIENT [ARGUMENTS]`."""

import sys

sys.path.insert(0, __file__.rpartition("memguard")[0] or ".")

from memguard.launcher.session import Session, run_to_the_end

if __name__ == "__main__":
    separator = sys.argv.index("--")
    guard_dir, state_dir, key = sys.argv[1:separator]
    sys.exit(run_to_the_end(Session(guard_dir, state_dir, key, sys.argv[separator + 1 :]), state_dir))
