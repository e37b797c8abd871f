"""What a client gets in its environment."""

from memguard.launcher.children import client_environment

OWN = {"HOME": "/h", "CLAUDE_CONFIG_DIR": "/c", "CLAUDECODE": "1", "CLAUDE_CODE_SESSION_ID": "outer", "CLAUDE_PID": "7"}


def test_another_clients_markers_are_scrubbed_and_its_configuration_kept() -> None:
    """With them the client would save no transcript."""
    assert client_environment(OWN, carries_on=False, keeps_renderer=False) == {"HOME": "/h", "CLAUDE_CONFIG_DIR": "/c"}


def test_only_a_relaunch_in_the_middle_of_a_turn_carries_on() -> None:
    names = {"CLAUDE_CODE_RESUME_INTERRUPTED_TURN", "CLAUDE_CODE_RESUME_SHOWS_CUT_OFF_CALLS"}
    carrying = client_environment(OWN, carries_on=True, keeps_renderer=False)
    assert names <= set(carrying)
    assert not names & set(client_environment(carrying, carries_on=False, keeps_renderer=False))


def test_a_client_killed_while_it_started_keeps_its_renderer() -> None:
    assert "CLAUDE_CODE_NO_FLICKER" in client_environment(OWN, carries_on=False, keeps_renderer=True)
