"""Tests of memguard.state."""
