"""Tests of memguard.logs."""
