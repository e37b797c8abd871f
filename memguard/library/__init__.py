"""The library: what a program imports to have memguard guard a process that it starts. See docs/library.md.

Everything is importable from `memguard` itself. It runs on the engine that the watchdog runs on (`guard`, `host`,
`state`), in the program's own process.
"""
