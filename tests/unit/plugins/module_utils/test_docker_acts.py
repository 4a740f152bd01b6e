"""Acts on containers, with what the engine answered for real when it could not."""

from __future__ import annotations

import pytest
from ansible_collections.selfhost.postiz.plugins.module_utils.engine.docker_acts import DockerActs
from ansible_collections.selfhost.postiz.plugins.module_utils.errors import ContainerGone, EngineFailed

BUSY = "Cannot pause container a54571fa0087: OCI runtime pause failed: unable to freeze: unknown"
PAUSED = "Container a54571fa0087 is already paused"


class Refused(Exception):
    def __init__(self, explanation: str) -> None:
        super().__init__("409 Client Error")
        self.explanation = explanation


class Gone(Refused):
    pass


class Client:
    """Answers `pause` with these, one after the other, and then with success."""

    def __init__(self, *answers: Refused) -> None:
        self.answers = list(answers)
        self.asked = 0

    def pause(self, _identifier: str) -> None:
        self.asked += 1
        if self.answers:
            raise self.answers.pop(0)


def acts(client: Client) -> DockerActs:
    return DockerActs(client, Refused, Gone)


def test_a_busy_container_is_frozen_at_another_try() -> None:
    client = Client(Refused(BUSY), Refused(BUSY))
    acts(client).pause("a54571fa0087")
    assert client.asked == 3


def test_it_is_not_tried_for_ever() -> None:
    client = Client(*[Refused(BUSY)] * 9)
    with pytest.raises(EngineFailed, match=r"could not pause a container: .* unable to freeze"):
        acts(client).pause("a54571fa0087")
    assert client.asked == 5


@pytest.mark.parametrize(
    ("problem", "told"), [(Refused(PAUSED), EngineFailed), (Gone("No such container"), ContainerGone)]
)
def test_another_refusal_is_told_at_once(problem: Refused, told: type[Exception]) -> None:
    client = Client(problem)
    with pytest.raises(told):
        acts(client).pause("a54571fa0087")
    assert client.asked == 1
