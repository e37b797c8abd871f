"""Secrets out of one line of the log, by plain string work: `re` is too dear where hooks write lines.

What memguard writes into its log holds none by itself; an error's text, or what a program answered, may. Snapshots have
rules of their own (`memguard.state.redact`), which know many more kinds.
"""

MASK = "[masked]"

# What tokens of well-known kinds begin with.
_BEGINNINGS = (
    "sk-", "ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_", "glpat-", "xoxb-", "xoxp-", "xoxa-", "AKIA", "ASIA",
    "AIza", "eyJ", "npm_", "pypi-", "hf_", "dop_v1_", "AGE-SECRET-KEY-", "rk_live_", "sk_live_", "ya29.",
)  # fmt: skip
_SHORTEST = 12  # of a token, its beginning included: `sk-` alone is somebody's folder
# Names whose value is one.
_NAMES = ("password", "passwd", "passphrase", "secret", "token", "api_key", "apikey", "api-key", "authorization",
          "credential", "private_key", "cookie")  # fmt: skip
_SCHEMES = ("bearer", "basic")
_EDGES = "\"'`,;()[]{}<>"


def masked(text: str) -> str:
    """`text` with what looks like a secret replaced by MASK; blanks stay as they are."""
    words = text.split(" ")
    before, is_next = "", False
    for number, word in enumerate(words):
        plain = word.strip(_EDGES).lower()
        if is_next and plain in (*_SCHEMES, ""):
            continue  # the secret itself is still to come
        words[number] = MASK if is_next else _masked_word(word)
        is_next = not is_next and _announces(before, plain)
        before = plain
    return " ".join(words)


def _announces(before: str, word: str) -> bool:
    """Whether the next word is a secret: `Bearer x`, `password: x`, `password = x`."""
    if word in ("=", ":"):
        return _is_name(before)
    return word in _SCHEMES or (word.endswith((":", "=")) and _is_name(word[:-1]))


def _is_name(text: str) -> bool:
    return any(text.strip(_EDGES).endswith(name) for name in _NAMES)


def _masked_word(word: str) -> str:
    for sign in ("=", ":"):
        name, found, value = word.partition(sign)
        if found and value.strip(_EDGES) and not value.startswith("//") and _is_name(name.lower()):
            return f"{name}{sign}{MASK}"
    return _without_tokens(_without_user(word))


def _without_user(word: str) -> str:
    """`https://user:password@host` without the two in the middle."""
    scheme, found, rest = word.partition("://")
    if not found or "@" not in rest.partition("/")[0]:
        return word
    return f"{scheme}://{MASK}@{rest.partition('@')[2]}"


def _without_tokens(word: str) -> str:
    for beginning in _BEGINNINGS:
        place = word.find(beginning)
        # Not in the middle of a word: `task-list-of-mine` holds `sk-`.
        if place >= 0 and (place == 0 or not word[place - 1].isalnum()) and _token_length(word[place:]) >= _SHORTEST:
            return word[:place] + MASK
    return word


def _token_length(text: str) -> int:
    """Up to the first character that no token has, such as the `/` of a path."""
    return next((at for at, c in enumerate(text) if not (c.isalnum() or c in "-_.+=")), len(text))
