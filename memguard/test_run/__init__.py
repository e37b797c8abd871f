"""A test run that watches its own memory: the engine of the pytest plugin (`memguard.pytest_plugin`)."""

# What pytest exits with when the run was stopped at its limit, with and without xdist: ENOMEM. pytest's own are 0 to 6.
STOPPED_EXIT_CODE = 12
