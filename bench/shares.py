"""Which part of a request's CPU goes where, from a server with timers (bench.timers)."""

from dataclasses import dataclass

from .load import Target
from .operations import Operation

REQUESTS = 40


@dataclass(frozen=True, slots=True)
class Shares:
    """Milliseconds of CPU a request; together they are all of it."""

    sql: float
    """Executing SQL."""
    connect: float
    """Opening the database connection."""
    orm: float
    """The rest of the ORM: building and compiling queries, making instances."""
    hooks: float
    """After a commit: hints to subscribers, the task for a worker."""
    execution: float
    """GraphQL, its resolvers included, without the ORM."""
    django: float
    """Middleware, routing, sign-in without its query, reading and writing the body."""
    server: float
    """HTTP, ASGI, and passing the request between threads."""

    @property
    def total(self) -> float:
        return self.sql + self.connect + self.orm + self.hooks + self.execution + self.django + self.server


def shares(target: Target, operation: Operation) -> Shares:
    """Ask for an operation by one client, and add up what its answers say."""
    client = target.client()
    requests = target.requests(operation, "graphql", REQUESTS + 5)
    for request in requests[:5]:
        client.post(*request)
    before = client.cpu()
    sums: dict[str, float] = {}
    for request in requests[5:]:
        _, headers = client.post(*request)
        for name, value in (part.split("=") for part in headers["X-Bench"].split()):
            sums[name] = sums.get(name, 0.0) + float(value) / REQUESTS
    process = 1000 * (client.cpu() - before) / REQUESTS
    client.close()
    execution = sums["graphql"] - sums["orm_in_graphql"]
    return Shares(
        sql=sums["sql"],
        connect=sums["connect"],
        orm=sums["orm"] - sums["sql"] - sums["connect"] - sums["hooks"],
        hooks=sums["hooks"],
        execution=execution,
        django=sums["django"] - sums["orm"] - execution,
        server=process - sums["django"],
    )
