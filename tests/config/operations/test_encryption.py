"""The age format: what is encrypted comes back for the right key only, and whole or not at all."""

import io
import shutil
import subprocess

import pyrage
import pytest
from django.utils.translation import override

from config.operations.encryption import (
    NO_IDENTITIES,
    DamagedFile,
    Identities,
    NoFittingKey,
    UnusableIdentities,
    decrypt,
    new_seal,
    read_identities,
)

CONTENT = b"receipt" * 20_000
KEY = pyrage.x25519.Identity.generate()
OWN = Identities(keys=(KEY,))


@pytest.fixture(autouse=True)
def english():
    with override("en"):
        yield


@pytest.fixture
def seal():
    return new_seal(recipients=(str(KEY.to_public()),))


def encrypted(seal, content=CONTENT):
    target = io.BytesIO()
    seal.encrypt(source=io.BytesIO(content), target=target)
    return target.getvalue()


def opened(content, identities):
    target = io.BytesIO()
    decrypt(source=io.BytesIO(content), target=target, identities=identities)
    return target.getvalue()


@pytest.fixture
def key_file(tmp_path):
    """Return a function that writes a file of private keys, closed to others."""

    def write(content, mode=0o600):
        path = tmp_path / "keys.txt"
        path.write_text(content)
        path.chmod(mode)
        return path

    return write


class TestSeal:
    def test_lets_the_recipient_and_the_one_who_encrypted_open_it(self, seal):
        content = encrypted(seal)

        assert opened(content, OWN) == opened(content, seal.throw_away) == CONTENT
        assert b"receipt" not in content

    def test_measures_both_sides(self, seal):
        target = io.BytesIO()

        plain, sealed = seal.encrypt(source=io.BytesIO(CONTENT), target=target)

        assert (plain.size, sealed.size) == (len(CONTENT), len(target.getvalue()))
        assert plain == decrypt(source=io.BytesIO(target.getvalue()), target=None, identities=OWN)

    def test_is_called_otherwise_for_other_recipients_only(self, seal):
        other = str(pyrage.x25519.Identity.generate().to_public())
        keys = (*seal.recipients, other)

        names = [new_seal(recipients=each).short_name for each in (seal.recipients, keys, keys[::-1])]

        assert names[0] == seal.short_name
        assert names[0] != names[1] == names[2]

    @pytest.mark.parametrize("failure", [OSError(28, "No space left on device"), SystemExit(143)])
    def test_passes_on_what_interrupts_it(self, seal, failure):
        class Interrupted(io.BytesIO):
            def write(self, content):
                raise failure

        with pytest.raises(type(failure)) as caught:
            seal.encrypt(source=io.BytesIO(CONTENT), target=Interrupted())

        assert caught.value is failure

    def test_is_opened_by_the_program_age(self, seal, tmp_path, key_file):
        program = shutil.which("age")
        if program is None:
            pytest.skip("age is not installed")
        file = tmp_path / "data.age"
        file.write_bytes(encrypted(seal))
        command = [program, "--decrypt", "--identity", key_file(f"{KEY}\n"), file]

        assert subprocess.run(command, capture_output=True, check=True).stdout == CONTENT


class TestDecrypt:
    @pytest.mark.parametrize("length", [0, 5, 100, 70_000, -1], ids=lambda length: f"cut off at {length}")
    def test_refuses_what_was_cut_off(self, seal, length):
        with pytest.raises(DamagedFile):
            opened(encrypted(seal)[:length], OWN)

    @pytest.mark.parametrize("position", [3, -100, -70_000])
    def test_refuses_a_flipped_bit(self, seal, position):
        content = bytearray(encrypted(seal))
        content[position] ^= 1

        with pytest.raises(DamagedFile):
            opened(bytes(content), OWN)

    @pytest.mark.parametrize("failure", [OSError(28, "No space left on device"), SystemExit(143)])
    def test_does_not_take_what_interrupts_it_for_damage(self, seal, failure):
        class Interrupted(io.BytesIO):
            def write(self, content):
                raise failure

        with pytest.raises(type(failure)) as caught:
            decrypt(source=io.BytesIO(encrypted(seal)), target=Interrupted(), identities=OWN)

        assert caught.value is failure

    def test_names_the_public_keys_that_do_not_fit(self, seal):
        other = pyrage.x25519.Identity.generate()

        with pytest.raises(NoFittingKey, match=str(other.to_public())):
            opened(encrypted(seal), Identities(keys=(other,)))

    def test_says_how_to_give_the_key(self, seal):
        with pytest.raises(NoFittingKey, match=r"--identity FILE.*--level L0"):
            opened(encrypted(seal), NO_IDENTITIES)

    def test_opens_old_files_as_long_as_the_old_key_is_there_too(self, seal):
        identities = Identities(keys=(pyrage.x25519.Identity.generate(), KEY))

        assert opened(encrypted(seal), identities) == CONTENT


class TestReadIdentities:
    def test_reads_what_age_keygen_writes_several_times(self, key_file):
        other = pyrage.x25519.Identity.generate()
        file = key_file(f"# created: 2025-01-01\n# public key: age1\n{KEY}\n\n{other}\n")

        identities = read_identities(file=file)

        assert identities.public_keys == (str(KEY.to_public()), str(other.to_public()))
        assert "keys" not in repr(identities)

    @pytest.mark.parametrize(
        ("content", "mode", "words"),
        [
            (f"{KEY}\n", 0o640, r"chmod 600"),
            ("# nothing\n", 0o600, "no private key in"),
            (f"\n{str(KEY)[:-1]}\n", 0o600, "Line 2 of .*keys.txt"),
        ],
        ids=["open to others", "without a key", "with half a key"],
    )
    def test_refuses_without_showing_the_content(self, key_file, content, mode, words):
        with pytest.raises(UnusableIdentities, match=words) as caught:
            read_identities(file=key_file(content, mode))

        assert "SECRET-KEY-1" + str(KEY)[16:24] not in str(caught.value)

    def test_says_when_there_is_no_such_file(self, tmp_path):
        with pytest.raises(UnusableIdentities, match="No such file"):
            read_identities(file=tmp_path / "none")
