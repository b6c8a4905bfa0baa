"Works on events: Avro orders of two schema versions, the time from produce to bronze, the generator"

import io
import json
import threading
import time
from pathlib import Path
from urllib.parse import unquote

import fastavro
import numpy as np
from confluent_kafka import Producer
from pyarrow import parquet

from motor_ingesta.catalog.models import Catalog, farmia_catalog
from motor_ingesta.local.services import Services, free_port
from motor_ingesta.local.session import session
from motor_ingesta.pipeline.runner import MotorIngesta
from motor_ingesta.simulator.events import generate_events, make_topics, order_schema
from motor_ingesta.simulator.farmia import Trouble, rows
from motor_ingesta.sources.registry import Registry
from tools.benchmarks import data, peers
from tools.benchmarks.bench import Bench, compared, timed

ORDERS = "sales/online_orders"
TOPIC = "sales.online_orders"
COLUMNS = [
    "order_id",
    "customer_id",
    "product_id",
    "quantity",
    "unit_price",
    "channel",
    "delivery_province",
    "ordered_at",
]


def both_versions() -> Catalog:
    "FarmIA's dataset, read with the newest schema, as the peers do"
    dataset = farmia_catalog().select(ORDERS)[0]
    value = dataset.source.value.model_copy(update={"reader_schema": json.dumps(order_schema(2))})
    return Catalog(
        datasets=[
            dataset.model_copy(
                update={"source": dataset.source.model_copy(update={"value": value})}
            )
        ]
    )


def avro(bench: Bench, count: int) -> list[dict]:
    spark, home = session(), bench.place("avro-services")
    with Services(home, free_port(), free_port()):
        first = MotorIngesta(home, both_versions(), spark=spark)
        connections = first.connections()
        for begin in range(0, count, count // 10):  # versions in turns
            generate_events(
                connections,
                ORDERS,
                count // 10,
                start=begin,
                trouble=Trouble(schema_v2_from=begin + count // 20),
            )
        servers, schemas = (
            connections.kafka.bootstrap_servers,
            Registry(connections.schema_registry).writers(f"{TOPIC}-value"),
        )
        catalog = both_versions().model_copy(update={"connections": connections})
        expected: list = []

        def checked(act, uri) -> float:
            seconds = timed(act)
            expected.append(data.checksum(uri, COLUMNS))
            assert expected[-1] == expected[0] and expected[0][0] == count, expected
            return seconds

        def ours(i: int) -> float:
            engine = MotorIngesta(bench.place("avro-engine"), catalog, spark=spark)

            def run():
                report = engine.run()
                assert not report.failed, report.failed

            return checked(run, engine.lake.bronze(ORDERS))

        def plain(i):
            return checked(
                lambda: peers.plain_avro(spark, servers, TOPIC, schemas, bench.place("avro-plain")),
                bench.folder / "tables/avro-plain/table",
            )

        def consumer(i):
            return checked(
                lambda: peers.python_consumer(servers, TOPIC, schemas, bench.place("avro-python")),
                bench.folder / "tables/avro-python/table",
            )

        found = bench.pairs(ours, {"plain from_avro script": plain}, warm_up=count <= 1_000_000)
        found["confluent-kafka + fastavro + delta-rs"] = [consumer(0)]
    work = f"{count:,} Avro orders, two schema versions"
    rates = {name: [count / seconds for seconds in times] for name, times in found.items()}
    return [
        compared(work, found, "plain from_avro script", at_most=0.9),
        compared(work, rates, "confluent-kafka + fastavro + delta-rs", at_least=2.5, is_rate=True),
    ]


def avro_million(bench: Bench) -> list[dict]:
    return avro(bench, bench.rows(1_000_000))


def avro_ten_million(bench: Bench) -> list[dict]:
    return avro(bench, bench.rows(10_000_000))


def latencies(table: Path, after: float) -> np.ndarray:
    "Seconds from Kafka's time of a record to the commit that shows it, for commits after this time"
    found = []
    for log in sorted((table / "_delta_log").glob("*.json")):
        actions = [json.loads(line) for line in log.read_text().splitlines()]
        at = next((a["commitInfo"]["timestamp"] / 1000 for a in actions if "commitInfo" in a), 0)
        for added in (
            a["add"]["path"]
            for a in actions
            if "add" in a and a["add"]["dataChange"] and at > after
        ):  # a compaction shows nothing new
            made = (
                parquet.read_table(table / unquote(added), columns=["_timestamp"])["_timestamp"]
                .cast("int64")
                .to_numpy()
            )
            unit = parquet.read_schema(table / unquote(added)).field("_timestamp").type.unit
            found.append(at - made / {"ns": 1e9, "us": 1e6, "ms": 1e3}[unit])
    return np.concatenate(found) if found else np.array([])


RATE = 5000  # events a second


def latency(bench: Bench) -> list[dict]:
    "A continuous run beside a continuous script, one after the other, each with a broker of its own"
    seconds, spark, found = 60 if bench.small else 600, session(), {}
    for name in ("plain continuous script", "engine"):
        home = bench.place(f"latency-{name.split()[0]}")
        with Services(home, free_port(), free_port()):
            engine, stop = MotorIngesta(home, both_versions(), spark=spark), threading.Event()
            connections = engine.connections()
            generate_events(connections, ORDERS, 1000, trouble=Trouble(schema_v2_from=500))
            if name == "engine":
                table, running = (
                    Path(engine.lake.bronze(ORDERS)),
                    threading.Thread(
                        target=lambda: engine.run(continuous=True, stop=stop, poll_seconds=0.1)
                    ),
                )
                running.start()
            else:
                schemas = Registry(connections.schema_registry).writers(f"{TOPIC}-value")
                table, running = (
                    home / "table",
                    peers.plain_avro(
                        spark,
                        connections.kafka.bootstrap_servers,
                        TOPIC,
                        schemas,
                        home,
                        continuous=True,
                    ),
                )
            began = time.time()
            generate_events(connections, ORDERS, RATE * seconds, start=1000, rate=RATE)
            while len(latencies(table, began)) == 0 or time.time() - began < seconds + 10:
                time.sleep(1)
            if name == "engine":
                stop.set()
                running.join(60)
            else:
                running.stop()
            every = latencies(table, began + 15)  # the first batches find a cold start
            third = len(every) // 3
            found[name] = {
                "p50": float(np.percentile(every, 50)),
                "p99": float(np.percentile(every, 99)),
                "first third": float(np.percentile(every[:third], 50)),
                "last third": float(np.percentile(every[-third:], 50)),
            }

    def line(what, at_most):
        return compared(
            f"produce to visible, {RATE:,} events/s, {seconds // 60} min, {what}",
            {who: [f[what]] for who, f in found.items()},
            "plain continuous script",
            at_most=at_most,
        )

    flat = compared(
        "the same, last third of the time against the first",
        {
            "engine": [found["engine"]["last third"]],
            "first third": [found["engine"]["first third"]],
        },
        "first third",
        at_most=1.25,
    )
    return [line("p50", 1.25), line("p99", 1.25), flat]


def avro_generator(bench: Bench) -> dict:
    "Events made, encoded and produced, against a loop that only encodes with fastavro and produces"
    count, home = bench.rows(500_000), bench.place("generator-services")
    with Services(home, free_port(), free_port()):
        connections = MotorIngesta(home, both_versions()).connections()
        schema, made = fastavro.parse_schema(order_schema(1)), rows(ORDERS, 7, 0, 50_000)
        columns = {
            n: (v.astype("int64") if v.dtype.kind == "M" else v).tolist()
            for n, v in made.columns.items()
        }
        records = [
            dict(zip(columns, row, strict=False)) for row in zip(*columns.values(), strict=False)
        ]
        make_topics(connections.kafka.client_config(), ("bare",), 4)

        def bare() -> None:
            producer = Producer(
                connections.kafka.client_config()
                | {
                    "linger.ms": 20,
                    "compression.type": "lz4",
                    "queue.buffering.max.messages": 200_000,
                }
            )
            for i in range(count):
                record = records[i % len(records)]
                out = io.BytesIO(b"\x00\x00\x00\x00\x01")
                out.seek(5)
                fastavro.schemaless_writer(out, schema, record)
                while True:
                    try:
                        producer.produce("bare", out.getvalue(), record["order_id"])
                        break
                    except BufferError:
                        producer.poll(0.1)
            producer.flush(60)

        rates = bench.pairs(
            lambda i: (
                count
                / timed(lambda: generate_events(connections, ORDERS, count, start=(i + 2) * count))
            ),
            {"bare fastavro loop": lambda i: count / timed(bare)},
            warm_up=False,
        )
    return compared(
        "generator, Avro messages", rates, "bare fastavro loop", at_least=0.6, is_rate=True
    )


WORKS = {
    "avro_1m": avro_million,
    "avro_10m": avro_ten_million,
    "latency": latency,
    "avro_generator": avro_generator,
}
