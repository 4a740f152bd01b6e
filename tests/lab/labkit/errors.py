"""The lab's one error type: a sentence for the person, and what to do next."""

from __future__ import annotations


class LabError(Exception):
    """What went wrong, with the remedy in the text; printed without a traceback, exit code 1."""
