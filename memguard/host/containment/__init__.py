"""What holds a session together: the best that the host allows, chosen once per guard and named.

`choice` picks, `base` is the interface and what is left where the host allows nothing. Nothing is imported here: the
launcher and a hook need one small module each, and the watchdog that of the mechanism which it has.
"""
