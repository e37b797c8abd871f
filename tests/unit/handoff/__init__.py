"""Tests of memguard.handoff."""
