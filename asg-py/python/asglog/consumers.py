"""Other libraries, imported when they are needed."""

from __future__ import annotations

from importlib import import_module
from typing import Any


def module(name: str) -> Any:
    """Imports the module with this name. If it is missing, the error names the package to
    install."""
    try:
        return import_module(name)
    except ImportError as error:
        wanted = name.partition(".")[0]
        # An extra of this package works only where an index has the package.
        raise ImportError(f"this needs {wanted}: pip install {wanted}", name=name) from error


def arrow_to_pandas(table: Any, categories: bool = False) -> Any:
    """Returns a ``pandas.DataFrame`` whose whole numbers and booleans keep their types where values
    are missing. With ``categories``, columns of text in which values repeat are categories."""
    pandas, arrow = module("pandas"), module("pyarrow")
    if categories:
        for at, column in enumerate(table.columns):
            if column.type != arrow.string():
                continue
            packed = column.dictionary_encode().unify_dictionaries()
            words = packed.chunk(0).dictionary if packed.num_chunks else ()
            if 2 * len(words) <= table.num_rows:
                table = table.set_column(at, table.field(at).name, packed)
    types = {
        arrow.int32(): pandas.Int32Dtype(),
        arrow.int64(): pandas.Int64Dtype(),
        arrow.bool_(): pandas.BooleanDtype(),
    }
    return table.to_pandas(types_mapper=types.get)
