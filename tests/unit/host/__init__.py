"""Tests of memguard.host; a package, so that they share the builders of trees."""
