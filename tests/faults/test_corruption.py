"""Damage of every kind, anywhere in a backup: each is found, and a sound backup never raises an alarm."""

import json
import random
import shutil

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import FileSystemStorage
from django.db import connection
from django.utils.translation import override

from config.operations.manifest import FILE_NAME, Level, State
from config.operations.restore import UnableToRestore, plan_restore
from config.operations.verification import verify_backup
from tests.config.operations.backup_sources import NOW, back_up, session, source_database

FLIPS, TRUNCATIONS, MANIFEST_FLIPS, CLEAN_RUNS = 250, 100, 150, 20


@pytest.fixture(scope="module")
def originals(django_db_setup, django_db_blocker, tmp_path_factory):
    """Return a folder with two backups, and let the default connection lead to what was backed up."""
    home = tmp_path_factory.mktemp("originals")
    storage = FileSystemStorage(location=home / "media")
    storage.save("receipts/1.jpg", ContentFile(random.Random(1).randbytes(5000)))
    storage.save("receipts/2.jpg", ContentFile(b"second"))
    name = f"{connection.settings_dict['NAME']}_corrupted"
    with django_db_blocker.unblock(), override("en"), source_database(name):
        back_up(home / "backups", media=home / "media")
        with session() as database:
            database.execute("INSERT INTO without_a_key VALUES ('later')")
        back_up(home / "backups", media=home / "media")
        yield home / "backups"


@pytest.fixture
def backup(originals, tmp_path):
    folder = shutil.copytree(originals, tmp_path / "backups")
    return sorted(folder.glob("2*"))[0]


def flip(path, chance):
    content = bytearray(path.read_bytes())
    content[chance.randrange(len(content))] ^= 1 << chance.randrange(8)
    path.write_bytes(content)


def truncate(path, chance):
    content = path.read_bytes()
    path.write_bytes(content[: chance.randrange(len(content))])


def zero(path, chance):
    content = bytearray(path.read_bytes())
    start = chance.randrange(len(content) - 64)
    content[start : start + 64] = bytes(64) if any(content[start : start + 64]) else b"\1" * 64
    path.write_bytes(content)


def append(path, chance):
    path.write_bytes(path.read_bytes() + bytes([chance.randrange(256)]))


def edit_manifest(path, chance):
    """Change one value of a manifest, as somebody would with an editor."""
    content = json.loads(path.read_text())
    name = chance.choice(sorted(content.keys() - {"checksum"}))
    content[name] = [] if content[name] else "changed"
    path.write_text(json.dumps(content))


def swap(backup):
    other = sorted(backup.parent.glob("2*"))[1]
    (backup / "data.dump").write_bytes((other / "data.dump").read_bytes())


def uploaded(backup):
    return sorted(path for path in (backup.parent / "files").rglob("*") if path.is_file())


def random_damages():
    dump, manifest = (lambda backup: backup / "data.dump"), (lambda backup: backup / FILE_NAME)
    for number in range(FLIPS):
        yield flip, dump, number
    for number in range(TRUNCATIONS):
        yield truncate, dump, number
    for number in range(20):
        yield zero, dump, number
        yield append, dump, number
        yield flip, (lambda backup: uploaded(backup)[0]), number
        yield truncate, (lambda backup: uploaded(backup)[1]), number
        yield edit_manifest, manifest, number
    for number in range(MANIFEST_FLIPS):
        yield flip, manifest, number
        yield truncate, manifest, number


def is_found(backup):
    with override("en"):
        verified = verify_backup(folder=backup.parent, name=backup.name, level=Level.HASH, now=NOW)
        return not verified.verification.passed and is_refused(backup)


def is_refused(backup):
    """Whether a restore would not take it."""
    try:
        plan_restore(folder=backup.parent, name=backup.name, now=NOW)
    except UnableToRestore:
        return True
    return False


def test_every_random_damage_is_found(backup):
    sound = {path: path.read_bytes() for path in [*backup.iterdir(), *uploaded(backup)]}
    damages, missed = list(random_damages()), []

    for damage, find, number in damages:
        path = find(backup)
        damage(path, random.Random(number))
        assert path.read_bytes() != sound[path]
        if not is_found(backup):
            missed.append((damage.__name__, path.name, number))
        for each, content in sound.items():
            each.write_bytes(content)

    assert len(damages) >= 500
    assert missed == []


@pytest.mark.parametrize("gone", ["data.dump", FILE_NAME])
def test_a_missing_file_is_found(backup, gone):
    (backup / gone).unlink()

    assert is_found(backup)


def test_a_missing_uploaded_file_is_found(backup):
    uploaded(backup)[0].unlink()

    assert is_found(backup)


def test_the_dump_of_another_backup_is_found(backup):
    swap(backup)

    assert is_found(backup)


def test_sound_backups_never_raise_an_alarm(originals, tmp_path):
    states = [
        back_up(tmp_path / "clean", media=originals.parent / "media", level=Level.RESTORED).manifest.state
        for _run in range(CLEAN_RUNS)
    ]

    assert states == [State.VERIFIED] * CLEAN_RUNS
