"""The small file that decides whether a folder is a backup."""

import dataclasses
import datetime
import json

import pytest

from config.operations.fingerprints import Fingerprint
from config.operations.manifest import (
    FILE_NAME,
    FORMAT,
    Copy,
    DatabaseFacts,
    Kind,
    Level,
    Manifest,
    NewerManifest,
    Sealed,
    State,
    StoredFile,
    UnreadableManifest,
    Verification,
    hash_of,
    read_manifest,
    write_manifest,
)

NOW = datetime.datetime(2025, 8, 5, 3, 0, tzinfo=datetime.UTC)
STORED = StoredFile(name="data.dump", size=9, sha256="ab" * 32)
MANIFEST = Manifest(
    id="20250805T030000Z_parish_budget_a1b2c3",
    reason="여름 캠프 전",
    started_at=NOW,
    project_version="0.1.0",
    pg_dump_version="15.14",
    snapshot="00000003-0000001B-1",
    database=DatabaseFacts(
        server_version="15.14",
        system_identifier="7",
        name="parish_budget",
        size=9,
        encoding="UTF8",
        collation="C.UTF-8",
        character_type="C.UTF-8",
        extensions={"pg_trgm": "1.6"},
        log_position="0/0",
    ),
    dump=STORED,
    tables={"public.users": Fingerprint(rows=2, hash="-3"), "public.events": Fingerprint(rows=5, hash="4")},
    sequences={"public.users_id_seq": 2},
    schema={"Name: users; Type: TABLE": "cd" * 32},
    migrations=("budget.0002_users",),
    files=(StoredFile(name="receipts/1", size=11, sha256="ef" * 32),),
    files_vanished=("receipts/2",),
    seconds={"dump": 0.5},
    verified=(Verification(level=Level.READ, at=NOW, passed=False, seconds=1.5, problems=("torn",)),),
)

# As the first release wrote it.
FORMAT_1 = """{
"format": 1,
"id": "20250805T030000Z_parish_budget_a1b2c3",
"reason": "여름 캠프 전",
"started_at": "2025-08-05T03:00:00+00:00",
"project_version": "0.1.0",
"pg_dump_version": "15.14",
"snapshot": "00000003-0000001B-1",
"database": {
"server_version": "15.14", "system_identifier": "7", "name": "parish_budget", "size": 9,
"encoding": "UTF8",
"collation": "C.UTF-8", "character_type": "C.UTF-8", "extensions": {"pg_trgm": "1.6"},
"log_position": "0/0"},
"dump": {"name": "data.dump", "size": 9,
"sha256": "abababababababababababababababababababababababababababababababab"},
"tables": {"public.users": {"rows": 2, "hash": "-3"}},
"sequences": {"public.users_id_seq": 2},
"schema": {"Name: users; Type: TABLE": "cdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcd"},
"migrations": ["budget.0002_users"],
"files": [{"name": "receipts/1", "size": 11,
"sha256": "efefefefefefefefefefefefefefefefefefefefefefefefefefefefefefefef"}],
"files_vanished": ["receipts/2"],
"seconds": {"dump": 0.5},
"verified": [],
"schema_hash": "9b50ee4062756cb8b3fbda80e3265533505d9c4482dda75f734913d7965e7b4f",
"migrations_hash": "f6b65c0ce76ee15aae7b85fc11935d7386362202d26d450f7ae630d990ea323c",
"checksum": "e22ec71d6c7ddbf2d934bdc2896f6c60e14b5033ecbe61f6fcbd68632abb6c19"
}
"""


def verified(*results):
    """Return a manifest with verifications such as "L2" or, for one that failed, "L2!"."""
    verifications = [
        Verification(level=Level(each[:2]), at=NOW, passed=not each.endswith("!"), seconds=1)
        for each in results
    ]
    return dataclasses.replace(MANIFEST, verified=tuple(verifications))


class TestReadManifest:
    def test_returns_what_was_written(self, tmp_path):
        write_manifest(folder=tmp_path, manifest=MANIFEST)

        assert read_manifest(folder=tmp_path) == MANIFEST
        assert [path.name for path in tmp_path.iterdir()] == [FILE_NAME]

    def test_keeps_korean_readable_in_the_file(self, tmp_path):
        write_manifest(folder=tmp_path, manifest=MANIFEST)

        assert "여름 캠프 전" in (tmp_path / FILE_NAME).read_text(encoding="utf-8")

    def test_refuses_a_folder_without_one(self, tmp_path):
        with pytest.raises(UnreadableManifest):
            read_manifest(folder=tmp_path)

    @pytest.mark.parametrize("length", [0, 1, 100, -2])
    def test_refuses_a_truncated_one(self, tmp_path, length):
        write_manifest(folder=tmp_path, manifest=MANIFEST)
        path = tmp_path / FILE_NAME
        path.write_bytes(path.read_bytes()[:length])

        with pytest.raises(UnreadableManifest):
            read_manifest(folder=tmp_path)

    @pytest.mark.parametrize("content", [b"[]", b"null", b'{"format": 1}', b'{"checksum": ""}', b"\xff\xfe"])
    def test_refuses_what_is_no_manifest_at_all(self, tmp_path, content):
        (tmp_path / FILE_NAME).write_bytes(content)

        with pytest.raises(UnreadableManifest):
            read_manifest(folder=tmp_path)

    @pytest.mark.parametrize(
        ("old", "new"), [('"rows": 5', '"rows": 4'), ("0002", "0003"), ("false", "true"), ("abab", "abac")]
    )
    def test_refuses_an_edited_one(self, tmp_path, old, new):
        write_manifest(folder=tmp_path, manifest=MANIFEST)
        path = tmp_path / FILE_NAME
        text = path.read_text(encoding="utf-8")
        path.write_text(text.replace(old, new, 1), encoding="utf-8")

        assert old in text
        with pytest.raises(UnreadableManifest):
            read_manifest(folder=tmp_path)

    def test_returns_what_the_first_release_wrote(self, tmp_path):
        (tmp_path / FILE_NAME).write_text(FORMAT_1, encoding="utf-8")

        manifest = read_manifest(folder=tmp_path)

        tables = {"public.users": Fingerprint(rows=2, hash="-3")}
        assert manifest == dataclasses.replace(MANIFEST, tables=tables, verified=())
        assert (manifest.kind, manifest.pinned, manifest.is_encrypted) == (Kind.MANUAL, False, False)

    def test_returns_all_that_this_release_adds(self, tmp_path):
        sealed = Sealed(size=300, sha256="01" * 32, recipients="0123456789abcdef")
        manifest = dataclasses.replace(
            MANIFEST,
            dump=dataclasses.replace(STORED, sealed=sealed),
            kind=Kind.MIGRATION,
            pinned=True,
            recipients=("age1",),
            copies=(Copy(at=NOW, place="/mnt/share"),),
        )
        write_manifest(folder=tmp_path, manifest=manifest)

        assert read_manifest(folder=tmp_path) == manifest
        assert manifest.size == 300 + 11

    @pytest.mark.parametrize(
        "changes",
        [
            {"files": (StoredFile(name="x", size=1, sha256="../../etc/passwd"),)},
            {"dump": dataclasses.replace(STORED, name="../data.dump")},
        ],
    )
    def test_refuses_one_that_leads_out_of_its_folder(self, tmp_path, changes):
        write_manifest(folder=tmp_path, manifest=dataclasses.replace(MANIFEST, **changes))

        with pytest.raises(UnreadableManifest):
            read_manifest(folder=tmp_path)

    def test_refuses_the_one_of_a_newer_release(self, tmp_path):
        write_manifest(folder=tmp_path, manifest=MANIFEST)
        content = json.loads((tmp_path / FILE_NAME).read_bytes())
        del content["checksum"]
        content |= {"format": FORMAT + 1}
        (tmp_path / FILE_NAME).write_text(json.dumps({**content, "checksum": hash_of(content)}))

        with pytest.raises(NewerManifest):
            read_manifest(folder=tmp_path)


class TestState:
    @pytest.mark.parametrize(
        ("results", "state", "level"),
        [
            ((), State.COMPLETE, None),
            (("L0",), State.COMPLETE, Level.HASH),
            (("L1",), State.COMPLETE, Level.READ),
            (("L2",), State.VERIFIED, Level.RESTORED),
            (("L2", "L0"), State.VERIFIED, Level.RESTORED),
            (("L2", "L0!"), State.FAILED, None),
            (("L2", "L0!", "L0"), State.COMPLETE, Level.HASH),
            (("L2!", "L2"), State.VERIFIED, Level.RESTORED),
        ],
    )
    def test_follows_from_the_verifications(self, results, state, level):
        manifest = verified(*results)

        assert manifest.state is state
        assert (manifest.proof.level if manifest.proof else None) is level
