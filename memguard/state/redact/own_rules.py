"""Secrets that are known by how they begin: the set that is always there, whatever is installed.

Over views (see `view`): CR is a line end within the text, and LF parts lines that have nothing to do with each other,
so nothing here matches an LF. Each expression begins with a literal, which `re` searches for first: one takes 0.4 to
1 ms per MB, an alternation of ten 15 ms.

What an expression walks before it fails is at most a few hundred bytes, or can't be begun in again: hostile text takes
a bounded multiple of the time of ordinary text.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from memguard.state.redact.span import Span

if TYPE_CHECKING:
    from collections.abc import Iterator

_TYPED = 3  # above what the library says: these names are ours

# The named group is the kind. The secret is the whole match, with as many bytes before it as the number says.
_TOKENS = (
    (1, re.compile(
        rb"k[-_](?:ant-(?<=sk-ant-)(?P<anthropic_key>[\w-]{16,512})"
        rb"|(?:live|test)_(?<=[sr]k_....[_])(?P<stripe_key>[A-Za-z0-9]{16,128})"
        rb"|(?<=sk-)(?<![\w-]sk-)(?P<api_key>(?=[A-Za-z_-]{0,99}[0-9])[\w-]{20,512}))"
    )),
    (0, re.compile(
        rb"g(?:(?:h[pousr]|ithub_pat)_(?<![A-Za-z0-9]gh._)(?P<github_token>\w{20,255})"
        rb"|l(?<![A-Za-z0-9]gl)(?:pat|dt|rt|ptt|cbt|ft|soat|imt|agent)-(?P<gitlab_token>[\w.=-]{16,255}))"
    )),
    (0, re.compile(
        rb"A(?<![A-Za-z0-9]A)(?:(?P<aws_key_id>(?:KIA|SIA|BIA|CCA)[A-Z2-7]{16}(?![A-Za-z0-9]))"
        rb"|(?P<google_key>Iza[\w-]{35})|(?P<age_key>GE-SECRET-KEY-1[A-Z0-9]{58})|(?P<atlassian_token>TATT3[\w=.-]{40,512}))"
    )),
    (1, re.compile(rb"OCSPX-(?<=GOCSPX-)(?P<google_secret>[\w-]{24,64})")),
    (0, re.compile(rb"x(?<![A-Za-z0-9]x)(?:ox[abeoprs]|app)-(?P<slack_token>[A-Za-z0-9-]{10,255})")),
    (0, re.compile(
        rb"h(?<![A-Za-z0-9]h)(?:f_(?P<huggingface_token>[A-Za-z0-9]{30,64})|v[sbr]\.(?P<vault_token>[\w-]{20,512}))"
    )),
    (0, re.compile(
        rb"S(?<![A-Za-z0-9]S)(?:G\.(?P<sendgrid_key>[\w-]{16,64}\.[\w-]{16,64})"
        rb"|K(?P<twilio_key>[a-f0-9]{32})(?![A-Za-z0-9]))"
    )),
    (0, re.compile(rb"npm_(?P<npm_token>[A-Za-z0-9]{36})")),
    (0, re.compile(rb"pypi-(?P<pypi_token>[\w-]{50,512})")),
    (0, re.compile(rb"dckr_pat_(?P<docker_token>[\w-]{20,64})")),
    (0, re.compile(rb"shp(?:at|ca|pa|ss)_(?P<shopify_token>[A-Fa-f0-9]{32})")),
    (0, re.compile(rb"lin_api_(?P<linear_key>[A-Za-z0-9]{32,64})")),
    (0, re.compile(
        rb"d(?<![A-Za-z0-9]d)(?:o[opr]_v1_(?P<digitalocean_token>[a-f0-9]{64})|api(?P<databricks_token>[a-f0-9]{32}))"
    )),
    (0, re.compile(rb"AA(?<=[0-9]{8}:AA)(?P<telegram_token>[\w-]{32,40})")),
    (0, re.compile(rb"eyJ(?<![\w-]eyJ)(?P<jwt>[\w-]{8,16384}+\.[\w-]{8,16384}+(?:\.[\w-]{0,16384}+)?)")),
)  # fmt: skip
# The named group is the secret. Of a private key all lines: also where they are numbered, quoted or commented out, and
# where they are the strings of a list.
_KEY_LINES = (
    rb"""(?:[A-Za-z0-9+/=:,. \r\t\x7f>|*#]++|-(?!-)|["'][ \t]?[,+]?[ \t\r]{0,64}["'](?=[A-Za-z0-9+/=]{32})){1,4096}+"""
)
_PARTS = (
    re.compile(
        rb"""://(?:(?=[A-Za-z_.~-]{0,99}[0-9])(?P<url_token>[\w.~-]{20,255})@"""
        # Up to the last @ before a slash; with a slash in it, where a host stands behind the @. Neither is a port.
        rb"""|[^\s/@:"'`<>]{0,128}+:(?!\[redacted:|[0-9]{1,5}[/?#])(?:(?P<url_password>[^\s/"'`<>]{1,256})@"""
        rb"""|(?P<url_password_>[^\s"'`<>]{1,256})@(?=[\w.-]{1,255}(?:[:/?\s"'`]|\Z))))"""
    ),
    re.compile(rb"-----BEGIN [A-Z0-9 ]{0,32}PRIVATE KEY(?: BLOCK)?-----(?P<private_key>" + _KEY_LINES + rb")"),
    re.compile(
        rb"ooks(?:\.slack\.com/(?:services|workflows|triggers)/(?P<slack_webhook>[\w/]{20,255})"
        rb"|/(?<=/api/webhooks/)(?P<discord_webhook>[0-9]{15,22}/[\w-]{40,255}))"
    ),
)


def own_spans(text: bytes) -> Iterator[Span]:
    """The secrets in a view, by how they begin; in no order, and they may overlap."""
    for before, expression in _TOKENS:
        for match in expression.finditer(text):
            yield _span(match, match.start() - before)
    for expression in _PARTS:
        for match in expression.finditer(text):
            yield _span(match, match.start(match.lastgroup or 0))


def _span(match: re.Match[bytes], start: int) -> Span:
    kind = match.lastgroup or ""
    return Span(start, match.end(kind), kind.strip("_").replace("_", "-"), _TYPED)
