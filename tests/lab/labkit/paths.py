"""Where the lab keeps its things; everything below ``CACHE`` is git-ignored and may be deleted."""

from __future__ import annotations

from pathlib import Path

LAB = Path(__file__).resolve().parent.parent
REPOSITORY = LAB.parent.parent
IMAGES = LAB / "images"
INVENTORY = LAB / "inventory"
CACHE = REPOSITORY / ".cache"
LAB_CACHE = CACHE / "lab"
TOOLS = LAB_CACHE / "tools"
DOWNLOADS = LAB_CACHE / "downloads"
LOGS = LAB_CACHE / "log"
STACKS = LAB_CACHE / "stacks"
FAULTS = LAB_CACHE / "faults"
COLLECTIONS = CACHE / "collections"

LABEL = "selfhost.postiz.lab"
HASH_LABEL = "selfhost.postiz.lab.hash"
CHECKOUT_LABEL = "selfhost.postiz.lab.checkout"
"""Which checkout made it. Images have LABEL, and hand it down to containers that anybody makes of them; never this one."""
MADE = {LABEL: "true", CHECKOUT_LABEL: str(REPOSITORY)}
"""Labels of every container, volume and network that this checkout makes."""
