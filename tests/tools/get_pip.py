"""Stands in for the bootstrap script that ansible-test would download from a host of its own.

tests/tools/sanity.py puts it, with pip's wheel beside it, where ansible-test looks for a script already downloaded. It
runs ``pip install`` out of the wheel, so an environment needs nothing but the package index that pip is set up for.
"""

import runpy
import sys
from pathlib import Path

OPTIONS_OF_THE_ORIGINAL = {"--no-setuptools", "--no-wheel"}

if __name__ == "__main__":
    wheel = next(Path(__file__).resolve().parent.glob("pip-*.whl"))
    sys.path.insert(0, str(wheel))
    sys.argv[1:] = ["install", *(word for word in sys.argv[1:] if word not in OPTIONS_OF_THE_ORIGINAL)]
    runpy.run_module("pip", run_name="__main__", alter_sys=True)
