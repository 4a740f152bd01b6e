# Copyright (c) 2026, the selfhost.postiz contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""See DOCUMENTATION."""

from __future__ import annotations

DOCUMENTATION = r"""
module: frontend_bundle
short_description: Keep Postiz' compiled frontend on the host, as releases side by side
version_added: 0.1.0
description:
  - Takes the compiled frontend (C(.next)) out of an image, a container, or a tar file or folder that was built elsewhere, to
    C(<dest>/releases/<build id>-<digest>/), and lets the link C(<dest>/current) lead to it. Mount C(<dest>/current).
  - The engine follows the link when a container starts. So a container serves the new release after it was recreated or
    restarted, and keeps the old one until then.
  - Each change is one rename. A run that is killed leaves the old state or the new one, and the next run removes the rest.
  - What comes out of an archive is judged before it is written, see docs/frontend_bundle.md.
author:
  - The selfhost.postiz contributors (@selfhost)
extends_documentation_fragment:
  - selfhost.postiz.frontend
  - selfhost.postiz.stack.attributes
attributes:
  check_mode:
    support: full
    details: The source is read and judged in full. For an image, a container is made for it, never started, and removed.
  diff_mode:
    support: full
    details: Numbers and bytes of files by folder. Content is not shown.
  idempotent:
    support: full
    details: With O(force) the bundle is extracted each time.
options:
  state:
    description:
      - V(present) makes the wanted bundle the current one.
      - V(verified) compares the current release with its manifest and, with O(project), what the container serves with its
        image. It changes nothing.
      - V(proven) does the same, asks the container for O(page) and the chunks that it loads, and remembers that a stack works
        with this release. Use it after the gate has opened. It fails on warnings, too.
      - V(absent) removes all releases. It refuses while a container has one mounted.
    type: str
    choices: [present, verified, proven, absent]
    default: present
  image:
    description:
      - The image that the bundle is taken from. It must be on the host; no container of it needs to run.
      - With O(prebuilt), the image that the bundle was built for.
    type: str
  project:
    description:
      - Compose project of the container that the bundle is taken from, or that is verified.
      - A container that has something mounted at O(path) is read from its image.
      - With O(image), O(prebuilt) or O(release), the project whose container shall serve the bundle, for RV(served).
    type: str
  prebuilt:
    description: A tar file (plain, gzip, bzip2 or xz) or a folder on the host that holds a bundle. Its files become root's.
    type: path
  release:
    description:
      - A release that is there already, to switch to.
      - V(previous) is the one that was current before, and that worked. Done again, it changes nothing. With O(image), it is the
        one that containers of that image were last given, or else the image's own frontend, which is extracted then.
      - With O(project), a release of another image than its container's is refused. For V(previous), the image's own frontend
        is taken then.
    type: str
  failed:
    description:
      - With O(release), why the current release is left. It is on record then, and M(selfhost.postiz.frontend_build) does not switch
        to it again without C(retry), until a stack was seen to work with it.
    type: str
  force:
    description: Extract the bundle again, as a release of its own, although there is one of the same source.
    type: bool
    default: false
  page:
    description: Address inside the container that must answer 200, with all chunks that the page loads.
    type: str
    default: http://127.0.0.1:4200/auth/login
  page_timeout:
    description:
      - With O(state=proven), seconds to wait for O(page). With O(state=verified), the page is asked for if this is more than 0.
      - A page that answers wrongly three times is not waited for any longer.
    type: float
    default: 0.0
  fail_on_mismatch:
    description: With O(state=verified), fail when something is wrong. Otherwise it is only told.
    type: bool
    default: true
"""

EXAMPLES = r"""
- name: Take the frontend out of the image
  selfhost.postiz.frontend_bundle:
    dest: /opt/postiz/frontend-next
    image: ghcr.io/gitroomhq/postiz-app:v2.23.0

- name: Use a frontend that was built elsewhere for this image
  selfhost.postiz.frontend_bundle:
    dest: /opt/postiz/frontend-next
    prebuilt: /root/patched-next.tar.gz
    image: ghcr.io/gitroomhq/postiz-app:v2.23.0

- name: Go back to the release that was served before
  selfhost.postiz.frontend_bundle:
    dest: /opt/postiz/frontend-next
    project: postiz
    release: previous

- name: Make sure that the container serves what belongs to its image
  selfhost.postiz.frontend_bundle:
    dest: /opt/postiz/frontend-next
    project: postiz
    state: verified
"""

RETURN = r"""
folder:
  description: The folder on the host.
  type: str
  returned: success
  sample: /opt/postiz/frontend-next
current:
  description: The link to the current release. See RV(mount) for what to mount.
  type: str
  returned: success
  sample: /opt/postiz/frontend-next/current
mount:
  description:
    - What a container of its image should mount, the link for that image. It leads to RV(release), and never to one of another
      image. RV(current) for a bundle that was built elsewhere for an image that was not told.
  type: str
  returned: success
  sample: /opt/postiz/frontend-next/images/7b65a108f1db
release:
  description: The current release after the run, or what it would be; empty if there is none.
  type: str
  returned: success
  sample: yqcnYWs0RmUAsyo6fyCNe-7b65a108f1db
previous:
  description: The current release before the run.
  type: str
  returned: success
  sample: Xk2bPq0RmUAsyo6fyCNe1-d8713cadf89d
releases:
  description: All releases, the newest first.
  type: list
  elements: str
  returned: success
  sample: [yqcnYWs0RmUAsyo6fyCNe-7b65a108f1db]
build_id:
  description: Build id of the current release.
  type: str
  returned: success
  sample: yqcnYWs0RmUAsyo6fyCNe
image:
  description: Name of its image; empty if it was built elsewhere for an image that was not told.
  type: str
  returned: success
  sample: ghcr.io/gitroomhq/postiz-app:v2.23.0
image_id:
  description: Id of its image.
  type: str
  returned: success
  sample: sha256:7b65a108f1db
image_digest:
  description: Digest under which a registry knows its image; empty if none does.
  type: str
  returned: success
  sample: sha256:0123456789ab
next_version:
  description: Version of Next.js in its image; empty if it was not found.
  type: str
  returned: success
  sample: 16.2.6
files:
  description: Number of its files.
  type: int
  returned: success
  sample: 1051
bytes:
  description: Their bytes.
  type: int
  returned: success
  sample: 176160768
tree_digest:
  description: SHA-256 of the list of its files, with their digests, owners and modes.
  type: str
  returned: success
  sample: 0123456789abcdef
created:
  description: When it was extracted, UTC.
  type: str
  returned: success
  sample: '2026-01-31T18:00:00.000Z'
extracted:
  description: Whether a release was extracted, or would be. Otherwise one was there already.
  type: bool
  returned: success
  sample: true
switched:
  description: Whether the link leads to another release than before.
  type: bool
  returned: success
  sample: true
pruned:
  description: Releases that were removed, or would be.
  type: list
  elements: str
  returned: success
  sample: []
bridged:
  description: Number of static files of other releases that stay served with it.
  type: int
  returned: success
  sample: 12
bridged_from:
  description: These releases, the newest first.
  type: list
  elements: str
  returned: success
  sample: [Xk2bPq0RmUAsyo6fyCNe1-d8713cadf89d]
proven:
  description: Whether a stack was seen to work with it, see O(state=proven).
  type: bool
  returned: success
  sample: true
served:
  description: Whether the running container of O(project) has it mounted.
  type: bool
  returned: success
  sample: true
changes:
  description: What differs from the previous release, one for each folder at its top.
  type: list
  elements: dict
  returned: success
  contains:
    folder:
      description: Name of the folder; V((top\)) for the files beside the folders.
      type: str
      sample: static
    added:
      description: Number of new files.
      type: int
      sample: 12
    added_bytes:
      description: Their bytes.
      type: int
      sample: 345678
    changed:
      description: Number of files with another content, owner or mode.
      type: int
      sample: 0
    changed_bytes:
      description: Their bytes.
      type: int
      sample: 0
    removed:
      description: Number of files that are gone.
      type: int
      sample: 12
    removed_bytes:
      description: Their bytes.
      type: int
      sample: 345670
findings:
  description: What is wrong, with O(state=verified). The codes are in docs/findings.md.
  type: list
  elements: dict
  returned: success, and when a verification fails
  contains:
    code:
      description: Stable code of the finding.
      type: str
      sample: bundle-damaged
    severity:
      description: V(error) or V(warning).
      type: str
      sample: error
    component:
      description: A release, a container, or the folder.
      type: str
      sample: yqcnYWs0RmUAsyo6fyCNe-7b65a108f1db
    evidence:
      description: What was seen.
      type: str
      sample: 1 changed ('server/app/page.js').
    remedy:
      description: What to do.
      type: str
      sample: extract it again with force, then recreate the container.
missing:
  description: Files that are gone, the first 20. With O(state=verified).
  type: list
  elements: str
  returned: success
  sample: []
changed_files:
  description: Files that are not as they were extracted, the first 20. With O(state=verified).
  type: list
  elements: str
  returned: success
  sample: [server/app/page.js]
extra:
  description: Files that were not extracted, the first 20. With O(state=verified).
  type: list
  elements: str
  returned: success
  sample: []
report:
  description: The result for people.
  type: str
  returned: success
  sample: yqcnYWs0RmUAsyo6fyCNe-7b65a108f1db is whole.
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.selfhost.postiz.plugins.module_utils import boundary
from ansible_collections.selfhost.postiz.plugins.module_utils.bundle.operations import run
from ansible_collections.selfhost.postiz.plugins.module_utils.bundle.parameters import ARGUMENT_SPEC, parse
from ansible_collections.selfhost.postiz.plugins.module_utils.clock import Clock
from ansible_collections.selfhost.postiz.plugins.module_utils.engine.docker_engine import connect
from ansible_collections.selfhost.postiz.plugins.module_utils.redact import Redactor


def main() -> None:
    """Run the module."""
    module = AnsibleModule(argument_spec=ARGUMENT_SPEC, supports_check_mode=True)

    def silent(_step: str) -> None:
        """Nobody watches the steps of a module."""

    def operation() -> boundary.Outcome:
        wanted = parse(module.params, bool(module.check_mode))
        return run(connect(), wanted, Clock(), silent)

    boundary.run(module, operation, Redactor())


if __name__ == "__main__":
    main()
