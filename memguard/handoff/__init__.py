"""From a snapshot to what the next session reads."""
