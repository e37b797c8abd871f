"""The scripts that Claude Code runs, one per event."""
