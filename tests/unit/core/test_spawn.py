"""What a worker is told of the machine is the person's word, not a repository's."""

from memguard.core.spawn import hook_environment

PAIRS = {"runtime": "/run/user/7/memguard", "home": "/home/me", "path": "/usr/bin:/bin"}


def test_what_a_repository_could_set_is_taken_from_the_compiled_file() -> None:
    planted = dict.fromkeys(("HOME", "PATH", "XDG_RUNTIME_DIR", "TMPDIR", "LD_PRELOAD", "PYTHONPATH"), "/planted")
    assert hook_environment({**planted, "LANG": "C.UTF-8"}, PAIRS) == {
        "HOME": "/home/me", "PATH": "/usr/bin:/bin", "XDG_RUNTIME_DIR": "/run/user/7", "LANG": "C.UTF-8",
    }  # fmt: skip


def test_a_file_of_an_earlier_version_names_neither() -> None:
    assert hook_environment({"HOME": "/planted", "PATH": "/planted"}, {"runtime": "/run/x/memguard"}) == {
        "XDG_RUNTIME_DIR": "/run/x"
    }
