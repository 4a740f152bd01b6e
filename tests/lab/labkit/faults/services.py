"""Faults of the services beside Postiz."""

from __future__ import annotations

import time
from contextlib import suppress
from typing import ClassVar

from labkit.errors import LabError
from labkit.faults import repair
from labkit.faults.base import Fault
from labkit.temporal import SWEEP, Temporal
from labkit.waiting import wait_for

CPU_PERIOD = 100_000
CPU_QUOTA = 1_000
SLOW_SECONDS = 1.5
BITE_SECONDS = 45
TRIES = 5


class ServiceDown(Fault):
    """A service was killed and stays down."""

    service: ClassVar[str]
    how = "kills the service's container; a stop by hand is what keeps restart policies from starting it again"
    healed_by = "starting the container and waiting for its health check"

    def apply(self) -> None:
        self.stack.container(self.service).kill()

    def symptom(self) -> str:
        status, _ = self.stack.state(self.service)
        return f"{self.service} is {status}" if status != "running" else ""

    def heal(self) -> None:
        repair.start_service(self.stack, self.service)


class TemporalDown(ServiceDown):
    """No Temporal server."""

    name = "temporal-down"
    breaks = "nothing is published; new posts are rows without a workflow; a start of Postiz in this time goes wrong"
    service = "temporal"


class DatabaseDown(ServiceDown):
    """No Postiz database."""

    name = "database-down"
    breaks = "API calls fail, activities fail and are tried again; a start of Postiz ends at the schema push"
    service = "postiz-postgres"

    def heal(self) -> None:
        super().heal()
        # A sweep that failed is started by the next boot of the backend, and by nothing else.
        if Temporal(self.stack).status(SWEEP) != "RUNNING":
            repair.restart_postiz(self.stack)


class ElasticsearchDown(ServiceDown):
    """No Temporal visibility."""

    name = "elasticsearch-down"
    breaks = "workflow list fails while the cluster's health stays SERVING"
    service = "temporal-elasticsearch"


class SlowTemporal(Fault):
    """Temporal answers late."""

    name = "slow-temporal"
    breaks = "each call of Temporal takes seconds"
    how = f"the engine gives Temporal's container {CPU_QUOTA / CPU_PERIOD:.1%} of one processor"
    healed_by = "taking that limit away"

    def apply(self) -> None:
        self.stack.container("temporal").update(cpu_period=CPU_PERIOD, cpu_quota=CPU_QUOTA)
        wait_for("slow answers", self.symptom, BITE_SECONDS)

    def symptom(self) -> str:
        times = [self._timed() for _ in range(TRIES)]
        return f"describing a workflow took up to {max(times):.1f} s" if max(times) > SLOW_SECONDS else ""

    def heal(self) -> None:
        self.stack.container("temporal").update(cpu_quota=-1)
        repair.start_service(self.stack, "temporal")

    def _timed(self) -> float:
        since = time.monotonic()
        # A call that is given up was slow, too.
        with suppress(LabError):
            Temporal(self.stack).describe(SWEEP)
        return time.monotonic() - since
