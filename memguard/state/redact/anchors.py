"""What a text must hold for the own set to find anything in it, told to the library's automaton.

The own set takes 15 ms per MB in Python, and the automaton 1 ms more for these. So where the library is, the own set
looks only at lines that one of these matches. Each is weaker than the rules that it stands for, never stronger: no
look-around, the least lengths, and of what is judged in Python only what can be said in an expression.

In the common subset of Rust's expressions and Python's, over views.
"""

from __future__ import annotations

import json

_NAMES = (
    r"(?i:pass(?:wo?r?d|phrase|code)|pwd|secret|token|[?&]key|[?&-]sig(?:nature)?"
    r"|(?:api|access|private|secret|account|auth|encryption|signing|master|shared|license|service|session|deploy).?key)"
)
_REST = r"s?[\w.-]{0,26}"
_BETWEEN = r"""["'`]?\]?[ \t]{0,3}(?:=>|:=|={1,2}|:|,)[ \t\r\n]{0,3}["'`]?"""
_VALUE = r"""[^\s"'`<>\[\],;&|]"""
_PROGRAMS = r"(?:sshpass|mysql\w*|mariadb|mongo\w*|redis-cli|docker|podman|helm|ldap\w+|curl|http|smbclient)"
OWN_PREFIX = "memguard."
ANCHORS = (
    r"sk-[\w-]{16}|[sr]k_(?:live|test)_[A-Za-z0-9]{16}|whsec_",
    r"gh[pousr]_\w{20}|github_pat_\w{20}|gl(?:pat|dt|rt|ptt|cbt|ft|soat|imt|agent)-[\w.=-]{16}",
    r"A(?:(?:KIA|SIA|BIA|CCA)[A-Z2-7]{16}|Iza[\w-]{35}|GE-SECRET-KEY-1|TATT3)|GOCSPX-|x(?:ox[abeoprs]|app)-[A-Za-z0-9-]{10}",
    r"hf_[A-Za-z0-9]{30}|hv[sbr]\.[\w-]{20}|S(?:G\.[\w-]{16}|K[a-f0-9]{32})|npm_[A-Za-z0-9]{36}|pypi-[\w-]{50}",
    r"dckr_pat_|shp(?:at|ca|pa|ss)_[A-Fa-f0-9]{32}|lin_api_|do[opr]_v1_|dapi[a-f0-9]{32}|[0-9]{8}:AA[\w-]{32}",
    r"eyJ[\w-]{8,4096}\.[\w-]{8}|hooks\.slack\.com/|/api/webhooks/|PRIVATE KEY",
    r"""://[^\s/@"'`<>]{1,400}@""",
    # A value with letters and digits; of a variable or a flag, any.
    rf"{_NAMES}{_REST}{_BETWEEN}(?:{_VALUE}{{0,100}}[0-9]{_VALUE}{{0,100}}[A-Za-z]|{_VALUE}{{0,100}}[A-Za-z]{_VALUE}{{0,100}}[0-9])",
    rf"""(?:PASS(?:WO?R?D|PHRASE|CODE)|PWD|SECRET|TOKEN|KEY)S?[A-Z0-9_.-]{{0,26}}["'`]?\]?=["'`]?{_VALUE}""",
    rf"""-[\w-]{{0,48}}?(?i:pass|pwd|secret|token|key){_REST}["'`]?\]?[ \t]{{0,3}}(?:=>|:=|={{1,2}}|:|,|[ \t])""",
    r"""(?i:authorization|bearer )["'`]?[ \t]{0,2}[:=,]?[ \t]{0,2}["'`]?[\w.~+/=-]|(?i:cookie)["'`]?[ ]{0,2}:""",
    _PROGRAMS + r"(?:\.exe)?[ \t][^\r\n]{0,512}-[puaUw-]",
)


def rules_file() -> str:
    """The anchors as a file of rules that the library reads."""
    rules = [
        f"  - name: own set {number}\n    id: {OWN_PREFIX}{number}\n    pattern: {json.dumps(f'({anchor})')}\n"
        "    min_entropy: 0.0\n    confidence: high\n"
        for number, anchor in enumerate(ANCHORS)
    ]
    return "rules:\n" + "".join(rules)
