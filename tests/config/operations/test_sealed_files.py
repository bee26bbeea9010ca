"""Encrypted backups: nothing in the clear stays behind, and both doors open for the right key only."""

import dataclasses
import shutil

import pyrage
import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import FileSystemStorage
from django.db import connection
from django.utils.translation import override

from config.operations.durable_files import NotEnoughSpace
from config.operations.encryption import DamagedFile, Identities, NoFittingKey
from config.operations.manifest import Level, State, read_manifest, write_manifest
from config.operations.sealed_files import opened_dump, opened_file
from config.operations.verification import UnableToVerify, verify_backup
from tests.config.operations.backup_sources import NOW, back_up, source_database

KEY = pyrage.x25519.Identity.generate()
OWN = Identities(keys=(KEY,))
OTHER = Identities(keys=(pyrage.x25519.Identity.generate(),))
RECEIPT = b"receipt of the camp"


@pytest.fixture(autouse=True)
def english():
    with override("en"):
        yield


@pytest.fixture(scope="module")
def original(django_db_setup, django_db_blocker, tmp_path_factory):
    """Return a folder with an encrypted and verified backup, of which nothing is changed."""
    name = f"{connection.settings_dict['NAME']}_sealed"
    home = tmp_path_factory.mktemp("sealed")
    FileSystemStorage(location=home / "media").save("receipts/1", ContentFile(RECEIPT))
    with django_db_blocker.unblock(), source_database(name):
        back_up(
            home / "backups",
            media=home / "media",
            level=Level.RESTORED,
            recipients=[str(key) for key in OWN.public_keys],
        )
        yield home / "backups"


@pytest.fixture
def folder(original, tmp_path):
    return shutil.copytree(original, tmp_path / "backups")


@pytest.fixture
def backup(folder):
    [path] = folder.glob("2*")
    return path


def verify(path, identities, level=Level.READ):
    return verify_backup(
        folder=path.parent,
        name=path.name,
        level=level,
        now=NOW,
        identities=identities,
    ).verification


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


class TestEncryptedBackup:
    def test_is_verified_although_the_server_has_no_private_key(self, original):
        [path] = original.glob("2*")

        manifest = read_manifest(folder=path)

        assert manifest.state is State.VERIFIED
        assert manifest.recipients == OWN.public_keys
        assert manifest.is_encrypted

    def test_keeps_nothing_in_the_clear(self, original):
        names = set(contents(original)) - {".lock", "manifest.json"}

        assert {name.rpartition(".")[2] for name in names} == {"age"}
        assert not [name for name, content in contents(original).items() if RECEIPT in content]
        assert b"PGDMP" not in b"".join(contents(original).values())

    def test_costs_only_what_is_new_and_all_for_a_new_recipient(self, folder, tmp_path):
        media = tmp_path / "media"
        FileSystemStorage(location=media).save("receipts/1", ContentFile(RECEIPT))

        again = back_up(folder, media=media, recipients=OWN.public_keys)
        other = back_up(folder, media=media, recipients=OTHER.public_keys)

        assert (again.new_file_bytes, other.new_file_bytes > len(RECEIPT)) == (0, True)
        with opened_file(file=other.manifest.files[0], folder=folder, identities=OTHER) as file:
            assert file.read() == RECEIPT


class TestVerifyBackup:
    def test_checks_the_hashes_without_a_key(self, backup):
        assert verify(backup, Identities(), Level.HASH).passed

    @pytest.mark.parametrize("level", [Level.READ, Level.RESTORED])
    def test_opens_it_with_the_key(self, backup, level):
        assert verify(backup, OWN, level).problems == ()

    @pytest.mark.parametrize(("identities", "words"), [(Identities(), "--identity"), (OTHER, "None of the")])
    def test_knows_nothing_against_it_without_the_right_key(self, backup, identities, words):
        with pytest.raises(UnableToVerify, match=words):
            verify(backup, identities)

        assert read_manifest(folder=backup).state is State.VERIFIED

    @pytest.mark.parametrize("name", ["*/data.dump.age", "files/*/*.age"])
    @pytest.mark.parametrize("damage", ["cut off", "flipped"])
    def test_finds_damage_without_a_key(self, folder, backup, name, damage):
        [path] = folder.glob(name)
        content = bytearray(path.read_bytes())
        if damage == "flipped":
            content[-20] ^= 1
        path.write_bytes(content[:-1] if damage == "cut off" else content)

        assert len(verify(backup, Identities(), Level.HASH).problems) == 1

    def test_finds_an_uploaded_file_that_was_encrypted_from_another_one(self, backup):
        manifest = read_manifest(folder=backup)
        [file] = manifest.files
        wrong = dataclasses.replace(file, size=file.size + 1)
        write_manifest(folder=backup, manifest=dataclasses.replace(manifest, files=(wrong,)))

        assert verify(backup, OWN).problems == ("receipts/1 was decrypted, but is not what was encrypted.",)


class TestOpenedDump:
    def test_leaves_nothing_in_the_folder(self, folder, backup):
        before = sorted(contents(folder))

        with opened_dump(path=backup, manifest=read_manifest(folder=backup), identities=OWN) as dump:
            beginning = dump.read_bytes()[:5]
            meanwhile = sorted(contents(folder))

        assert beginning == b"PGDMP"
        assert meanwhile == before
        assert not dump.exists()

    def test_refuses_what_there_is_no_room_for(self, backup):
        manifest = read_manifest(folder=backup)
        huge = dataclasses.replace(manifest, dump=dataclasses.replace(manifest.dump, size=2**60))

        with (
            pytest.raises(NotEnoughSpace),
            opened_dump(path=backup, manifest=huge, identities=OWN),
        ):
            pass

    def test_refuses_what_was_cut_off(self, backup):
        dump = backup / "data.dump.age"
        dump.write_bytes(dump.read_bytes()[:-1])

        with (
            pytest.raises(DamagedFile, match=r"data\.dump\.age"),
            opened_dump(path=backup, manifest=read_manifest(folder=backup), identities=OWN),
        ):
            pass


class TestOpenedFile:
    def test_yields_what_was_uploaded(self, folder, backup):
        [file] = read_manifest(folder=backup).files

        with opened_file(file=file, folder=folder, identities=OWN) as content:
            assert content.read() == RECEIPT

    def test_stays_closed_for_another_key(self, folder, backup):
        [file] = read_manifest(folder=backup).files

        with (
            pytest.raises(NoFittingKey, match=r"receipts/1: None"),
            opened_file(file=file, folder=folder, identities=OTHER),
        ):
            pass
