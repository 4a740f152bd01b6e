"""The files of a stack and what a diff shows of them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from ansible_collections.selfhost.postiz.plugins.module_utils.engine.model import ImageConfig
from ansible_collections.selfhost.postiz.plugins.module_utils.errors import StackError
from ansible_collections.selfhost.postiz.plugins.module_utils.stack import envfile, layout, transaction
from ansible_collections.selfhost.postiz.plugins.module_utils.stack.parameters import StackParameters
from ansible_collections.selfhost.postiz.plugins.module_utils.stack.secret_sources import Kept, from_files
from ansible_collections.selfhost.postiz.plugins.module_utils.stack.transaction import FileChange, WantedFile

IMAGE = ImageConfig("id", ("docker-entrypoint.sh",), ("sh", "-c", 'nginx && echo "$HOME"'))
STACK = StackParameters(
    "postiz", "/opt/postiz", "i", False, {"postgres_password": "p@ss/w:rd$"}, {"X_API_KEY": "planted"}
)
WANTED = layout.LayoutParameters(
    STACK, "command: [@IMAGE_ENTRYPOINT@, @IMAGE_COMMAND@]\n", "{}\n", {"boot-guard.sh": "#!"}
)
NOTHING = Kept({}, "", {})


def test_two_runs_at_once_never_mix(tmp_path: Path) -> None:
    directory = str(tmp_path)
    mine = transaction.changes(directory, (WantedFile(".env", "A=mine\n", 0o600, secret=True),))
    theirs = transaction.changes(directory, (WantedFile(".env", "A=theirs\n", 0o600, secret=True),))
    with transaction.alone(directory), pytest.raises(StackError, match="at this moment"):
        layout.place(directory, mine, lambda _: None)
    assert not (tmp_path / ".env").exists()
    layout.place(directory, theirs, lambda _: None)
    with pytest.raises(StackError, match="since this one looked"):
        layout.place(directory, mine, lambda _: None)
    assert (tmp_path / ".env").read_text() == "A=theirs\n"


def files() -> dict[str, WantedFile]:
    evidence = from_files(STACK, NOTHING)
    return {item.path: item for item in layout.wanted_files(WANTED, NOTHING, evidence, IMAGE)}


def test_the_images_own_start_is_taken_over_word_by_word() -> None:
    assert files()["compose.yaml"].content == (
        'command: ["docker-entrypoint.sh", "sh", "-c", "nginx && echo \\"$$HOME\\""]\n'
    )


def test_the_frontend_is_mounted_where_it_is_there(tmp_path: Path) -> None:
    """A stack can be made before there is a bundle."""
    bundle = tmp_path / "my $next" / "current"
    text = f'a:\n  - one\n  @FRONTEND_BUNDLE {json.dumps(str(bundle))} "/app/.next"@\n  - two\n'
    assert layout.frontend_bundle(text) == str(bundle)
    assert layout.compose_text(text, IMAGE) == "a:\n  - one\n  - two\n"
    bundle.mkdir(parents=True)
    assert layout.compose_text(text, IMAGE) == (
        "a:\n  - one\n"
        f'  - type: bind\n    source: {json.dumps(str(bundle).replace("$", "$$"))}\n    target: "/app/.next"\n'
        "    bind:\n      create_host_path: false\n  - two\n"
    )
    assert layout.frontend_bundle("a: []\n") == ""


def test_secrets_go_to_env_only_and_the_url_is_encoded() -> None:
    laid_out = files()
    values = envfile.parse(laid_out[".env"].content)
    assert values["STACK_POSTGRES_PASSWORD"] == "p@ss/w:rd$"
    assert (
        values["STACK_DATABASE_URL"]
        == "postgresql://postiz-user:p%40ss%2Fw%3Ard%24@postiz-postgres:5432/postiz-db-local"
    )
    assert values["STACK_ENV_X_API_KEY"] == "planted"
    assert laid_out[".env"].mode == laid_out["state/secrets.json"].mode == 0o600
    assert all("planted" not in item.content for path, item in laid_out.items() if path != ".env")
    assert json.loads(laid_out["state/secrets.json"].content)["project"] == "postiz"


def test_env_comes_first_and_the_compose_file_last() -> None:
    paths = list(files())
    assert (paths[0], paths[-1]) == (".env", "compose.yaml")


def test_the_diff_of_secrets_says_which_change_and_nothing_else() -> None:
    wanted = WantedFile(".env", 'A="new-secret"\nB="same"\nC="added"\n', 0o600, secret=True)
    (entry,) = layout.differences((FileChange(wanted, 'A="old-secret"\nB="same"\n', 0o644),))
    assert entry["before"] == "mode: 0644\nA=<secret, old>\nB=<secret>\n"
    assert entry["after"] == "mode: 0600\nA=<secret, new>\nB=<secret>\nC=<secret, new>\n"


def test_what_was_never_there_is_shown_as_empty() -> None:
    wanted = WantedFile("compose.yaml", "name: x\n", 0o644)
    (entry,) = layout.differences((FileChange(wanted, None, None),))
    assert (entry["before"], entry["after"]) == ("", "name: x\n")


def test_a_file_that_somebody_else_wrote_is_kept() -> None:
    theirs = FileChange(WantedFile("compose.yaml", "new", 0o644), "services: {}\n", 0o644)
    ours = FileChange(WantedFile(".env", "new", 0o600, secret=True), envfile.render({"A": "old"}), 0o600)
    (copy,) = layout.replaced_files((theirs, ours))
    assert (copy.path, copy.content, copy.mode) == ("compose.yaml.replaced", "services: {}\n", 0o600)
