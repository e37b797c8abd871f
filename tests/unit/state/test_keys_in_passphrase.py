"""A key behind a passphrase: asked for once, refused by name, and never at the file's own price."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from memguard.core.errors import StateError
from memguard.state.envelope import fingerprint
from memguard.state.keys import WrongPassphraseError, in_passphrase, private_keys, public_key
from memguard.state.keys.current import rotate
from memguard.state.keys.in_passphrase import COST, Cost
from memguard.state.keys.key_file import PASSPHRASE, PRIVATE, parse
from memguard.state.keys.pair import new_pair
from tests.vectors.generate import public_of

SCRYPT = "cryptography.hazmat.primitives.kdf.scrypt.Scrypt"
WORDS = "three pears in a boat"


@pytest.fixture(autouse=True)
def cheap(monkeypatch: pytest.MonkeyPatch) -> None:
    """1 MiB a guess: what is shown here does not depend on the price."""
    monkeypatch.setattr(in_passphrase, "COST", Cost(10, 8, 1))


class Person:
    """Answers with these passphrases in turn, and counts."""

    def __init__(self, *answers: str) -> None:
        self.answers = list(answers)
        self.asked: list[str] = []

    def __call__(self, prompt: str) -> str:
        self.asked.append(prompt)
        return self.answers.pop(0)


def file_of(state: Path, name: str) -> Path:
    return state / "keys" / f"{name}.passphrase"


def test_sealing_never_asks_and_opening_asks_once(tmp_path: Path) -> None:
    name = rotate(str(tmp_path), PASSPHRASE, WORDS)
    public = public_key(str(tmp_path))
    assert fingerprint(public) == name
    person = Person(WORDS)
    keys = private_keys(str(tmp_path), person)
    assert keys.key_for(name) == keys.key_for(name)
    assert public_of(keys.key_for(name)) == public
    assert [name in prompt for prompt in person.asked] == [True]


def test_what_is_on_the_disk_holds_neither_key_nor_passphrase(tmp_path: Path) -> None:
    name = rotate(str(tmp_path), PASSPHRASE, WORDS)
    private = private_keys(str(tmp_path), Person(WORDS)).key_for(name)
    for path in (tmp_path / "keys").iterdir():
        for secret in (private, private.hex().encode(), WORDS.encode()):
            assert secret not in path.read_bytes()


def test_a_wrong_passphrase_is_named_and_asked_for_once(tmp_path: Path) -> None:
    name = rotate(str(tmp_path), PASSPHRASE, WORDS)
    person = Person("three pears in a bowl")
    keys = private_keys(str(tmp_path), person)
    for _ in range(3):  # as many snapshots
        with pytest.raises(WrongPassphraseError, match=name):
            keys.key_for(name)
    assert len(person.asked) == 1


def test_keys_behind_the_same_passphrase_ask_once_in_all(tmp_path: Path) -> None:
    names = [rotate(str(tmp_path), PASSPHRASE, words) for words in (WORDS, "quite another one", WORDS)]
    person = Person(WORDS, "quite another one")
    keys = private_keys(str(tmp_path), person)
    assert len({keys.key_for(names[number]) for number in (0, 2, 1)}) == 3
    assert len(person.asked) == 2


def test_where_nobody_can_be_asked_it_says_what_to_do(tmp_path: Path) -> None:
    name = rotate(str(tmp_path), PASSPHRASE, WORDS)
    with pytest.raises(StateError, match="behind a passphrase") as caught:
        private_keys(str(tmp_path)).key_for(name)
    assert "--passphrase-file" in caught.value.next_step


def test_the_same_characters_typed_as_other_code_points_open_it(tmp_path: Path) -> None:
    name = rotate(str(tmp_path), PASSPHRASE, "caf\u00e9 cr\u00e8me")
    assert private_keys(str(tmp_path), Person("cafe\u0301 cre\u0300me")).key_for(name)


@pytest.mark.parametrize("passphrase", ["", "seven  "])
def test_a_passphrase_that_is_hardly_one_is_refused_and_nothing_changes(tmp_path: Path, passphrase: str) -> None:
    before = public_key(str(tmp_path))
    with pytest.raises(StateError, match="at least 8 characters"):
        rotate(str(tmp_path), PASSPHRASE, passphrase)
    assert public_key(str(tmp_path)) == before


@pytest.mark.parametrize("line", ["made", "salt", "sealed"])
def test_any_changed_line_keeps_it_shut(tmp_path: Path, line: str) -> None:
    name = rotate(str(tmp_path), PASSPHRASE, WORDS)
    values = parse(file_of(tmp_path, name).read_text(), "").values
    changed = values[line].translate(str.maketrans("0123456789", "1234567891"))
    text = file_of(tmp_path, name).read_text()
    file_of(tmp_path, name).write_text(text.replace(f"{line}={values[line]}", f"{line}={changed}"))
    with pytest.raises(WrongPassphraseError) as caught:
        private_keys(str(tmp_path), Person(WORDS)).key_for(name)
    assert "changed" in caught.value.next_step


@pytest.mark.parametrize("scrypt", ["19 8 1", "99 8 1", "17 999 1", "17 9 1", "17 8 5", "1 8 99"])
def test_a_hostile_file_can_not_make_us_work(tmp_path: Path, scrypt: str, monkeypatch: pytest.MonkeyPatch) -> None:
    name = rotate(str(tmp_path), PASSPHRASE, WORDS)
    text = file_of(tmp_path, name).read_text()
    file_of(tmp_path, name).write_text(text.replace("scrypt=10 8 1", f"scrypt={scrypt}"))
    monkeypatch.setattr(SCRYPT, None)  # whoever begins to work fails
    with pytest.raises(StateError, match="more work than memguard ever writes"):
        private_keys(str(tmp_path), Person(WORDS)).key_for(name)


@pytest.mark.parametrize(
    "scrypt", ["0 8 1", "-1 8 1", "17 8", "17 8 1 1", "017 8 1", "17  8 1", "\u0661 8 1", "1e1 8 1"]
)
def test_parameters_in_another_spelling_are_no_key_file(tmp_path: Path, scrypt: str) -> None:
    name = rotate(str(tmp_path), PASSPHRASE, WORDS)
    text = file_of(tmp_path, name).read_text()
    file_of(tmp_path, name).write_text(text.replace("scrypt=10 8 1", f"scrypt={scrypt}"))
    with pytest.raises(StateError, match="not a key file"):
        private_keys(str(tmp_path), Person(WORDS)).key_for(name)


def test_too_little_memory_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    name = rotate(str(tmp_path), PASSPHRASE, WORDS)

    class NoRoom:
        def __init__(self, **_: object) -> None:
            raise MemoryError

    monkeypatch.setattr(SCRYPT, NoRoom)
    with pytest.raises(StateError, match="MiB, which are not to be had"):
        private_keys(str(tmp_path), Person(WORDS)).key_for(name)


def test_a_guess_costs_128_mib_and_a_reader_pays_at_most_twice_that() -> None:
    assert COST.memory_bytes >> 20 == 128
    assert in_passphrase._MOST.memory_bytes >> 20 == 256
    assert all(own <= most for own, most in zip(COST, in_passphrase._MOST, strict=True))


def test_the_real_price_opens_what_it_sealed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(in_passphrase, "COST", COST)
    pair = new_pair()
    key_file = in_passphrase.housed(pair, WORDS)
    assert key_file.values["scrypt"] == "17 8 1"
    assert in_passphrase.opened(parse(key_file.to_text(), ""), WORDS) == pair.private


def test_a_file_that_was_made_from_the_page_alone_opens() -> None:
    """By Python's own Scrypt, as `docs/envelope.md` says it."""
    pair, salt = new_pair(), bytes(range(16))
    lines = (
        f"memguard-key 2 passphrase\npublic={pair.public.hex()}\nmade={pair.made}\nscrypt=11 8 2\nsalt={salt.hex()}\n"
    )
    key = hashlib.scrypt("caf\u00e9 cr\u00e8me".encode(), salt=salt, n=2048, r=8, p=2, maxmem=1 << 24, dklen=32)
    sealed = AESGCM(key).encrypt(bytes(12), pair.private, lines.encode())
    assert in_passphrase.opened(parse(f"{lines}sealed={sealed.hex()}\n", ""), "cafe\u0301 cre\u0300me") == pair.private


def test_two_files_of_one_key_and_one_passphrase_share_nothing() -> None:
    pair = new_pair()
    first, second = (in_passphrase.housed(pair, WORDS).values for _ in range(2))
    assert first["salt"] != second["salt"]
    assert first["sealed"] != second["sealed"]


def test_a_rotation_leaves_the_key_that_is_in_a_file_openable_without_asking(tmp_path: Path) -> None:
    first = rotate(str(tmp_path), PRIVATE)
    rotate(str(tmp_path), PASSPHRASE, WORDS)
    assert private_keys(str(tmp_path)).key_for(first)
