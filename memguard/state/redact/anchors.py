"""What a text must hold for the own set to find anything in it, told to the library's automaton.

The own set takes 15 ms per MB in Python, and the automaton 1 ms more for these. So where the library is, the own set
looks only at lines that one of these matches. Each is weaker than the rules that it stands for, never stronger: no
look-around, the least lengths, and of what is judged in Python only what can be said in an expression.

In the common subset of Rust's expressions and Python's, over views.
"""

from __future__ import annotations

import json

_NAMES = (
    r"(?i:pass(?:wo?r?d|wd|phrase|code)|pwd|secret|token|credential|[?&]key|[?&-]sig(?:nature)?"
    r"|(?:api|access|private|secret|account|auth|encryption|signing|master|shared|license|service|session|deploy).?key)"
)
_LOUD_NAMES = r"(?:PASS(?:WO?R?D|WD|PHRASE|CODE)?|PWD|SECRET|TOKEN|KEY|CREDENTIAL|SIG(?:NATURE)?)"
_REST = r"s?[\w.-]{0,26}"
# These count where no letter is behind them: paths and authors are everywhere.
_NAMED = rf"(?:{_NAMES}{_REST}|(?i:pass|auth|dsn|_pat)(?:[0-9_.-][\w.-]{{0,26}})?)"
_ASSIGNS = r"""["'`]?\]?[ \t]{0,3}(?:=>|:=|={1,2}|:|,)[ \t\r\n]{0,3}"""
_VALUE = r"""[^\s"'`]"""
_QUOTED = r"""["'`][^\r\n]"""
_IN_QUOTES = r""""[^"\r\n]{0,128}[0-9]|'[^'\r\n]{0,128}[0-9]|`[^`\r\n]{0,128}[0-9]"""
_PROGRAMS = r"(?:sshpass|mysql\w*|mariadb|mongo\w*|redis-cli|docker|podman|helm|ldap\w+|curl|http|smbclient)"
OWN_PREFIX = "memguard."
ANCHORS = (
    r"sk-[\w-]{16}|[sr]k_(?:live|test)_[A-Za-z0-9]{16}|whsec_",
    r"gh[pousr]_\w{20}|github_pat_\w{20}|gl(?:pat|dt|rt|ptt|cbt|ft|soat|imt|agent)-[\w.=-]{16}",
    r"A(?:(?:KIA|SIA|BIA|CCA)[A-Z2-7]{16}|Iza[\w-]{35}|GE-SECRET-KEY-1|TATT3)|GOCSPX-|x(?:ox[abeoprs]|app)-[A-Za-z0-9-]{10}",
    r"hf_[A-Za-z0-9]{30}|hv[sbr]\.[\w-]{20}|S(?:G\.[\w-]{16}|K[a-f0-9]{32})|npm_[A-Za-z0-9]{36}|pypi-[\w-]{50}",
    r"dckr_pat_|shp(?:at|ca|pa|ss)_[A-Fa-f0-9]{32}|lin_api_|do[opr]_v1_|dapi[a-f0-9]{32}|[0-9]{8}:AA[\w-]{32}",
    r"eyJ[\w-]{8,4096}\.[\w-]{8}|hooks\.slack\.com/|/api/webhooks/|PRIVATE KEY",
    r"""://[^\s"'`<>]{1,400}@""",
    # A value with letters and digits; in quotes one with a digit, and any behind the name of a password; any of a
    # variable or a flag.
    rf"{_NAMED}{_ASSIGNS}{_VALUE}{{0,100}}(?:[0-9]{_VALUE}{{0,100}}[A-Za-z]|[A-Za-z]{_VALUE}{{0,100}}[0-9])",
    rf"{_NAMED}{_ASSIGNS}(?:{_IN_QUOTES})",
    rf"(?i:pass(?:wo?r?d|wd|phrase|code)|[\w-]pass|pwd){_REST}{_ASSIGNS}{_QUOTED}{{8}}",
    rf"(?i:dsn){_REST}{_ASSIGNS}[^\r\n]{{1,512}}@",
    rf"""{_LOUD_NAMES}S?[A-Z0-9_.-]{{0,26}}["'`]?\]?[ \t]{{0,3}}=["'`]?{_VALUE}""",
    rf"-[\w-]{{0,48}}?(?i:pass|pwd|secret|token|key|auth|credential|dsn|_pat){_REST}(?:{_ASSIGNS}|[ \t])",
    rf"(?:login\s{{1,8}}\S{{1,128}}\s{{1,8}}|set[ \t]{{1,3}}[\w./:-]{{0,64}}){_NAMED}[ \t]",
    r"-pass(?:in|out)?[ \t=]",
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
