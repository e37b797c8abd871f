"""The resident companion of a session: reads, decides, signals."""
