"""``lab demo``: a whole stack from nothing, and the proof that it publishes."""

from __future__ import annotations

import argparse
import time

from labkit import posts, provision, social, view
from labkit.errors import LabError
from labkit.faults import repair
from labkit.progress import elapsed
from labkit.stack import Stack
from labkit.waiting import wait_for

DUE_SECONDS = 5
PUBLISH_SECONDS = 60
SECOND_LOOK_SECONDS = 3
UI_PORT = "8080/tcp"


class Steps:
    """Numbered headings, and how long each step took."""

    def __init__(self, *names: str) -> None:
        self.names = names
        self.starts: list[float] = []

    def begin(self) -> None:
        """The next step."""
        self.starts.append(time.monotonic())
        number = len(self.starts)
        print(f"\n== {number}/{len(self.names)} {self.names[number - 1]}", flush=True)

    def times(self) -> str:
        """Each step with its seconds, and the sum."""
        ends = [*self.starts[1:], time.monotonic()]
        parts = [f"{n} {elapsed(end - start)}" for n, start, end in zip(self.names, self.starts, ends, strict=False)]
        return f"{', '.join(parts)}; in all {elapsed(ends[-1] - self.starts[0])}"


def add_parser(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register the verb."""
    parser = verbs.add_parser(
        "demo", help="a stack from nothing, with the proof that it publishes", description=__doc__
    )
    parser.set_defaults(run=run)


def run(_: argparse.Namespace) -> int:
    """Engine and images, the play, a post; then what there is now."""
    steps = Steps("engine, images, social network", "playbooks/provision.yml", "proof: a post in 5 seconds")
    steps.begin()
    client = provision.prepare()
    steps.begin()
    stack = provision.provision(client)
    steps.begin()
    proof = prove(stack)
    print(proof)
    print(f"\n{view.services(stack)}\n\n{directions(stack)}\n\ntime      {steps.times()}")
    return 0


def prove(stack: Stack) -> str:
    """Schedule a post through the public API and see it published exactly once."""
    repair.wait_works(stack)
    if provision.uses_upstream_images():
        return "no proof post: the published images post to real networks only, so connect a channel first"
    post = posts.schedule(stack, DUE_SECONDS)
    print(f"post {post} is due in {DUE_SECONDS} s on channel {posts.CHANNEL}…", flush=True)
    wait_for("the post on the social network", lambda: social.published(post), PUBLISH_SECONDS)
    wait_for("the row PUBLISHED", lambda: posts.read(stack, post).state == "PUBLISHED", PUBLISH_SECONDS)
    time.sleep(SECOND_LOOK_SECONDS)
    count = social.published(post)
    if count != 1:
        raise LabError(f"post {post} was published {count} times. See: tests/lab/lab ledger --post {post}")
    return f"post {post} was published exactly once, and its row is PUBLISHED"


def directions(stack: Stack) -> str:
    """Where to look, and how to get rid of it."""
    return "\n".join(
        (
            f"Postiz    {stack.url()}",
            f"Temporal  {stack.published('temporal-ui', UI_PORT)}",
            f"network   {social.URL}/ledger (what was published)",
            f"files     {stack.folder}",
            "more      tests/lab/lab status | schedule | ledger | logs | fault --list",
            "remove    make clean",
        )
    )
