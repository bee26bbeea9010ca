"""What a model says about its audit, beside its columns."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Audited:
    """Which columns the trail must not know, and where a row's organization is found.

    `organization` is the column that holds its key, or, with `through`, the key of the row in that table
    which leads to it. Changes of the columns `masked` are recorded without their values; those `derived`
    follow from others and are not recorded.
    """

    masked: tuple[str, ...] = ()
    derived: tuple[str, ...] = ()
    organization: str = ""
    through: str = ""
