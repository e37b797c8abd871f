"""The files of small test suites that leak."""

# Python and pytest hold some 30 MB in each process: 150M lets five leaks of 22 MB pass, and with two workers three.
FILL = '''
    def fill(megabytes):
        """Memory that is really held: every page written to."""
        block = bytearray(megabytes * 1024 * 1024)
        block[::4096] = b"1" * len(range(0, len(block), 4096))
        return block
'''

LEAKING = """
    import pytest
    from filling import fill

    HELD = []

    @pytest.fixture(scope="session")
    def service():
        yield
        with open("torn-down.txt", "a") as file:
            file.write("service\\n")

    @pytest.fixture
    def step():
        yield
        with open("torn-down.txt", "a") as file:
            file.write("step\\n")

    def test_innocent(service, step):
        fill(10)

    @pytest.mark.parametrize("number", range(40))
    def test_leak(service, step, number):
        HELD.append(fill(22))
"""

STEADY = """
    def test_one():
        pass

    def test_two():
        assert True
"""

IN_AN_IMPORT = """
    import time
    from filling import fill

    HELD = fill(150)
    time.sleep(60)

    def test_it():
        pass
"""

# A guarded session, as the plugin hears of it.
SESSION = """
    from memguard.test_run import session_budget

    BUDGET = session_budget.SessionBudget(is_guarded=True, budget_bytes={megabytes} << 20, pattern="Bash(pytest*)")
    session_budget.session_budget = lambda environment: BUDGET
"""
# Lines, as `fnmatch` has them, of a run in a session that allows the call 200 MB.
_SAID = "(64 MB below this call's 200 MB, [[]tools] Bash(pytest*))"
BEFORE_THE_BUDGET = [f"memguard: the run may hold 136 MB {_SAID}", f"STOPPED (exit code 12): * 136 MB {_SAID}"]
