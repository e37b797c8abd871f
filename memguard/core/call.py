"""A tool call, recognised when it is made a second time."""

import zlib

from memguard.core import light_json as json


def call_fingerprint(tool: str, tool_input: object) -> str:
    """A word that the same tool with the same input has again: `<crc32>-<length>` of both, keys in order.

    A resumed client drops the cut-off call and asks the model again, which makes it anew under another id, so only
    tool and input tell that it is the same. A checksum is enough: it guards against an accident, and says less about
    the command than a digest would.
    """
    text = json.dumps([tool, tool_input], sort_keys=True, separators=(",", ":")).encode()
    return f"{zlib.crc32(text):08x}-{len(text)}"
