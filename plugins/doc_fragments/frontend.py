# Copyright (c) 2026, the selfhost.postiz contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Documentation of the options that the modules frontend_bundle and frontend_build share."""

from __future__ import annotations


class ModuleDocFragment:
    """Fragment selfhost.postiz.frontend."""

    DOCUMENTATION = r"""
options:
  dest:
    description: Folder on the host that is only for this bundle. An absolute path.
    type: path
    required: true
  service:
    description: The service that runs Postiz.
    type: str
    default: postiz
  path:
    description: Where the compiled frontend lies in the container.
    type: str
    default: /app/apps/frontend/.next
  exclude:
    description:
      - Paths below O(path) that are left out. A folder is there all the same, empty and writable.
      - Serving does not need the build cache, which is most of a bundle. Of an image, it is not even read.
    type: list
    elements: str
    default: [cache]
  foreign_links:
    description:
      - What happens to symbolic links that lead out of the bundle. Some builds link packages of the image that way.
      - V(keep) writes them as they are. Nothing follows them on the host.
    type: str
    choices: [refuse, keep]
    default: refuse
  keep:
    description:
      - Number of releases to keep, the current one included. Older ones are removed after a switch.
      - What a container has mounted, or would get with its next start, is always kept, and so is what can be gone back to - the
        former release, the image's own, what was served last, and what was built for another image that is on the host. So there
        may be more.
    type: int
    default: 3
  bridge:
    description:
      - The static files of so many other releases, those that were served last, stay served with the current one, so that pages
        which are open in a browser find their chunks after a switch. At most the releases that are kept.
      - They are copies, since a container can write to what it has mounted. Two files of one name and other content are refused.
    type: int
    default: 2
  max_bytes:
    description: Refuse bundles with more bytes than this.
    type: int
    default: 4294967296
  max_files:
    description: Refuse bundles with more files and folders than this.
    type: int
    default: 200000
  min_free_bytes:
    description: Bytes that stay free on the file system. A bundle that would take them is refused.
    type: int
    default: 268435456
  lock_timeout:
    description: Seconds to wait for another run that works on O(dest).
    type: float
    default: 600.0
"""
