"""A labelled corpus for redaction: made-up secrets, planted where secrets turn up, and what looks like them.

    python -m tests.secret_corpus [--seed 7]        prints it, a sample per line

Everything is drawn from one seed, so that a figure measured on it can be measured again. Prefixes are put together
here, so that no scanner takes this file for a leak.
"""

from __future__ import annotations

import argparse
import base64
import json
import random
import re
import string
import sys
import uuid
from collections.abc import Callable, Iterator
from typing import NamedTuple

SEED = 7
_ALNUM = string.ascii_letters + string.digits
_HEX = "0123456789abcdef"
_URL_SAFE = _ALNUM + "-_"
_PLACEHOLDER = re.compile(r"\[redacted:[a-z0-9-]*\]")
Draw = Callable[[random.Random], str]


class Secret(NamedTuple):
    """A kind, how one is drawn, and the sentences that it stands in; `{}` is the secret."""

    kind: str
    draw: Draw
    around: tuple[str, ...]


class Sample(NamedTuple):
    """A line of a transcript. `part` must be gone afterwards, or, of a look-alike, must still be there."""

    kind: str
    place: str
    line: bytes
    part: str
    is_secret: bool


def _of(alphabet: str, length: int, before: str = "", after: str = "") -> Draw:
    """A run of `length`, with each of letter and digit that its alphabet has at least once."""

    def draw(chance: random.Random) -> str:
        while True:
            text = "".join(chance.choices(alphabet, k=length))
            kinds = {letter.isdigit() for letter in text}
            if len(kinds) == len({letter.isdigit() for letter in alphabet}):
                return before + text + after

    return draw


def _uuid(chance: random.Random) -> str:
    return str(uuid.UUID(int=chance.getrandbits(128)))


def _jwt(chance: random.Random) -> str:
    header = base64.urlsafe_b64encode(b'{"alg":"HS256","typ":"JWT"}').rstrip(b"=").decode()
    body = json.dumps({"sub": str(chance.randrange(10**10)), "iat": 1700000000 + chance.randrange(10**6)}).encode()
    return f"{header}.{base64.urlsafe_b64encode(body).rstrip(b'=').decode()}.{_of(_URL_SAFE, 43)(chance)}"


def _private_key(kind: str) -> Draw:
    def draw(chance: random.Random) -> str:
        lines = "\n".join(_of(_ALNUM + "+/", 64)(chance) for _ in range(8))
        body = f"{lines}\n{_of(_ALNUM, 20)(chance)}=="
        return f"-----BEGIN {kind}{'PRIVATE'} KEY-----\n{body}\n-----END {kind}{'PRIVATE'} KEY-----"

    return draw


def _openai(chance: random.Random) -> str:
    return f"sk-proj-{_of(_URL_SAFE, 74)(chance)}T3BlbkFJ{_of(_URL_SAFE, 74)(chance)}"


def _basic(chance: random.Random) -> str:
    return base64.b64encode(f"admin:{_of(_ALNUM, 14)(chance)}".encode()).decode()


def _one_of(*texts: str) -> Draw:
    return lambda chance: chance.choice(texts)


def _words(before: str) -> Draw:
    """Some words with one of the signs of `before` between them, as people choose them."""

    def draw(chance: random.Random) -> str:
        return chance.choice(before).join(chance.sample(_WORDS, 4)).replace("_", "")

    return draw


def _phrase(chance: random.Random) -> str:
    return " ".join(_of(_ALNUM, 7)(chance) for _ in range(3))


_WORDS = ("tulip", "garden", "correct", "horse", "battery", "staple", "window", "marble", "orange", "kettle")
_BARE = ("{}", "it says {} in the log", "use '{}' for now", "key={}\n", "({})")
_PASSWORD = _of(_ALNUM + "!#%^*", 14)
SECRETS = (
    Secret("anthropic key", _of(_URL_SAFE, 93, "sk-" + "ant-api03-", "AA"), _BARE),
    Secret("openai key", _openai, _BARE),
    Secret("github token", _of(_ALNUM, 36, "gh" + "p_"), _BARE),
    Secret("github fine-grained token", _of(_ALNUM, 82, "github" + "_pat_"), _BARE),
    Secret("gitlab token", _of(_ALNUM, 20, "gl" + "pat-"), _BARE),
    Secret("aws key id", _of(string.ascii_uppercase + "234567", 16, "AK" + "IA"), _BARE),
    Secret("aws secret key", _of(_ALNUM + "/+", 40), ("aws_secret_access_key = {}\n", "AWS_SECRET_ACCESS_KEY={}\n")),
    Secret("google api key", _of(_URL_SAFE, 35, "AI" + "za"), _BARE),
    Secret("slack bot token", _of(_ALNUM, 24, "xox" + "b-123456789012-123456789013-"), _BARE),
    Secret("slack webhook", _of(_ALNUM, 24, "T01ABCDEF/B01ABCDEF/"), ("https://hooks.slack" + ".com/services/{}",)),
    Secret("stripe key", _of(_ALNUM, 24, "sk" + "_live_"), _BARE),
    Secret("npm token", _of(_ALNUM, 36, "np" + "m_"), (*_BARE, "//registry.example.org/:_authToken={}\n")),
    Secret("pypi token", _of(_URL_SAFE, 85, "py" + "pi-AgEIcHlwaS5vcmc"), _BARE),
    Secret("hugging face token", _of(string.ascii_letters, 34, "h" + "f_"), _BARE),
    Secret("sendgrid key", lambda c: f"SG.{_of(_URL_SAFE, 22)(c)}.{_of(_URL_SAFE, 43)(c)}", _BARE),
    Secret("digitalocean token", _of(_HEX, 64, "do" + "p_v1_"), _BARE),
    Secret("vault token", _of(_URL_SAFE, 95, "hv" + "s."), _BARE),
    Secret("telegram token", _of(_URL_SAFE, 33, "A" + "A"), ("bot712345678:{} answered", "BOT=712345678:{}\n")),
    Secret("discord webhook", _of(_URL_SAFE, 68, "112233445566778899/"), ("https://discord" + ".com/api/webhooks/{}",)),
    Secret("databricks token", _of(_HEX, 32, "da" + "pi"), _BARE),
    Secret("linear key", _of(_ALNUM, 40, "lin" + "_api_"), _BARE),
    Secret("docker token", _of(_URL_SAFE, 27, "dck" + "r_pat_"), _BARE),
    Secret("shopify token", _of(_HEX, 32, "shp" + "at_"), _BARE),
    Secret("twilio key", _of(_HEX, 32, "S" + "K"), _BARE),
    Secret("jwt", _jwt, (*_BARE, "Cookie: theme=dark; session={}")),
    Secret("private key", _private_key("RSA "), ("{}", "cat id_rsa\n{}\n")),
    Secret("private key", _private_key(""), ("{}", "key: |\n{}\n")),
    Secret("password in a url", _PASSWORD, ("postgres://app:{}@db.example.org:5432/app", "https://me:{}@example.org/r.git")),
    Secret("token in a url", _of(_ALNUM, 40), ("https://{}@git.example.org/me/repo.git",)),
    Secret(
        "token in a query",
        _of(_ALNUM, 32),
        ("GET /v1/me?access_token={}&page=2", "https://example.org/x?api_key={}", "https://x.example.org/c?sv=1&sig={}"),
    ),
    Secret("bearer token", _of(_ALNUM + "-._", 40), ('curl -H "Authorization: Bearer {}" https://example.org',)),
    Secret("basic credentials", _basic, ("Authorization: Basic {}\n", "> authorization: Basic {}\n< HTTP/2 200")),
    Secret(
        "password by name",
        _PASSWORD,
        ("DB_PASSWORD={}\n", 'password = "{}"', "password: '{}'", '{"password":"{}"}', "export PGPASSWORD={}\n"),
    ),
    Secret(
        "key by name",
        _of(_ALNUM, 32),
        ('api_key: "{}"', 'apiKey: "{}",', "X-Api-Key: {}\n", '{"client_secret":"{}"}', "AUTH_TOKEN={}\n"),
    ),
    Secret(
        "flag",
        _of(_ALNUM, 24),
        ("deploy --api-key {} --verbose", "deploy --token={}", "tool --password '{}'", "sshpass -p {} ssh me@host"),
    ),
    Secret("flag", _PASSWORD, ("mysql -u root -p{} app", "curl -u admin:{} https://a.example", "redis-cli -a {} get")),
    Secret("uuid by name", _uuid, ("HEROKU_API_KEY={}\n", 'heroku_api_key: "{}"')),
    Secret(
        "storage key",
        _of(_ALNUM + "+/", 86, after="=="),
        ("DefaultEndpointsProtocol=https;AccountName=me;AccountKey={};EndpointSuffix=core.example.org",),
    ),
    Secret(
        "long token",
        _of(_ALNUM + "/+", 900),
        ("AWS_SESSION_TOKEN={}\n", "aws_session_token = {}==\n", '{"SessionToken":"{}"}', '"session_token": "{}==",'),
    ),
    Secret("very long key", _of(_ALNUM + "/+", 6000), ('"account_key": "{}",', "SERVICE_KEY={}\n")),
    Secret("long cookie", _of(_ALNUM, 1800), ("Cookie: sid={}; theme=dark", "> cookie: a=b; sid={}\n")),
    Secret(
        "password with signs",
        _of(_ALNUM + "{<&;,@/", 16),
        ('DB_PASSWORD="{}"', "password: '{}'", '{"password":"{}"}', 'client_secret: "{}"', "export PGPASSWORD='{}'\n"),
    ),
    Secret("password with signs, bare", _of(_ALNUM + "{<&;,@/", 16), ("DB_PASSWORD={}\n", "export DB_PASS={}\n")),
    Secret("password with spaces", _phrase, ('DB_PASSWORD="{}"', '{"password": "{}"}', "passphrase: '{}'")),
    Secret("password of words", _words("_-."), ('{"password": "{}"}', "password = '{}'", 'dbPassword: "{}",')),
    Secret("password with signs in a url", _of(_ALNUM + "@/", 16), ("postgres://app:{}@db.example.org:5432/app",)),
    Secret(
        "pass",
        _PASSWORD,
        ("DB_PASS={}\n", '{"SMTP_PASS": "{}"}', 'dbPass: "{}",', "tool --pass {} x", 'auth: { user: "a", pass: "{}" }'),
    ),
    Secret("personal access token", _of(_ALNUM, 52), ("GH_PAT={}\n", 'DEVOPS_PAT: "{}"', '{"GIT_PAT":"{}"}')),
    Secret("credential", _of(_ALNUM, 20), ("DB_CREDENTIAL={}\n", 'credential = "{}"', '{"credential":"{}"}')),
    Secret("encoded login", _basic, ("//npm.example.org/:_auth={}\n", '{"auths":{"r.example.org":{"auth":"{}"}}}')),
    Secret(
        "netrc",
        _of(_ALNUM, 14),
        ("machine git.example.org login me password {}\n", "machine a.example.org\n  login me\n  password {}\n"),
    ),
    Secret("openssl", _of(_ALNUM, 12), ("openssl rsa -passin pass:{} -in a.pem", "openssl enc -pass 'pass:{}' -e")),
    Secret("setting", _of(_ALNUM, 40), ("aws configure set aws_secret_access_key {}\n", "config set my_token {}\n")),
    Secret("dsn", _of(_ALNUM, 14), ('DSN="app:{}@tcp(db:3306)/app"', "app_dsn: app:{}@unix(/run/db.sock)/app\n")),
)  # fmt: skip

LOOK_ALIKES: tuple[Secret, ...] = (
    Secret("uuid", _uuid, ("request {} is done", '{"id":"{}"}', "/run/{}.sock")),
    Secret("git commit", _of(_HEX, 40), ("commit {}\nAuthor: me", "{} refs/heads/main", "HEAD is now at {}")),
    Secret("digest", _of(_HEX, 64), ("sha256:{}", "{}  dist/app.tar.gz", "image@sha256:{}")),
    Secret("md5", _of(_HEX, 32), ("{}  file.iso", 'ETag: "{}"', "/assets/app.{}.js")),
    Secret("integrity", _of(_ALNUM + "+/", 86, "sha512-", "=="), ('"integrity": "{}"', "integrity {}")),
    Secret("tool id", _of(_ALNUM, 24, "toolu_01"), ("tool call {} ended", '"tool_use_id":"{}"')),
    Secret("message id", _of(_ALNUM, 24, "msg_01"), ("message {} was cut", '{"id":"{}","type":"message"}')),
    Secret("time", lambda c: f"2026-11-{c.randrange(10, 28)}T02:08:19.{c.randrange(100, 999)}Z", ("at {}", '"t":"{}"')),
    Secret("version", lambda c: f"{c.randrange(30)}.{c.randrange(30)}.{c.randrange(9)}-rc.1", ("token_lib=={}",)),
    Secret("public key", _of(_ALNUM + "+/", 68, "AAAAC3NzaC1lZDI1NTE5AAAAI"), ("ssh-ed25519 {} me@example",)),
    Secret("certificate", _of(_ALNUM + "+/", 64), ("-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----",)),
    Secret("pod name", lambda c: f"api-{_of(_HEX, 10)(c)}-{_of(string.ascii_lowercase, 5)(c)}", ("pod/{} created",)),
    Secret("kebab name", lambda c: "-".join(c.choices(["task", "risk", "free", "long", "of"], k=9)), ("a {} b",)),
    Secret("module path", lambda c: f"node_modules/@scope/key-token-{c.randrange(99)}/lib/secret.js", ("at {}:12:5",)),
    Secret("code", lambda c: c.choice(["token = next(tokens)", "password = getpass.getpass()", "secret = environ['S']",
        "self.token = token_2", "def login(password: str, token: str | None = None)", "key = keys[index_2]",
        "if token == tokens.EOF2:", "apiKey: process.env.API_KEY_2", "auth_token = request.headers.get('x-auth-2')"]),
        ("    {}\n",)),
    Secret("placeholder", lambda c: c.choice(["API_KEY=your_api_key_1", "TOKEN=<token-1>", "password: ${DB_PASSWORD_1}",
        "Authorization: Bearer $TOKEN", "PASSWORD=xxxxxxxx", "sk-...", "--token $GITHUB_TOKEN"]), ("{}\n",)),
    Secret("usage", lambda c: f'"cache_read_input_tokens":{c.randrange(10**6)}', ("{},",)),
    Secret("address", lambda c: f"https://example.org:8080/@scope/x?page={c.randrange(99)}", ("see {}",)),
    Secret("git remote", lambda c: f"git@example.org:me/repo-{c.randrange(99)}.git", ("origin {} (fetch)",)),
    Secret("type", _one_of(
        "def login(password: str)", "pass: bool", "token: Token2", "secret: bytes = b''",
        "password: Optional[str] = None", "auth: AuthConfig2 | None", "credentials: Credentials", "dsn: Dsn2",
    ), ("  {}\n",)),
    Secret("schema", _one_of(
        '"password": "required"', '"password": "string"', '"password": {"type": "string"}',
        '"password": "required|min:8"', "password: 'varchar(255)'", '{"type": "password", "name": "password"}',
        '"required": ["user", "password", "passphrase"]', '"format": "password", "minLength": 12',
        '"token": {"type": "string", "maxLength": 64}', '"credentials": "same-origin"', '"auth": "oauth2"',
    ), ("{}\n",)),
    Secret("label", _one_of(
        '"password": "Your password"', "password: 'Enter a password of 8 letters'", '"password": "Kennwort"',
        '"newPassword": "new-password"', 'password: "Password is required"',
        '"token": "The token of step 2, from the settings"', '"passwordLabel": "Choose one with 12 letters"',
        '"password": "must be 8-20 characters long"', 'autocomplete="current-password"',
    ), ("{},",)),
    Secret("name alike", _one_of(
        "bypass=true", "BYPASS=check17a", "compass: north2", "COMPASS=needle7x", "path=/usr/bin",
        "passphrase_file: /etc/x1", "PASSWORD_FILE=/run/secrets/db1", "author: me17", "authors = ['a1b2c3']",
        "pattern: a1b2c3", "date_pat = '[0-9]+[a-z]'", "lowpass: f2x100y", "password_reset_url = reset2",
        "tokenizer: bpe32k", "authentication: basic64", "passenger: seat12a", "encompass = area51b",
        "SSH_AUTH_SOCK=/run/agent.1",
    ), ("{}\n",)),
    Secret("test result", _one_of(
        "passed: 12", "PASS: TestLogin2 (0.00s)", "--- PASS: TestToken3/a1b2", "pass=12 fail=3",
        "12 passed, 3 failed in 4.56s", '"pass": true', "PASS tests/unit/test_token2.py", "pass_rate: 97.5pct",
        "second pass: 3 passes2go", "credential check2 passed",
    ), ("{}\n",)),
    Secret("template", _one_of(
        "password: {{ vault.db_1 }}", 'token="{{ csrf_1 }}"', 'password=f"{db_password}"',
        "PASSWORD=$(cat /run/secrets/db1)", "TOKEN=<token-1>", "DB_PASS=${DB_PASS_1}", '"password": "<secret-1>"',
        'password = "%s"', "API_KEY=os.environ['KEY_1']", 'TOKEN="$(get-token 1)"', "://${USER_1}@example.org",
    ), ("{}\n",)),
    Secret("login", _one_of(
        "login with password authentication", "set the password to something", "please set password and token",
        "login me password", "the token 2 comes next", "set -o pipefail", "http://example.org:8080/users/@me1",
        "https://example.org:443/a?mail=me@example.org",
    ), ("{}\n",)),
    Secret("hex dump", lambda c: " ".join(_of(_HEX, 4)(c) for _ in range(8)), ("00000010: {}  ........",)),
)  # fmt: skip


def _message(text: str) -> object:
    return {"type": "user", "message": {"role": "user", "content": text}}


def _output(text: str) -> object:
    content = [{"tool_use_id": "toolu_01", "type": "tool_result", "content": text}]
    return {"type": "user", "message": {"role": "user", "content": content}, "toolUseResult": {"stdout": text}}


def _input(text: str) -> object:
    block = {"type": "tool_use", "id": "toolu_01", "name": "Bash", "input": {"command": text}}
    return {"type": "assistant", "message": {"role": "assistant", "content": [block]}}


# Where a text stands in a transcript.
PLACES: dict[str, Callable[[str], object]] = {
    "message": _message,
    "tool input": _input,
    "tool output": lambda text: _output(f"$ run\n{text}\ndone\n"),
    "start of a line": lambda text: _output(f"one\n{text}"),
    "coloured": lambda text: _output(f"\x1b[1;32m{text}\x1b[0m\n"),
    "json in a string": lambda text: _output(json.dumps({"a": 1, "text": f"\t{text}\n"})),
    "json in json in a string": lambda text: _output(json.dumps({"body": json.dumps({"text": f"line\n{text}"})})),
}


def corpus(seed: int = SEED, per_place: int = 2) -> Iterator[Sample]:
    """Each kind in each place, `per_place` times with another secret and another sentence."""
    chance = random.Random(seed)
    for secret in (*SECRETS, *LOOK_ALIKES):
        for place, put in PLACES.items():
            for _ in range(per_place):
                part = secret.draw(chance)
                text = chance.choice(secret.around).replace("{}", part)
                yield Sample(secret.kind, place, _line(chance, put(text)), part, secret in SECRETS)


def _line(chance: random.Random, entry: object) -> bytes:
    assert isinstance(entry, dict)
    ids = {name: str(uuid.UUID(int=chance.getrandbits(128))) for name in ("parentUuid", "uuid", "sessionId")}
    around = {
        **ids,
        "timestamp": "2026-11-23T02:08:19.267Z",
        "cwd": "/work/x",
        "requestId": "req_011CVzAb3dE5gH7jK9mN1pQ2",
    }
    return json.dumps({**entry, **around}, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"


def is_gone(sample: Sample, redacted: bytes) -> bool:
    """Whether nothing of the secret is left: no piece of 12 characters of it, or all of a shorter one."""
    text = _PLACEHOLDER.sub("", everything_in(json.loads(redacted)))
    least = min(12, len(sample.part))
    lines = [line for line in sample.part.split("\n") if not line.startswith("-----") and len(line) >= least]
    return not any(line[at : at + least] in text for line in lines for at in range(len(line) - least + 1))


def is_kept(sample: Sample, redacted: bytes) -> bool:
    """Whether the line is as it was."""
    return redacted == sample.line


def everything_in(value: object) -> str:
    """All strings of a JSON value, also those in JSON that is in a string."""
    if isinstance(value, dict):
        return "\n".join(everything_in(one) for pair in value.items() for one in pair)
    if isinstance(value, list):
        return "\n".join(everything_in(one) for one in value)
    text = value if isinstance(value, str) else ""
    if text.startswith(("{", '"')):
        try:
            return text + "\n" + everything_in(json.loads(text))
        except ValueError:
            return text
    return text


def main() -> int:
    """Print it."""
    arguments = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    arguments.add_argument("--seed", type=int, default=SEED, help="what it is drawn from (default: %(default)s)")
    for sample in corpus(arguments.parse_args().seed):
        label = "secret" if sample.is_secret else "look-alike"
        sys.stdout.write(f"{label}\t{sample.kind}\t{sample.place}\t{sample.line.decode()}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
