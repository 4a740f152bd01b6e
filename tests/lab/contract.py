"""Whether a module's RETURN documentation says the truth about what the module returned."""

from __future__ import annotations

import importlib
from typing import Any

import yaml
from modules import PREFIX

TYPES: dict[str, type | tuple[type, ...]] = {
    "str": str,
    "int": int,
    "float": (float, int),
    "bool": bool,
    "list": list,
    "dict": dict,
}
# Ansible's own.
COMMON = {"changed", "diff", "exception", "failed", "invocation", "msg", "warnings"}


def disagreements(module: str, returned: dict[str, Any]) -> list[str]:
    """Keys that are undocumented, missing or of another type, with their path; empty if the documentation is true.

    What is documented as returned `always` must be there; the rest may be.
    """
    documented = yaml.safe_load(importlib.import_module(f"{PREFIX}.{module}").RETURN)
    own = {name: value for name, value in returned.items() if name not in COMMON}
    return _compare(documented, own, "", False)


def _compare(documented: dict[str, Any], returned: dict[str, Any], path: str, inner: bool) -> list[str]:
    found = [f"{path}{name}: not documented" for name in returned if name not in documented]
    for name, entry in documented.items():
        if name not in returned:
            if inner or str(entry.get("returned", "")).startswith("always"):
                found.append(f"{path}{name}: not returned")
            continue
        found += _value(entry, returned[name], f"{path}{name}")
    return found


def _value(entry: dict[str, Any], value: Any, path: str) -> list[str]:
    if value is None:
        return [f"{path}: null"]
    if not _is(entry["type"], value):
        return [f"{path}: {type(value).__name__}, documented as {entry['type']}"]
    found = []
    if "sample" in entry and not _is(entry["type"], entry["sample"]):
        found.append(f"{path}: its sample is no {entry['type']}")
    if entry["type"] == "dict" and "contains" in entry:
        found += _compare(entry["contains"], value, f"{path}.", True)
    if entry["type"] == "list":
        for number, item in enumerate(value):
            where = f"{path}[{number}]"
            if not _is(entry["elements"], item):
                found.append(f"{where}: {type(item).__name__}, documented as {entry['elements']}")
            elif "contains" in entry:
                found += _compare(entry["contains"], item, f"{where}.", True)
    return found


def _is(name: str, value: Any) -> bool:
    # True is an int to Python, and none to a reader.
    return isinstance(value, TYPES[name]) and (name == "bool" or not isinstance(value, bool))
