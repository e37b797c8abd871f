"""Opting a project in and out: memguard's Claude hooks in the client's settings, and back out of them."""
