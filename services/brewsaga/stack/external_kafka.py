"""A Kafka that someone else runs: it is used and described, and neither started nor stopped."""

from brewsaga.stack.config import StackError
from brewsaga.stack.processes import Server
from brewsaga.stack.topics import broker_count

ANSWER_PATIENCE_SECONDS = 10.0


class ExternalKafka:
    """The Kafka that the environment named."""

    def __init__(self, bootstrap: str) -> None:
        """`bootstrap` is host:port, with commas between several."""
        self.bootstrap = bootstrap

    def describe(self) -> str:
        """What is used, in one line."""
        return f"the Kafka at {self.bootstrap}, which the environment names (not started here)"

    def servers(self) -> dict[str, Server]:
        """None of ours."""
        return {}

    def start(self) -> None:
        """Only look whether it answers."""
        if broker_count(self.bootstrap, ANSWER_PATIENCE_SECONDS) == 0:
            raise StackError(
                f"no Kafka answers at {self.bootstrap}: start it, or unset"
                " KAFKA_BOOTSTRAP_SERVERS and KAFKA_BOOTSTRAP to have one started"
            )

    def stop(self) -> None:
        """It is not ours to stop."""

    def kill(self) -> None:
        """It is not ours to kill."""
        raise StackError(f"the Kafka at {self.bootstrap} is external and is not killed from here")

    def wipe(self) -> None:
        """It is not ours to wipe."""
        raise StackError(f"the Kafka at {self.bootstrap} is external and is not wiped from here")
