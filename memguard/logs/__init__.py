"""The heavy half's way into memguard's own log: `logging`, one file for all processes, and reading it again.

logger    what heavy code logs with
handler   a record becomes a line of `core.log`, which knows level, format, masking and rotation
entries   the lines again, of either format
follower  the lines as they are written, over rotations
"""
