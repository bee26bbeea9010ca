"""Which revision of the code this is."""

from pathlib import Path


def read_release(*, folder: Path) -> str:
    """Return the commit that is checked out in `folder`; "" where there is no repository."""
    git = folder / ".git"
    try:
        head = (git / "HEAD").read_text(encoding="utf-8").strip()
        if not head.startswith("ref: "):
            return head
        name = head.removeprefix("ref: ")
        loose = git / name
        return loose.read_text(encoding="utf-8").strip() if loose.exists() else _packed(git, name)
    except OSError:
        return ""


def _packed(git: Path, name: str) -> str:
    for line in (git / "packed-refs").read_text(encoding="utf-8").splitlines():
        commit, _space, reference = line.partition(" ")
        if reference == name:
            return commit
    return ""
