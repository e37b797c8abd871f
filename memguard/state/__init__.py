"""Sealed snapshots: keys, envelope, capture, store."""
