"""What every command that takes long does around its work."""

import contextlib
import sys
from collections.abc import Iterator

from config.operations.progress import Progress, showing_progress
from config.operations.termination import orderly_termination


@contextlib.contextmanager
def long_work(*, verbosity: int) -> Iterator[Progress]:
    """Leave in order when told to stop, and show on stderr how far the work is."""
    with orderly_termination(), showing_progress(stream=sys.stderr, verbosity=verbosity) as progress:
        yield progress
