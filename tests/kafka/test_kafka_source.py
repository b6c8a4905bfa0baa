"""Topics read from a real broker: transactions, retention, new topics, large records."""

import random
import subprocess
import sys
import textwrap
import time
from collections import Counter

import pyarrow as pa
import pytest
from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic
from hypothesis import given
from hypothesis import strategies as st

from motor_ingesta.catalog.models import KafkaConnection, KafkaSource
from motor_ingesta.local.services import Services, free_port
from motor_ingesta.sources import kafka_records
from motor_ingesta.sources.kafka import (
    Ends,
    KafkaOptionError,
    KafkaTimeoutError,
    KafkaUnavailableError,
    TopicNotFoundError,
    TopicRecreatedError,
    plan_offsets,
    plan_ranges,
    positions_after,
    read_range,
    record_count,
)

MIB = 2**20


class Broker:
    "A broker, and what a test does with it."

    def __init__(self, address):
        self.address = address
        self.connection = KafkaConnection(bootstrap_servers=address)
        self.admin = AdminClient({"bootstrap.servers": address})

    def create(self, topic, partitions=1, **config):
        new = NewTopic(topic, partitions, config=config)
        self.admin.create_topics([new])[topic].result(30)

    def delete(self, topic):
        self.admin.delete_topics([topic])[topic].result(30)
        while topic in self.admin.list_topics(timeout=10).topics:
            time.sleep(0.1)

    def recreate(self, topic):
        self.delete(topic)
        self.create(topic)

    def producer(self, **config):
        names = {name.replace("_", "."): value for name, value in config.items()}
        return Producer({"bootstrap.servers": self.address, "log_level": 0} | names)

    def produce(self, topic, *values, partition=0):
        producer = self.producer()
        for value in values:
            producer.produce(topic, value, partition=partition)
        assert producer.flush(30) == 0

    def transaction(self, topic, *values, end):
        "Produce in a transaction that ends with `commit`, `abort` or `nothing`."
        producer = self.producer(transactional_id=f"{topic}-{random.random()}")
        producer.init_transactions()
        producer.begin_transaction()
        for value in values:
            producer.produce(topic, value)
        producer.flush(30)
        if end == "commit":
            producer.commit_transaction()
        if end == "abort":
            producer.abort_transaction()
        return producer

    def remove_before(self, topic, offset):
        "As retention does."
        at = TopicPartition(topic, 0, offset)
        self.admin.delete_records([at])[at].result(30)

    def plan(self, positions, topic_ids=None, **source):
        return plan_offsets(self.connection, source_of(**source), positions, topic_ids)

    def values(self, offsets, **options):
        return values_of(read_range(self.connection, offsets, **options))


def source_of(**fields):
    return KafkaSource(kind="kafka", value={"format": "string"}, **fields)


def values_of(tables):
    return [value for table in tables for value in table["value"].to_pylist()]


@pytest.fixture(scope="module")
def broker(tmp_path_factory):
    home = tmp_path_factory.mktemp("kafka")
    with Services(home, free_port(), free_port()) as endpoints:
        yield Broker(endpoints.bootstrap_servers)


def test_an_open_transaction_does_not_hold_back_what_is_before_it(broker):
    broker.create("orders")
    broker.transaction("orders", b"a", b"b", end="commit")
    broker.transaction("orders", b"never", end="abort")
    is_open = broker.transaction("orders", b"later", end="nothing")

    plan = broker.plan(None, topic="orders")
    began = time.monotonic()
    assert broker.values(plan.offsets) == [b"a", b"b"]
    assert time.monotonic() - began < 5

    is_open.commit_transaction()
    following = broker.plan(positions_after(plan.positions, plan.offsets), topic="orders")
    assert broker.values(following.offsets) == [b"later"]


def test_a_batch_planned_into_an_open_transaction_ends_in_time(broker):
    "Versions before this one planned up to the high watermark."
    broker.create("planned_before")
    broker.transaction("planned_before", b"a", end="commit")
    is_open = broker.transaction("planned_before", b"b", end="nothing")
    assert broker.plan({"planned_before": {"0": 3}}, topic="planned_before").pending == 0
    with pytest.raises(KafkaTimeoutError, match="is read to offset 2 of 3"):
        broker.values({"planned_before": {"0": [0, 3]}}, patience=1)
    is_open.abort_transaction()
    assert broker.values({"planned_before": {"0": [0, 3]}}) == [b"a"]


def test_latest_reads_what_comes_after_the_first_look(broker):
    broker.create("news", 2)
    broker.produce("news", b"old", b"older")
    first = broker.plan(None, topic="news", starting_offsets="latest")
    assert first.pending == 0
    assert first.starts == first.positions == {"news": {"0": 2, "1": 0}}

    broker.produce("news", b"new")
    second = broker.plan(first.positions, topic="news", starting_offsets="latest")
    assert broker.values(second.offsets) == [b"new"]


def test_a_topic_that_appears_after_the_first_look_is_read_from_its_beginning(broker):
    pattern = {"topic_pattern": r"late\..*", "starting_offsets": "latest"}
    first = broker.plan(None, **pattern)
    assert first.positions == {}
    broker.create("late.soil")
    broker.produce("late.soil", b"a")
    assert broker.values(broker.plan(first.positions, **pattern).offsets) == [b"a"]


def test_a_topic_that_is_left_out_for_a_while_keeps_its_position(broker):
    for topic in ("kept_a", "kept_b"):
        broker.create(topic)
        broker.produce(topic, topic.encode())
    positions = None
    found = []
    for topics in (["kept_a", "kept_b"], ["kept_a"], ["kept_a", "kept_b"]):
        plan = broker.plan(positions, topics=topics)
        found.append(broker.values(plan.offsets))
        positions = positions_after(plan.positions, plan.offsets)
    assert list(map(sorted, found)) == [[b"kept_a", b"kept_b"], [], []]


def test_a_topic_that_was_created_again_is_noticed_even_when_it_has_grown(broker):
    broker.create("again")
    broker.produce("again", b"a", b"b")
    plan = broker.plan(None, topic="again")
    positions = positions_after(plan.positions, plan.offsets)

    broker.recreate("again")
    broker.produce("again", *[b"new"] * 10)
    with pytest.raises(TopicRecreatedError, match="again was deleted and created again: its id"):
        broker.plan(positions, plan.topic_ids, topic="again")
    with pytest.raises(TopicRecreatedError, match="its id"):
        broker.values(plan.offsets, topic_ids=plan.topic_ids)


def test_a_topic_that_was_created_again_is_noticed_by_its_offsets_where_there_is_no_id(broker):
    broker.create("shorter")
    with pytest.raises(TopicRecreatedError, match="ends at offset 0, and the checkpoint is at 9"):
        broker.plan({"shorter": {"0": 9}}, topic="shorter")
    with pytest.raises(TopicRecreatedError, match="ends at offset 0"):
        broker.values({"shorter": {"0": [3, 9]}})


def test_a_topic_that_is_created_again_while_it_is_read_is_noticed(broker):
    broker.create("during")
    broker.produce("during", *[b"a"] * 30)
    plan = broker.plan(None, topic="during")
    tables = read_range(
        broker.connection, plan.offsets, topic_ids=plan.topic_ids, max_records=10, patience=5
    )
    next(tables)
    broker.recreate("during")
    with pytest.raises((TopicRecreatedError, TopicNotFoundError)):
        values_of(tables)


def test_a_topic_that_was_deleted_is_named(broker):
    broker.create("deleted")
    broker.produce("deleted", b"a")
    plan = broker.plan(None, topic="deleted")
    broker.delete("deleted")
    with pytest.raises(TopicNotFoundError, match="has no topic deleted"):
        broker.plan(plan.positions, topic="deleted")
    with pytest.raises(TopicNotFoundError, match="has no topic deleted any more"):
        broker.values(plan.offsets)


def test_retention_before_a_plan_is_counted_once(broker):
    broker.create("thinned")
    broker.produce("thinned", *[b"a"] * 10)
    broker.remove_before("thinned", 6)
    plan = broker.plan({"thinned": {"0": 2}}, topic="thinned")
    assert [(gap.start, gap.end, gap.records) for gap in plan.gaps] == [(2, 6, 4)]
    assert len(broker.values(plan.offsets)) == 4
    assert broker.plan(plan.positions, topic="thinned").gaps == ()


def test_retention_after_a_plan_leaves_the_rest(broker):
    broker.create("overtaken")
    broker.produce("overtaken", *[b"%d" % i for i in range(100)])
    gaps = []
    broker.remove_before("overtaken", 60)
    values = broker.values({"overtaken": {"0": [0, 100]}}, on_gap=gaps.append)
    assert values == [b"%d" % i for i in range(60, 100)]
    assert str(gaps[0]).startswith("overtaken, partition 0: offsets 0 to 59 were removed")
    broker.remove_before("overtaken", 100)
    assert broker.values({"overtaken": {"0": [60, 100]}}, on_gap=gaps.append) == []
    assert [gap.records for gap in gaps] == [60, 40]


def test_retention_while_reading_leaves_the_rest(broker, monkeypatch):
    "The look at the ends before reading is switched off: it is the consumer that is told."
    broker.create("overtaken_later", 2)
    broker.produce("overtaken_later", *[b"%d" % i for i in range(100)])
    broker.produce("overtaken_later", *[b"other"] * 50, partition=1)
    broker.remove_before("overtaken_later", 60)
    monkeypatch.setattr(
        kafka_records, "_without_gaps", lambda client, admin, ranges, on_gap: ranges
    )
    gaps = []
    ranges = {"overtaken_later": {"0": [20, 90], "1": [0, 50]}}
    values = broker.values(ranges, on_gap=gaps.append, patience=10)
    expected = Counter(b"%d" % i for i in range(60, 90)) + Counter({b"other": 50})
    assert Counter(values) == expected
    assert [(gap.start, gap.end) for gap in gaps] == [(20, 60)]


def plain_records(broker, topic, partitions):
    "All committed records, as a plain consumer reads them."
    settings = {
        "bootstrap.servers": broker.address,
        "group.id": "plain",
        "isolation.level": "read_committed",
        "enable.partition.eof": True,
        "auto.offset.reset": "earliest",
    }
    consumer = Consumer(settings)
    consumer.assign([TopicPartition(topic, p, 0) for p in range(partitions)])
    found, at_end = set(), 0
    while at_end < partitions:
        message = consumer.poll(10)
        if message.error():
            at_end += 1
        else:
            found.add((message.partition(), message.offset(), message.value()))
    consumer.close()
    return found


def test_ranges_side_by_side_give_what_a_plain_consumer_reads(broker):
    chance = random.Random(7)
    broker.create("mixed", 3)
    for number in range(25):
        producer = broker.producer(transactional_id=f"mixed-{number % 3}")
        producer.init_transactions()
        producer.begin_transaction()
        for i in range(chance.randrange(1, 9)):
            producer.produce("mixed", b"%d.%d" % (number, i), partition=chance.randrange(3))
        producer.flush(30)
        producer.commit_transaction() if chance.random() < 0.6 else producer.abort_transaction()
    positions, rows = None, []
    while (plan := broker.plan(positions, topic="mixed", max_records_per_batch=11)).pending:
        for table in read_range(broker.connection, plan.offsets, max_records=4):
            assert table.num_rows <= 4
            columns = (table[name].to_pylist() for name in ("partition", "offset", "value"))
            rows += zip(*columns, strict=True)
        positions = positions_after(plan.positions, plan.offsets)
    assert len(rows) == len(set(rows))
    assert set(rows) == plain_records(broker, "mixed", 3)


def test_records_come_with_their_key_headers_and_tombstones(broker):
    broker.create("whole")
    producer = broker.producer()
    headers = [("trace", b"1"), ("trace", b"2"), ("none", None)]
    producer.produce("whole", b"v", b"\xff", headers=headers, timestamp=1_700_000_000_123)
    producer.produce("whole", None, b"gone")
    producer.produce("whole", b"", None)
    producer.flush(30)
    table = pa.concat_tables(read_range(broker.connection, {"whole": {"0": [0, 3]}}))
    assert table["value"].to_pylist() == [b"v", None, b""]
    assert table["key"].to_pylist() == [b"\xff", b"gone", None]
    assert table["timestamp"].cast(pa.int64())[0].as_py() == 1_700_000_000_123
    assert [(h["key"], h["value"]) for h in table["headers"][0].as_py()] == headers
    assert table["headers"].to_pylist()[1:] == [None, None]


def test_a_table_holds_a_bounded_number_of_bytes(broker):
    broker.create("wide")
    broker.produce("wide", *[bytes(MIB // 2)] * 40, *[b"small"] * 100, *[bytes(MIB // 2)] * 4)
    sizes = [
        table.nbytes
        for table in read_range(broker.connection, {"wide": {"0": [0, 144]}}, max_bytes=4 * MIB)
    ]
    assert max(sizes) < 30 * MIB  # a burst of large records after small ones is the worst
    assert sorted(sizes)[-2] < 5 * MIB


READ_IN_A_PROCESS = """
    import resource, sys
    from motor_ingesta.catalog.models import KafkaConnection
    from motor_ingesta.sources.kafka import read_range
    connection = KafkaConnection(bootstrap_servers=sys.argv[1])
    peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    list(read_range(connection, {"packed": {"0": [0, 1]}}))
    idle, bytes_read = peak(), 0
    for table in read_range(connection, {"packed": {"0": [0, 600]}}):
        bytes_read += table.nbytes
    print(bytes_read // 2**20, peak() - idle)
"""


def test_memory_is_bounded_when_records_are_large(broker):
    "600 MiB of JSON, packed to a few."
    broker.create("packed")
    producer = broker.producer(compression_type="zstd", message_max_bytes=2 * MIB)
    value = b'{"text": "' + b"a" * MIB + b'"}'
    for _ in range(600):
        producer.produce("packed", value)
        producer.poll(0)
    producer.flush(60)
    words = [sys.executable, "-c", textwrap.dedent(READ_IN_A_PROCESS), broker.address]
    done = subprocess.run(words, capture_output=True, text=True, timeout=120, check=True)
    read, grown = map(int, done.stdout.split())
    assert read >= 600
    assert grown < 300  # MiB


def test_a_broker_that_is_not_there_is_told_in_time_and_without_secrets():
    secret = "very-secret-word"
    nobody = KafkaConnection(
        bootstrap_servers=f"127.0.0.1:{free_port()}",
        security_protocol="SASL_PLAINTEXT",
        sasl_username="user-name",
        sasl_password=secret,
    )
    began = time.monotonic()
    with pytest.raises(KafkaTimeoutError) as caught:
        plan_offsets(nobody, source_of(topic="any"), None)
    assert time.monotonic() - began < 40
    assert secret not in str(caught.value)
    assert caught.value.transient


def test_settings_that_the_client_refuses_are_named(broker):
    wrong = {"kafka.no.such.setting": "1"}
    broker.create("settings")
    broker.produce("settings", b"a")
    with pytest.raises(KafkaOptionError, match=r"no\.such\.setting"):
        broker.values({"settings": {"0": [0, 1]}}, options=wrong)
    assert broker.values({"settings": {"0": [0, 1]}}, options={"kafka.fetch.min.bytes": "1"})


def test_a_broker_that_dies_while_it_is_read_is_told_in_time(tmp_path):
    services = Services(tmp_path, free_port(), free_port())
    try:
        mortal = Broker(services.start().bootstrap_servers)
        mortal.create("cut")
        mortal.produce("cut", *[random.randbytes(MIB // 2) for _ in range(120)])
        tables = read_range(mortal.connection, {"cut": {"0": [0, 120]}}, max_bytes=MIB, patience=2)
        next(tables)
        services.stop()
        began = time.monotonic()
        with pytest.raises(KafkaUnavailableError):
            values_of(tables)
        assert time.monotonic() - began < 40
    finally:
        services.stop()


partitions = st.dictionaries(
    st.tuples(st.sampled_from("abc"), st.integers(0, 3)),
    st.tuples(st.integers(0, 50), st.integers(0, 200)),
)


@given(partitions, st.integers(1, 60), st.sampled_from(["earliest", "latest"]))
def test_plans_read_everything_once(found, max_records, starting_offsets):
    ends = {at: Ends(low, low + length) for at, (low, length) in found.items()}
    positions = {at[0]: {str(at[1]): end.earliest} for at, end in list(ends.items())[:1]}
    read = Counter()
    for _ in range(10_000):
        plan = plan_ranges(ends, positions, starting_offsets, max_records)
        assert plan.records <= max_records + len(ends)
        if not plan.pending:
            break
        assert plan.records > 0
        for topic, ranges in plan.offsets.items():
            for partition, (start, end) in ranges.items():
                read.update((topic, int(partition), offset) for offset in range(start, end))
        positions = positions_after(plan.positions, plan.offsets)
    expected = {(t, p, o) for (t, p), end in ends.items() for o in range(end.earliest, end.latest)}
    assert set(read) == expected
    assert set(read.values()) <= {1}
    assert record_count(plan.offsets) == 0
