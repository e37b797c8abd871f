"""The owner of the terminal: starts the client, waits, starts it again when a ticket says so."""
