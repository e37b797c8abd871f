"""The whole cycle with a leaky client, no account needed."""
