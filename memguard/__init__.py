"""memguard, the memory guardian for Claude Code."""

__version__ = "0.1.0"
