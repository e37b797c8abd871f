"""Posting an event to a web service of the person's: over TLS, or on this host."""

from __future__ import annotations

import ipaddress
import os
import stat
import urllib.parse
import urllib.request
from typing import TYPE_CHECKING, Any, NamedTuple

from memguard.core.log import printable
from memguard.plugins.context import OptionError

if TYPE_CHECKING:
    from memguard.plugins.context import PluginContext

_LONGEST_SECRET = 4096
_LONGEST_ANSWER = 65536


class Webhook(NamedTuple):
    """Where to post, and the secret to show there (empty for none)."""

    url: str
    secret: str

    @classmethod
    def of(cls, context: PluginContext) -> Webhook:
        """From the plugin's options. Raises OptionError where they are not as they should be."""
        url = context.option("url", str, "")
        if not is_safe(url):
            raise OptionError("url must begin with https://, or be of this host", f"see [plugins.{context.name}]")
        return cls(url, _secret(context))

    def post(self, body: bytes, timeout_s: float) -> None:
        """Post it. Raises OSError where that fails (HTTPError and URLError are), also for a redirect."""
        headers = {"Content-Type": "application/json", "User-Agent": "memguard"}
        if self.secret:
            headers["Authorization"] = f"Bearer {self.secret}"
        request = urllib.request.Request(self.url, body, headers, method="POST")  # noqa: S310  `is_safe` has looked
        with _OPENER.open(request, timeout=timeout_s) as answer:
            answer.read(_LONGEST_ANSWER)


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """A redirect would take the secret, and the event, to wherever the answer says."""

    def redirect_request(self, *_: Any) -> None:
        return None


# Without proxies: a variable of the environment names those.
_OPENER = urllib.request.build_opener(_NoRedirect, urllib.request.ProxyHandler({}))


def is_safe(url: str) -> bool:
    """Whether nobody on the way can read what is sent there: https, or http to this very host."""
    try:
        parts = urllib.parse.urlsplit(url)
        host, _ = parts.hostname or "", parts.port
    except ValueError:
        return False
    if not host or not url.isprintable() or " " in url:
        return False
    return parts.scheme == "https" or (parts.scheme == "http" and _is_loopback(host))


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _secret(context: PluginContext) -> str:
    path, variable = context.option("secret_file", str, ""), context.option("secret_variable", str, "")
    if path and variable:
        raise OptionError("secret_file and secret_variable are both set", f"keep one in [plugins.{context.name}]")
    text = _in_file(path, context.name) if path else os.environ.get(variable, "") if variable else ""
    if variable and not text:
        raise OptionError(
            "the variable that secret_variable names is not there",
            f'add "{printable(variable, 60)}" to [plugins] variables, and set it where you type `memguard run`',
        )
    if not text.isascii() or not text.isprintable():
        raise OptionError("the secret is not one line of ASCII", f"see [plugins.{context.name}]")
    return text


def _in_file(path: str, name: str) -> str:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(descriptor, "rb") as file:
            status = os.fstat(descriptor)
            if not stat.S_ISREG(status.st_mode) or status.st_mode & 0o077:
                raise OptionError("secret_file is not a file that you alone may read", "give it the mode 0600")
            return file.read(_LONGEST_SECRET).decode("utf-8", "replace").strip()
    except OSError as error:
        raise OptionError(f"secret_file can't be read: {error.strerror}", f"see [plugins.{name}]") from None
