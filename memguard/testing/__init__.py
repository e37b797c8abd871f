"""For tests of Claude hooks and of memguard's plugins: see docs/testing.md.

events        the JSON that Claude Code gives to hooks
fake_host     a `/proc` on disk, with a process tree
fake_clock    a clock that stands still
leaky_client  a stand-in for Claude Code that runs hooks and tools, and leaks
plugin_events what plugins are told and asked
contracts     suites for what can be plugged into memguard

With pytest, memguard's plugin has a fixture for each of the first four (`fixtures`). Nothing is imported here.
"""
