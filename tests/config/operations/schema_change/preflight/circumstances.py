"""What the items of the checklist are asked with in tests."""

import datetime

from config.operations.schema_change.preflight.remarks import Circumstances, Outcome

NOW = datetime.datetime(2025, 8, 5, 3, 0, tzinfo=datetime.UTC)


def circumstances(folder, **changes):
    return Circumstances(**{"alias": "default", "folder": folder, "now": NOW, "is_strict": True, **changes})


def problems(remarks):
    """Return (outcome, sentence, remedy) of what is not well."""
    return [
        (remark.outcome, remark.sentence, remark.remedy)
        for remark in remarks
        if remark.outcome is not Outcome.OK
    ]
