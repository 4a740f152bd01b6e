# Copyright (c) 2026, the selfhost.postiz contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Small files out of the engine's tar streams, read in memory and never written anywhere."""

from __future__ import annotations

import io
import tarfile
from typing import Dict, Iterable

from ansible_collections.selfhost.postiz.plugins.module_utils.errors import EngineFailed

_END = bytes(2 * tarfile.BLOCKSIZE)


def contents(chunks: Iterable[bytes], max_bytes: int) -> Dict[str, bytes]:
    """Regular files by the names they have in the archive. Raises EngineFailed for a larger or a broken archive."""
    whole = bytearray()
    for chunk in chunks:
        whole += chunk
        if len(whole) > max_bytes:
            raise EngineFailed(f"The files are larger than {max_bytes} bytes.", "look what lies in this folder.")
    # tarfile takes a stream that breaks off between two files for a whole one.
    if not whole.endswith(_END):
        raise EngineFailed("The engine sent an archive without its end.", "try again.")
    found: Dict[str, bytes] = {}
    try:
        with tarfile.open(fileobj=io.BytesIO(whole), mode="r:") as tar:
            for member in tar:
                stream = tar.extractfile(member) if member.isfile() else None
                if stream is not None:
                    found[member.name] = stream.read()
    except tarfile.TarError as problem:
        raise EngineFailed(f"The engine sent a broken archive ({problem}).", "try again.") from problem
    return found
