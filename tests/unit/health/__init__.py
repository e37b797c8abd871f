"""Tests of memguard.health."""
