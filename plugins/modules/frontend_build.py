# Copyright (c) 2026, the selfhost.postiz contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""See DOCUMENTATION."""

from __future__ import annotations

DOCUMENTATION = r"""
module: frontend_build
short_description: Build Postiz' frontend with patched sources, outside of the container that serves
version_added: 0.1.0
description:
  - Applies patches to the frontend's sources of an image, builds it in a throw-away container of that image, proves in another
    one that the result serves, and makes it the current release of a bundle, as M(selfhost.postiz.frontend_bundle) does.
  - The container that serves is not touched. It serves the new release after it was recreated or restarted.
  - Patches that do not fit the sources of this image are refused, and nothing is changed.
  - What was built is known by the image, the patches, O(root), O(command) and O(environment). If they are the same, nothing is
    built again.
  - Containers that a killed run left behind are removed by the next one. They have the label
    C(selfhost.postiz.frontend_bundle).
  - "A build takes minutes. What it prints can be watched meanwhile on the host: C(tail -f <dest>/build.log)."
author:
  - The selfhost.postiz contributors (@selfhost)
extends_documentation_fragment:
  - selfhost.postiz.frontend
  - selfhost.postiz.stack.attributes
attributes:
  check_mode:
    support: full
    details: The patches are judged against the sources of the image. What would be built cannot be told.
  diff_mode:
    support: partial
    details: Numbers and bytes of files by folder, after a build. Not in check mode.
  idempotent:
    support: full
    details: With O(force) it is built each time.
options:
  image:
    description: The image whose frontend is built. It must be on the host.
    type: str
  project:
    description:
      - Compose project whose container's image is built, unless O(image) says another one.
      - Its container shall serve the result, for RV(served).
    type: str
  patches:
    description: What is done to the sources, one after the other.
    type: list
    elements: dict
    required: true
    suboptions:
      name:
        description: For messages.
        type: str
      src:
        description:
          - A file on the controller, of text; looked for below C(files/) of the role or playbook as for
            M(ansible.builtin.copy).
          - A unified diff, as O(patches[].diff); or with O(patches[].path) the whole file, as O(patches[].content).
        type: path
      diff:
        description:
          - A unified diff (C(git diff), C(diff -u)), with paths relative to O(root).
          - Each line of each hunk must be at its place. There is no fuzz and no offset.
          - JSX has double braces, in which Ansible sees templates. Use O(patches[].src), or C(!unsafe).
        type: str
      path:
        description: A file below O(root) that becomes another one.
        type: str
      content:
        description: The whole of that file.
        type: str
      upstream:
        description:
          - SHA-256 of files by their paths, in the image that the patch was made for; V(absent) where there is none.
          - Needed for whole files. For a diff it refuses sources that moved on even though its hunks would fit.
          - RV(sources) tells the checksums of an image.
        type: dict
        default: {}
  root:
    description: Where the sources lie in the image.
    type: str
    default: /app
  command:
    description: The shell command that builds, run in O(root).
    type: str
    default: pnpm run build:frontend
  environment:
    description:
      - Environment of the build, besides the image's own.
      - Next.js writes the values of C(NEXT_PUBLIC_…) variables that it finds here into the pages, for good.
      - A dictionary, or the same as JSON. Its values are kept out of the results, of what is told about failures, and of the log.
    type: json
  network:
    description:
      - The engine's network for the build. Postiz' build fetches a font. V(none) if yours needs nothing.
      - No port is published. A network of a Compose project is refused.
    type: str
    default: bridge
  memory:
    description: Bytes of memory that the build may have, and the container that proves it; V(0) for no limit.
    type: int
    default: 6442450944
  cpus:
    description: Number of processors that the build may use; V(0) for all. A running stack wants some, too.
    type: float
    default: 0.0
  timeout:
    description: Seconds after which the build is given up.
    type: float
    default: 3600.0
  start_command:
    description: The shell command that serves the result, run in O(root), in a container without a network.
    type: str
    default: pnpm --dir apps/frontend run start
  start_environment:
    description:
      - Environment of that container, besides the image's own. As O(environment).
      - By default C(FRONTEND_URL=http://localhost:4200), C(NEXT_PUBLIC_BACKEND_URL=http://localhost:4200/api),
        C(BACKEND_INTERNAL_URL=http://localhost:3000), C(IS_GENERAL=true) and C(STORAGE_PROVIDER=local).
    type: json
  page:
    description: Address inside that container that must answer 200, with all chunks that the page loads.
    type: str
    default: http://127.0.0.1:4200/auth/login
  start_timeout:
    description: Seconds until then.
    type: float
    default: 120.0
  force:
    description: Build again, as a release of its own, although there is one of the same.
    type: bool
    default: false
  retry:
    description:
      - Try again what failed before with the same inputs. Otherwise it is refused at once, with the recorded reason
        (C(frontend-failed-before)), since a build takes minutes, and a release that did not pass the gate an outage.
      - Other patches, limits or commands are other inputs. O(force) tries again as well.
    type: bool
    default: false
seealso:
  - module: selfhost.postiz.frontend_bundle
"""

EXAMPLES = r"""
- name: Build the frontend of the running image with a patch
  selfhost.postiz.frontend_build:
    dest: /opt/postiz/frontend-next
    project: postiz
    cpus: 2
    patches:
      - src: greeting.diff
        upstream:
          apps/frontend/src/app/(app)/auth/login/page.tsx: 6d1c3b0d4f3a5f0b8f6f0a8c9d0e1f2a3b4c5d6e7f8091a2b3c4d5e6f708192a

- name: Put a file over another one
  selfhost.postiz.frontend_build:
    dest: /opt/postiz/frontend-next
    image: ghcr.io/gitroomhq/postiz-app:v2.23.0
    patches:
      - path: apps/frontend/public/logo.svg
        src: logo.svg
        upstream:
          apps/frontend/public/logo.svg: 0a4d55a8d778e5022fab701977c5d840bbc486d0b1d1a4c6c6d8c2b3e4f5a6b7
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
  description: When it was built, UTC.
  type: str
  returned: success
  sample: '2026-01-31T18:00:00.000Z'
extracted:
  description: Whether a release was built, or would be. Otherwise it was there already.
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
  description: Whether a stack was seen to work with it.
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
  description: Why it was refused. The codes are in docs/findings.md.
  type: list
  elements: dict
  returned: when it is refused; otherwise empty
  contains:
    code:
      description: Stable code of the finding.
      type: str
      sample: frontend-patch-conflict
    severity:
      description: V(error) or V(warning).
      type: str
      sample: error
    component:
      description: A file, an image, or a release.
      type: str
      sample: apps/frontend/src/app/page.tsx
    evidence:
      description: What was seen.
      type: str
      sample: it is not there.
    remedy:
      description: What to do.
      type: str
      sample: make the patch anew for these sources.
missing:
  description: Files that are gone, the first 20. Always empty here.
  type: list
  elements: str
  returned: success
  sample: []
changed_files:
  description: Files that are not as they were extracted, the first 20. Always empty here.
  type: list
  elements: str
  returned: success
  sample: [server/app/page.js]
extra:
  description: Files that were not extracted, the first 20. Always empty here.
  type: list
  elements: str
  returned: success
  sample: []
report:
  description: The result for people.
  type: str
  returned: success
  sample: yqcnYWs0RmUAsyo6fyCNe-7b65a108f1db is the current release.
sources:
  description: The files of the image that the patches touch, as they are there. Empty if nothing was built.
  type: list
  elements: dict
  returned: success
  contains:
    path:
      description: Path below O(root).
      type: str
      sample: apps/frontend/src/app/page.tsx
    sha256:
      description: What O(patches[].upstream) should say; V(absent) if there is no such file.
      type: str
      sample: 3f786850e387550fdab836ed7e6dc881de23001b
seconds:
  description: How long each phase took, 0 if it was not needed.
  type: dict
  returned: success
  contains:
    build:
      description: The build in its container.
      type: float
      sample: 312.4
    extract:
      description: Taking its result to the host.
      type: float
      sample: 1.9
    prove:
      description: Serving it once.
      type: float
      sample: 3.1
log:
  description: Where the last build's whole output lies, on the host.
  type: str
  returned: success
  sample: /opt/postiz/frontend-next/build.log
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.selfhost.postiz.plugins.module_utils import boundary
from ansible_collections.selfhost.postiz.plugins.module_utils.bundle.build import run
from ansible_collections.selfhost.postiz.plugins.module_utils.bundle.build_parameters import (
    ARGUMENT_SPEC,
    parse,
    secret_inputs,
)
from ansible_collections.selfhost.postiz.plugins.module_utils.bundle.room import with_warning
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
        return with_warning(wanted.memory, lambda: run(connect(), wanted, Clock(), silent))

    boundary.run(module, operation, Redactor(secret_inputs(module.params)))


if __name__ == "__main__":
    main()
