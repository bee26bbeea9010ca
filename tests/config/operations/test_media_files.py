"""The uploaded files of a backup."""

import contextlib
import io

import pytest
from django.core.files.base import ContentFile, File
from django.core.files.storage import FileSystemStorage, InMemoryStorage

from config.operations.media_files import (
    FileKeepsChanging,
    find_faulty_files,
    list_files,
    path_of,
    store_files,
)
from config.operations.progress import Progress


@pytest.fixture
def storage():
    storage = InMemoryStorage()
    storage.save("receipts/1.jpg", ContentFile(b"first"))
    storage.save("receipts/deep/2.jpg", ContentFile(b"second"))
    storage.save("thumbnails/1.jpg", ContentFile(b"first"))
    return storage


class GrowingStorage(InMemoryStorage):
    """Appends to a file whenever it is opened."""

    opened = 0

    def _open(self, name, mode="rb"):
        self.opened += 1
        return File(io.BytesIO(b"x" * self.opened), name)


class ForgetfulStorage(InMemoryStorage):
    """Lists a file that has just been deleted."""

    def _open(self, name, mode="rb"):
        if name.endswith("1.jpg"):
            raise FileNotFoundError(name)
        return super()._open(name, mode)

    def size(self, name):
        with self.open(name):
            return super().size(name)


class Counting(Progress):
    """Counts what is done of a total."""

    @contextlib.contextmanager
    def measure(self, total, *, unit):
        self.total, self.done = total, []
        yield self.done.append


class TestListFiles:
    def test_walks_through_the_folders(self, storage):
        assert list(list_files(storage=storage)) == [
            "receipts/1.jpg",
            "receipts/deep/2.jpg",
            "thumbnails/1.jpg",
        ]

    def test_leaves_out_what_the_health_check_writes(self, storage):
        storage.save(".health-0123", ContentFile(b"probe"))

        assert not [name for name in list_files(storage=storage) if "health" in name]

    def test_finds_nothing_where_nothing_was_ever_uploaded(self, tmp_path):
        assert list(list_files(storage=FileSystemStorage(location=tmp_path / "none"))) == []


class TestStoreFiles:
    def test_keeps_equal_contents_once(self, storage, tmp_path):
        stored = store_files(storage=storage, folder=tmp_path)

        kept = [path for path in tmp_path.rglob("*") if path.is_file()]
        assert len(stored.files) == 3
        assert sorted(path.read_bytes() for path in kept) == [b"first", b"second"]
        assert stored.new_bytes == len(b"first" + b"second")

    def test_costs_only_what_is_new(self, storage, tmp_path):
        store_files(storage=storage, folder=tmp_path)
        storage.save("receipts/3.jpg", ContentFile(b"third"))

        stored = store_files(storage=storage, folder=tmp_path)

        assert stored.new_bytes == len(b"third")
        assert list(find_faulty_files(files=stored.files, folder=tmp_path)) == []

    def test_tells_how_many_bytes_are_done(self, storage, tmp_path):
        progress = Counting()

        store_files(storage=storage, folder=tmp_path, progress=progress)

        assert (progress.total, progress.done) == (16, [5, 6, 5])

    def test_repairs_one_that_was_cut_off(self, storage, tmp_path):
        stored = store_files(storage=storage, folder=tmp_path)
        path_of(sha256=stored.files[0].sha256, folder=tmp_path).write_bytes(b"fir")

        again = store_files(storage=storage, folder=tmp_path)

        assert again.new_bytes == len(b"first")
        assert list(find_faulty_files(files=again.files, folder=tmp_path)) == []

    def test_notices_a_file_that_changes_meanwhile(self, tmp_path):
        storage = GrowingStorage()
        storage.save("receipts/1.jpg", ContentFile(b""))

        with pytest.raises(FileKeepsChanging, match=r"receipts/1\.jpg"):
            store_files(storage=storage, folder=tmp_path)

        assert [path for path in tmp_path.rglob("*") if path.is_file()] == []

    def test_names_a_file_that_was_deleted_meanwhile(self, tmp_path):
        storage = ForgetfulStorage()
        storage.save("receipts/1.jpg", ContentFile(b"first"))
        storage.save("receipts/2.jpg", ContentFile(b"second"))

        stored = store_files(storage=storage, folder=tmp_path)

        assert stored.vanished == ("receipts/1.jpg",)
        assert [file.name for file in stored.files] == ["receipts/2.jpg"]


class TestFindFaultyFiles:
    @pytest.mark.parametrize("content", [b"fi", b"First", b""])
    def test_names_what_is_damaged(self, storage, tmp_path, content):
        stored = store_files(storage=storage, folder=tmp_path)
        path_of(sha256=stored.files[0].sha256, folder=tmp_path).write_bytes(content)

        faults = list(find_faulty_files(files=stored.files, folder=tmp_path))

        assert len(faults) == 2
        assert "receipts/1.jpg" in faults[0]
        assert "thumbnails/1.jpg" in faults[1]

    def test_names_what_is_missing(self, storage, tmp_path):
        stored = store_files(storage=storage, folder=tmp_path)
        path_of(sha256=stored.files[1].sha256, folder=tmp_path).unlink()

        [fault] = find_faulty_files(files=stored.files, folder=tmp_path)

        assert "receipts/deep/2.jpg" in fault
