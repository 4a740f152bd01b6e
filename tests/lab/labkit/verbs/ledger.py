"""``lab ledger``: what the social network was sent, and whether given posts were lost or published twice."""

from __future__ import annotations

import argparse
import dataclasses
import json

from labkit import social
from labkit.table import table


def add_parser(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register the verb."""
    parser = verbs.add_parser("ledger", help="what was published, lost, twice", description=__doc__)
    parser.add_argument("--post", action="append", default=[], metavar="ID", help="only this post; may be repeated")
    parser.add_argument("--json", action="store_true", help="for programs")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Print the calls and the judgement; exit code 1 where a given post was lost or published twice."""
    wanted = set(arguments.post)
    calls = [call for call in social.ledger() if not wanted or call.post in wanted]
    judgement = social.judge(calls, arguments.post or sorted({call.post for call in calls}))
    if arguments.json:
        print(
            json.dumps(
                {"calls": [dataclasses.asdict(call) for call in calls], **dataclasses.asdict(judgement)}, indent=2
            )
        )
    else:
        rows = [(call.time, call.channel, call.post, str(call.attempt), call.outcome, call.key) for call in calls]
        print(table(("TIME", "CHANNEL", "POST", "CALL", "OUTCOME", "KEY"), rows))
        print(f"once: {len(judgement.once)}, lost: {len(judgement.lost)}, twice: {len(judgement.twice)}")
        for kind, posts in (("lost", judgement.lost), ("twice", judgement.twice)):
            for post in posts:
                print(f"{kind}: {post}")
    return 0 if judgement.sound or not wanted else 1
