"""Secrets replaced by typed placeholders such as `[redacted:github-token]`, before anything is sealed.

prepare(state_dir)        once, early: begins to load the library's rules, where one is installed
Redactor()                a transcript as it streams by: `feed`, `finish`; ids, signatures and images stay
redact_bytes              the same at once
redact_text               any other text
redact_environment        variables, by name and by look
redact_arguments          a command line, by flag and by look
rules_id                  what is redacted by, in name and version
trouble                   why the library isn't used
"""

from memguard.state.redact.process import redact_arguments, redact_environment
from memguard.state.redact.rules import prepare, rules_id, trouble
from memguard.state.redact.stream import Redactor
from memguard.state.redact.text import redact_bytes, redact_text

__all__ = [
    "Redactor",
    "prepare",
    "redact_arguments",
    "redact_bytes",
    "redact_environment",
    "redact_text",
    "rules_id",
    "trouble",
]
