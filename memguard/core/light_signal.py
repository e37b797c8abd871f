"""`signal` as the light half uses it: without the enumerations, whose import takes 0.75 MiB that stay.

    from memguard.core.light_signal import signal

CPython keeps the functions and numbers in a module of its own; where there is none, it is `signal` itself.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    import signal
else:
    try:
        import _signal as signal
    except ImportError:
        import signal

__all__ = ["signal"]
