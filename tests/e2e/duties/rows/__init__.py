"""The rows, by theme. A module here that has a list ROWS is part of the table; nothing else need name it."""

import importlib
import pkgutil


def table():
    """All rows, in the order of the modules' names."""
    rows = []
    for module in sorted(pkgutil.iter_modules(__path__), key=lambda found: found.name):
        rows += importlib.import_module(f"{__name__}.{module.name}").ROWS
    return rows
