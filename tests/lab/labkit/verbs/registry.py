"""``lab registry``: an image registry on this machine with the miniature's releases, for upgrades with real pulls."""

from __future__ import annotations

import argparse

from labkit import catalog, engine, images, provision, registry


def add_parser(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register the verb."""
    parser = verbs.add_parser("registry", help="a registry with the miniature's releases", description=__doc__)
    parser.add_argument("--remove", action="store_true", help="remove its container")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Start it and push the releases, or remove it."""
    client = engine.ensure()
    if arguments.remove:
        registry.remove(client)
        return 0
    for tag, digest in fill(client).items():
        print(f"{registry.image(tag)}@{digest}")
    return 0


def fill(client: engine.Client) -> dict[str, str]:
    """Make what is missing, and push every release; digests by tag. The engine does not keep the pushed names."""
    releases = {tag: f"{provision.REPOSITORY_OF_POSTIZ}:{name}" for tag, name in registry.RELEASES.items()}
    images.ensure(client, (catalog.REGISTRY, *releases.values()))
    registry.ensure(client)
    pushed = {}
    for tag, image in releases.items():
        pushed[tag] = registry.push(client, image, tag)
        registry.forget(client, registry.image(tag))
    return pushed
