"""Whether a column can get another type without its table being written anew.

PostgreSQL spares itself the work where the bytes stay the same and no value can be too long. Its rules are in
ATColumnChangeRequiresRewrite, and in the functions that take away a cast to a greater length.
"""

import re
from collections.abc import Callable, Set
from dataclasses import dataclass

_ALIASES = {
    "varchar": "character varying",
    "char": "character",
    "varbit": "bit varying",
    "decimal": "numeric",
    "int": "integer",
    "int2": "smallint",
    "int4": "integer",
    "int8": "bigint",
    "float": "double precision",
    "float4": "real",
    "float8": "double precision",
    "bool": "boolean",
    "time": "time without time zone",
    "timetz": "time with time zone",
    "timestamp": "timestamp without time zone",
    "timestamptz": "timestamp with time zone",
}
_TYPE = re.compile(
    r"(?:\w+\.)?(?P<before>[^()\[\]]+?) *(?:\((?P<numbers>[\d, -]+)\))?"
    r"(?P<after>[^()\[\]]*)(?P<array>[\[\]\d ]*)"
)
_LENGTH_WHERE_NONE_IS_GIVEN = {"character": (1,), "bit": (1,)}
_TIMESTAMPS = {"timestamp without time zone", "timestamp with time zone"}
_TIME_ZONES_WITHOUT_OFFSET = {"UTC", "Etc/UTC", "GMT", "Etc/GMT", "Universal", "Zulu"}


@dataclass(frozen=True, kw_only=True)
class ColumnType:
    """`numbers` are those in parentheses: a length, or a precision and a scale."""

    name: str
    numbers: tuple[int, ...]
    is_array: bool


def read_type(text: str) -> ColumnType:
    found = _TYPE.fullmatch(" ".join(text.replace('"', "").lower().split()))
    if found is None:
        return ColumnType(name=text, numbers=(), is_array=False)
    name = found["before"] + found["after"].rstrip()
    name = _ALIASES.get(name, name)
    numbers = tuple(int(number) for number in (found["numbers"] or "").split(",") if number.strip())
    return ColumnType(
        name=name,
        numbers=numbers or _LENGTH_WHERE_NONE_IS_GIVEN.get(name, ()),
        is_array=bool(found["array"].strip()),
    )


def rewrites(*, old: ColumnType, new: ColumnType, binary_casts: Set[tuple[str, str]], time_zone: str) -> bool:
    """Tell whether the table is written anew; `binary_casts` are those of pg_cast that change no byte."""
    if old == new:
        return False
    if old.is_array or new.is_array:
        # The elements are looked at one by one, unless nothing is said of their length any more.
        return old.name != new.name or old.is_array != new.is_array or bool(new.numbers)
    if old.name != new.name:
        bytes_stay = (old.name, new.name) in binary_casts
        bytes_stay |= {old.name, new.name} == _TIMESTAMPS and time_zone in _TIME_ZONES_WITHOUT_OFFSET
        return not bytes_stay or bool(new.numbers)
    if not new.numbers:
        return False
    fits = _FITS.get(new.name)
    return not old.numbers or fits is None or not fits(old.numbers, new.numbers)


def _is_no_shorter(old: tuple[int, ...], new: tuple[int, ...]) -> bool:
    return new >= old


def _has_same_scale(old: tuple[int, ...], new: tuple[int, ...]) -> bool:
    return new[0] >= old[0] and (*new, 0)[1] == (*old, 0)[1]


_FITS: dict[str, Callable[[tuple[int, ...], tuple[int, ...]], bool]] = {
    "character varying": _is_no_shorter,
    "bit varying": _is_no_shorter,
    "numeric": _has_same_scale,
    **dict.fromkeys([*_TIMESTAMPS, "time without time zone", "time with time zone"], _is_no_shorter),
}
