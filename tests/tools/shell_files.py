"""Print the shell scripts of the checkout, one a line, for shellcheck."""

from __future__ import annotations

from tree import REPOSITORY, files

SHEBANGS = (b"#!/bin/sh", b"#!/bin/bash", b"#!/usr/bin/env bash", b"#!/usr/bin/env sh")


def main() -> None:
    """A script is known by its first line, not by its name."""
    for path in files():
        with (REPOSITORY / path).open("rb") as handle:
            if handle.readline().strip().startswith(SHEBANGS):
                print(path)


if __name__ == "__main__":
    main()
