"""What the lab builds: tools (downloaded or compiled in a builder container) and images."""

from __future__ import annotations

from dataclasses import dataclass, field

BUILDER = "postiz-lab/builder:bookworm"
BASE = "postiz-lab/base:bookworm"
NODE = "postiz-lab/node:22"
NODE_BUILDER = "postiz-lab/builder-node:22"
JAVA = "postiz-lab/java:17"
JAVA_BUILDER = "postiz-lab/builder-java:17"
ANSIBLE = "postiz-lab/ansible:trixie"
HOST = "postiz-lab/host:trixie"
ADMIN_TOOLS = "postiz-lab/temporal-admin-tools:1.28.1"
REGISTRY = "postiz-lab/registry:bookworm"
POSTIZ = "postiz-lab/postiz:v1"
BROWSER = "postiz-lab/browser:1"
BUILDABLE = {"v1": "postiz-lab/postiz-build:v1", "v2": "postiz-lab/postiz-build:v2"}
"""Releases with what a rebuild of their frontend needs: 150 MB more than a stack does."""
OTHER_RELEASES = ("v2", "broken-backend", "broken-workers", "broken-schema", "broken-crash")


@dataclass(frozen=True)
class Tool:
    """A folder of artefacts: ``folder/fetch.sh`` run in ``image`` writes them into $OUT."""

    name: str
    image: str
    folder: str
    doing: str
    arguments: tuple[str, ...] = ()
    seconds: int = 5
    """About how long it takes from nothing; only the order of work depends on it."""


@dataclass(frozen=True)
class Image:
    """An image: ``folder/Dockerfile`` with its files, the tools' folders beside them, and parents."""

    name: str
    folder: str
    parents: tuple[str, ...] = ()
    tools: tuple[str, ...] = ()
    arguments: dict[str, str] = field(default_factory=dict)
    seconds: int = 5
    """As with a tool."""


TOOLS = (
    Tool("node", BUILDER, "node/fetch", "fetching Node.js"),
    Tool("go-tools", BUILDER, "go-tools", "compiling Temporal server, CLI and UI", seconds=200),
    Tool("postgres-17", BUILDER, "postgres/fetch", "fetching PostgreSQL 17", ("17",)),
    Tool("postgres-16", NODE_BUILDER, "postgres/fetch", "fetching PostgreSQL 16", ("16",)),
    Tool("elasticsearch", JAVA_BUILDER, "elasticsearch/fetch", "fetching Elasticsearch", seconds=20),
    Tool("spotlight", NODE_BUILDER, "spotlight/fetch", "installing Spotlight", seconds=10),
    Tool("next-compiler", NODE_BUILDER, "postiz-build/fetch", "fetching Next.js' compiler"),
    Tool("puppeteer", NODE_BUILDER, "browser/fetch", "installing the browser's driver"),
    Tool("postiz-app", NODE_BUILDER, "postiz/fetch", "installing Postiz' packages", seconds=40),
)

IMAGES = (
    Image(BASE, "base"),
    Image(BUILDER, "builder", (BASE,)),
    Image(ANSIBLE, "ansible", (BASE,)),
    Image(HOST, "host", (ANSIBLE,)),
    Image(NODE, "node", (BASE,), ("node",)),
    Image(NODE_BUILDER, "builder-node", (BUILDER,), ("node",)),
    Image("postiz-lab/postgres:17", "postgres", (BASE,), ("postgres-17",), {"MAJOR": "17"}),
    Image("postiz-lab/postgres:16", "postgres", (BASE,), ("postgres-16",), {"MAJOR": "16"}),
    Image("postiz-lab/redis:7", "redis", (BASE,)),
    Image(JAVA, "java", (BASE,)),
    Image(JAVA_BUILDER, "builder-java", (JAVA,)),
    Image("postiz-lab/elasticsearch:7.17.27", "elasticsearch", (JAVA,), ("elasticsearch",)),
    Image(ADMIN_TOOLS, "temporal-admin-tools", (BASE,), ("go-tools", "postgres-16")),
    Image("postiz-lab/temporal-auto-setup:1.28.1", "temporal-auto-setup", (BASE,), ("go-tools",)),
    Image("postiz-lab/temporal-ui:2.34.0", "temporal-ui", (BASE,), ("go-tools",)),
    Image("postiz-lab/spotlight:4.11.8", "spotlight", (NODE,), ("spotlight",)),
    Image(REGISTRY, "registry", (BASE,)),
    Image("postiz-lab/social:1", "social", (NODE,)),
    Image(POSTIZ, "postiz", (NODE,), ("postiz-app",), {"RELEASE": "v1"}, seconds=60),
    # After v1, whose layers they share: at the same time the engine would make these layers twice.
    *(
        Image(f"postiz-lab/postiz:{release}", "postiz", (POSTIZ,), ("postiz-app",), {"RELEASE": release})
        for release in OTHER_RELEASES
    ),
    Image(BROWSER, "browser", (NODE,), ("puppeteer",), seconds=40),
    *(
        Image(name, "postiz-build", (f"postiz-lab/postiz:{release}",), ("next-compiler",), {"RELEASE": release})
        for release, name in BUILDABLE.items()
    ),
)

BUILD_ONLY = frozenset(
    {ANSIBLE, HOST, BROWSER, REGISTRY, *BUILDABLE.values(), BUILDER, NODE_BUILDER, JAVA, JAVA_BUILDER}
)
SHIPPED = tuple(image.name for image in IMAGES if image.name not in BUILD_ONLY)
"""What ``lab images`` builds when no name is given; the others follow as parents."""


def full_name(name: str) -> str:
    """The catalogue's name of what a person wrote: ``redis:7`` is ``postiz-lab/redis:7``."""
    known = {image.name for image in IMAGES}
    return f"postiz-lab/{name}" if f"postiz-lab/{name}" in known else name
