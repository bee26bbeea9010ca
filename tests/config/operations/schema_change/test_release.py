import pytest

from config.operations.schema_change.release import read_release

COMMIT = "0123456789abcdef0123456789abcdef01234567"


@pytest.fixture
def repository(tmp_path):
    """Return a function that writes files into the folder .git."""

    def write(**files):
        (tmp_path / ".git" / "refs" / "heads").mkdir(parents=True)
        for name, text in files.items():
            (tmp_path / ".git" / name.replace("__", "/").replace("_", "-")).write_text(text)
        return tmp_path

    return write


class TestReadRelease:
    def test_follows_the_branch_that_is_checked_out(self, repository):
        folder = repository(HEAD="ref: refs/heads/main\n", refs__heads__main=f"{COMMIT}\n")

        assert read_release(folder=folder) == COMMIT

    def test_finds_a_branch_that_git_has_packed(self, repository):
        folder = repository(
            HEAD="ref: refs/heads/main\n", packed_refs=f"# pack-refs\n{COMMIT} refs/heads/main\n"
        )

        assert read_release(folder=folder) == COMMIT

    def test_takes_a_commit_that_is_checked_out_by_itself(self, repository):
        assert read_release(folder=repository(HEAD=f"{COMMIT}\n")) == COMMIT

    @pytest.mark.parametrize("files", [{"HEAD": "ref: refs/heads/gone\n"}, {}])
    def test_knows_nothing_where_git_knows_nothing(self, repository, files):
        assert read_release(folder=repository(**files)) == ""

    def test_knows_nothing_without_a_repository(self, tmp_path):
        assert read_release(folder=tmp_path) == ""
