"""A producer for tests that count by offset: in order, and no record lost without an error."""

from types import TracebackType
from typing import Self

from confluent_kafka import KafkaError, Message, Producer

FLUSH_SECONDS = 60


class OrderedProducer:
    """Produces in the order of its calls; leaving its block waits until all is delivered.

    One request is under way at a time. Kafka 4.1 loses the first records of a new partition if a
    later request overtakes them while the broker still learns about the topic (KAFKA-15591), even
    from an idempotent producer, and `flush` alone does not tell.
    """

    def __init__(self, config: dict[str, str | int | bool]):
        ordered = {"enable.idempotence": True, "max.in.flight.requests.per.connection": 1}
        self._producer = Producer(config | ordered)
        self._lost: list[str] = []

    def produce(self, topic: str, value: bytes | str | None, **more) -> None:
        "Queue a record."
        self._producer.produce(topic, value, on_delivery=self._on_delivery, **more)

    def _on_delivery(self, error: KafkaError | None, message: Message) -> None:
        if error is not None:
            self._lost.append(f"{message.topic()}: {error}")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is None:
            left = self._producer.flush(FLUSH_SECONDS)
            assert (left, self._lost) == (0, [])
