"""Claude hook for UserPromptSubmit: `python -I -S user_prompt_submit.py STATE_DIR`, the event as JSON on stdin."""

import sys

# -I and -S leave only the standard library on the path; the package lies beside this folder.
sys.path.insert(0, __file__.rpartition("claude_hooks")[0] or ".")

from memguard.gate import main

main("UserPromptSubmit")
