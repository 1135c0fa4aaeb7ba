"""The columns of tables, as data: for documentation, and for callers that need types before the
first row."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple, overload

from . import _asglog
from .answers import html_table
from .checks import hint

__all__ = ["EXPLAIN_SCHEMA", "FLOW_SCHEMA", "SCHEMA", "Column", "Schema"]


class Column(NamedTuple):
    """A column."""

    name: str
    #: Arrow's name: ``string``, ``int32``, ``int64``, ``bool``, ``binary`` or
    #: ``timestamp[us, tz=UTC]``.
    type: str
    #: Whether values may be missing.
    nullable: bool
    #: The meaning.
    doc: str


class Schema(Sequence[Column]):
    """A list of columns. ``pyarrow.schema(…)`` accepts it.

    >>> SCHEMA["dpt"].type, SCHEMA["dpt"].doc
    ('int32', 'Destination port.')
    >>> "dpt" in SCHEMA, "colour" in SCHEMA
    (True, False)
    >>> SCHEMA.names[:4]
    ['time', 'source', 'line', 'cell']
    """

    __slots__ = ("_columns",)

    def __init__(self, columns: Sequence[Column]) -> None:
        self._columns = tuple(columns)

    @property
    def names(self) -> list[str]:
        """The names of the columns."""
        return [column.name for column in self._columns]

    @overload
    def __getitem__(self, key: int | str) -> Column: ...
    @overload
    def __getitem__(self, key: slice) -> Schema: ...
    def __getitem__(self, key: int | str | slice) -> Column | Schema:
        if isinstance(key, slice):
            return Schema(self._columns[key])
        if isinstance(key, int):
            return self._columns[key]
        for column in self._columns:
            if column.name == key:
                return column
        raise KeyError(f"there is no column {key!r}{hint(str(key), self.names)}")

    def __iter__(self) -> Iterator[Column]:
        return iter(self._columns)

    def __len__(self) -> int:
        return len(self._columns)

    def __contains__(self, key: object) -> bool:
        """Returns whether the schema has this column, or one with this name."""
        return key in self._columns or key in self.names

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Schema) and self._columns == other._columns

    def __hash__(self) -> int:
        return hash(self._columns)

    def __repr__(self) -> str:
        return "\n".join(f"{column.name}: {column.type}{'' if column.nullable else ' not null'}: {column.doc}" for column in self)

    def _repr_html_(self) -> str:
        rows = [[column.name, column.type, "yes" if column.nullable else "no", column.doc] for column in self]
        return html_table(["name", "type", "may be missing", "meaning"], rows, [], "")

    def __arrow_c_schema__(self) -> object:
        """Implements Arrow's PyCapsule interface."""
        return _asglog.schema_of(self.names)


def _schema(*of: str) -> Schema:
    return Schema([Column(name, kind, null, doc) for name, kind, null, there, doc in _asglog.columns() if there in of])


#: The columns of :func:`asglog.scan`.
SCHEMA: Schema = _schema("packets")

#: The columns of :func:`asglog.correlate`.
FLOW_SCHEMA: Schema = _schema("packets", "flows")

#: The columns of :meth:`asglog.Table.explain`.
EXPLAIN_SCHEMA: Schema = _schema("packets", "flows", "explained")

#: All columns.
ALL: Schema = _schema("packets", "flows", "explained", "labelled", "request")
