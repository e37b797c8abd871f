"""Archives that somebody else makes: the public half of a person's key is enough to seal what they will open."""

from __future__ import annotations

import io
import json
import tarfile
from typing import TYPE_CHECKING, Any

from memguard.state import envelope
from memguard.state.archive import RECORD, SUFFIX

if TYPE_CHECKING:
    from collections.abc import Iterable


def sealed(name: str, content: Iterable[bytes], public_key: bytes) -> tuple[bytes, str]:
    """A member, and its commitment."""
    sink = io.BytesIO()
    sealer = envelope.Sealer(sink, public_key, f"memguard export/{name}".encode())
    for piece in content:
        sealer.write(piece)
    commitment = sealer.finish().commitment
    return sink.getvalue(), commitment


def packed(members: dict[str, bytes]) -> bytes:
    """A tar archive of plain files."""
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w") as tar:
        for name, data in members.items():
            header = tarfile.TarInfo(name)
            header.size = len(data)
            tar.addfile(header, io.BytesIO(data))
    return content.getvalue()


def forged(snapshot: Any, contents: dict[str, bytes], public_key: bytes, **more: Any) -> bytes:
    """An archive of these in the form that `export` writes; `more` goes into its record."""
    members, pieces = {}, {}
    for stream, data in contents.items():
        members[stream + SUFFIX], commitment = sealed(stream + SUFFIX, [data], public_key)
        pieces[stream] = {"commitment": commitment, "plain_bytes": len(data)}
    archived = {"format": 1, "snapshot": snapshot, "streams": pieces, **more}
    record = json.dumps(archived, separators=(",", ":")).encode()
    members[RECORD], _ = sealed(RECORD, [record], public_key)
    return packed(members)
