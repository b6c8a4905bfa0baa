"What people would use instead, each as well as one can write it by hand: no quarantine, no report, no run table"

import json
import os
import subprocess
import sys
import time
from pathlib import Path

from tools.benchmarks import data

TIMESTAMP = "yyyy-MM-dd'T'HH:mm:ss.SSSX"  # explicit, which is quicker than letting Spark find out


def plain_files(spark, landing: str, to: Path, kind: str, schema: str, continuous: bool = False):
    "A Structured Streaming script: files to Delta, with file path and time added"
    from pyspark.sql import functions as F

    options = (
        {"recursiveFileLookup": "true"}
        | ({"timestampFormat": TIMESTAMP} if kind != "parquet" else {})
        | ({"header": "true"} if kind == "csv" else {})
    )
    rows = (
        spark.readStream.schema(schema)
        .options(**options)
        .format(kind)
        .load(landing)
        .select(
            "*",
            F.col("_metadata.file_path").alias("_source_file"),
            F.current_timestamp().alias("_ingested_at"),
            F.current_date().alias("ingestion_date"),
        )
    )
    _stream(rows, to, continuous)


def _stream(rows, to: Path, continuous: bool = False):
    writer = (
        rows.writeStream.format("delta")
        .partitionBy("ingestion_date")
        .option("checkpointLocation", f"{to}/checkpoint")
    )
    if continuous:
        return writer.start(f"{to}/table")
    writer.trigger(availableNow=True).start(f"{to}/table").awaitTermination()


def plain_avro(
    spark,
    servers: str,
    topic: str,
    schemas: dict[int, str],
    to: Path,
    max_records: int = 1_000_000,
    continuous: bool = False,
):
    "A Structured Streaming script: Avro in Confluent's wire format to Delta, one `from_avro` for each schema id"
    from pyspark.sql import functions as F
    from pyspark.sql.avro.functions import from_avro

    records = (
        spark.readStream.format("kafka")
        .option("kafka.bootstrap.servers", servers)
        .option("subscribe", topic)
        .option("startingOffsets", "earliest")
        .option("maxOffsetsPerTrigger", max_records)
        .load()
    )
    newest = schemas[max(schemas)]
    schema_id = F.conv(F.hex(F.substring("value", 2, 4)), 16, 10).cast("int")
    row = None
    for i, writer in schemas.items():
        decoded = from_avro(F.expr("substring(value, 6)"), writer, {"avroSchema": newest})
        row = F.when(schema_id == i, decoded) if row is None else row.when(schema_id == i, decoded)
    return _stream(
        records.select(row.alias("row"), "partition", "offset", "timestamp").select(
            "row.*",
            F.col("partition").alias("_partition"),
            F.col("offset").alias("_offset"),
            F.col("timestamp").alias("_timestamp"),
            F.current_timestamp().alias("_ingested_at"),
            F.current_date().alias("ingestion_date"),
        ),
        to,
        continuous,
    )


def duckdb_files(landing: str, to: Path, kind: str) -> None:
    "DuckDB reads, delta-rs writes"
    import duckdb
    from deltalake import write_deltalake

    files = sorted(map(str, Path(landing).rglob(f"*.{kind}")))
    read = {
        "json": f"read_json({files!r}, format='newline_delimited', columns={data.COLUMNS}, filename='_source_file')",
        "csv": f"read_csv({files!r}, header=true, columns={data.COLUMNS}, filename='_source_file')",
        "parquet": f"read_parquet({files!r}, filename='_source_file')",
    }[kind]
    with duckdb.connect() as db:
        db.execute("SET TimeZone = 'UTC'")
        rows = db.sql(
            f"SELECT *, now()::TIMESTAMPTZ AS _ingested_at, current_date AS ingestion_date FROM {read}"
        ).to_arrow_reader(100_000)
        write_deltalake(f"{to}/table", rows, partition_by=["ingestion_date"])


def polars_files(landing: str, to: Path, kind: str) -> None:
    "polars reads, delta-rs writes"
    import datetime as dt

    import polars as pl

    files = sorted(map(str, Path(landing).rglob(f"*.{kind}")))
    types = {name: pl.Float64 if t == "DOUBLE" else pl.String for name, t in data.COLUMNS.items()}
    scan = {
        "json": lambda: pl.scan_ndjson(files, schema=types, include_file_paths="_source_file"),
        "csv": lambda: pl.scan_csv(files, schema=types, include_file_paths="_source_file"),
        "parquet": lambda: pl.scan_parquet(files, include_file_paths="_source_file"),
    }[kind]()
    if kind != "parquet":
        scan = scan.with_columns(
            pl.col("reported_at").str.to_datetime(
                "%Y-%m-%dT%H:%M:%S%.3fZ", time_unit="us", time_zone="UTC"
            )
        )
    now = dt.datetime.now(dt.UTC)
    scan.with_columns(
        pl.lit(now).alias("_ingested_at"), pl.lit(now.date()).alias("ingestion_date")
    ).collect().write_delta(f"{to}/table", delta_write_options={"partition_by": ["ingestion_date"]})


def dlt_files(landing: str, to: Path) -> None:
    "dlt to Delta, JSON only"
    os.environ |= {
        "DLT_DATA_DIR": f"{to}/dlt",
        "RUNTIME__DLTHUB_TELEMETRY": "false",
        "RUNTIME__LOG_LEVEL": "ERROR",
    }
    import dlt
    from dlt.common.json import json as fast_json

    @dlt.resource(
        name="readings",
        table_format="delta",
        write_disposition="append",
        columns={"reported_at": {"data_type": "timestamp"}},
    )
    def readings():
        for path in sorted(Path(landing).rglob("*.json")):
            with path.open("rb") as file:
                yield [fast_json.loadb(line) | {"source_file": str(path)} for line in file]

    dlt.pipeline(
        "bench",
        destination=dlt.destinations.filesystem(f"file://{to}/table"),
        dataset_name="bench",
        pipelines_dir=f"{to}/dlt",
    ).run(readings())


def python_consumer(servers: str, topic: str, schemas: dict[int, str], to: Path) -> None:
    "confluent-kafka consumes, fastavro decodes, delta-rs writes"
    import datetime as dt
    import io
    import struct

    import fastavro
    import pyarrow as pa
    from confluent_kafka import Consumer
    from deltalake import write_deltalake

    parsed = {i: fastavro.parse_schema(json.loads(text)) for i, text in schemas.items()}
    reader, now = parsed[max(parsed)], dt.datetime.now(dt.UTC)
    kinds = pa.schema(
        [
            (
                f["name"],
                {"int": pa.int32(), "double": pa.float64()}.get(
                    f["type"] if isinstance(f["type"], str) else "",
                    pa.timestamp("us", "UTC") if isinstance(f["type"], dict) else pa.string(),
                ),
            )
            for f in json.loads(schemas[max(schemas)])["fields"]
        ]
        + [("_partition", pa.int32()), ("_offset", pa.int64()), ("ingestion_date", pa.date32())]
    )
    consumer = Consumer(
        {
            "bootstrap.servers": servers,
            "group.id": f"bench-{time.time_ns()}",
            "auto.offset.reset": "earliest",
            "enable.partition.eof": True,
            "enable.auto.commit": False,
        }
    )
    consumer.subscribe([topic])
    partitions, ended, rows = (
        len(consumer.list_topics(topic, 15).topics[topic].partitions),
        set(),
        [],
    )

    def write():
        if rows:
            write_deltalake(
                f"{to}/table",
                pa.Table.from_pylist(rows, kinds),
                mode="append",
                partition_by=["ingestion_date"],
            )
        rows.clear()

    while len(ended) < partitions:
        for message in consumer.consume(10_000, 1.0):
            if message.error():
                ended.add(message.partition())
                continue
            value = message.value()
            row = fastavro.schemaless_reader(
                io.BytesIO(value[5:]), parsed[struct.unpack(">I", value[1:5])[0]], reader
            )
            row["_partition"], row["_offset"], row["ingestion_date"] = (
                message.partition(),
                message.offset(),
                now.date(),
            )
            rows.append(row)
        if len(rows) >= 1_000_000:
            write()
    write()
    consumer.close()


START = """
import sys, time
from pyspark.sql import SparkSession, functions as F
from delta import configure_spark_with_delta_pip
builder = (SparkSession.builder.appName("plain").master("local[*]").config("spark.sql.extensions", "io.delta.sql.DeltaSparkSessionExtension")
           .config("spark.sql.catalog.spark_catalog", "org.apache.spark.sql.delta.catalog.DeltaCatalog"))
spark = configure_spark_with_delta_pip(builder, extra_packages=["org.apache.spark:spark-sql-kafka-0-10_2.13:4.1.1", "org.apache.spark:spark-avro_2.13:4.1.1"]).getOrCreate()
landing, to, schema = sys.argv[1:]
rows = (spark.readStream.schema(schema).option("recursiveFileLookup", "true").json(landing)
        .select("*", F.col("_metadata.file_path").alias("_source_file"), F.current_timestamp().alias("_ingested_at"), F.current_date().alias("ingestion_date")))
rows.writeStream.format("delta").partitionBy("ingestion_date").option("checkpointLocation", to + "/checkpoint").trigger(availableNow=True).start(to + "/table").awaitTermination()
spark.read.format("delta").load(to + "/table").limit(20).show()
spark.stop()
"""


def plain_start(landing: str, to: Path) -> None:
    "A script that sets Spark up as Delta's documentation says, ingests and shows the first rows"
    subprocess.run(
        [sys.executable, "-c", START, landing, to, data.DDL],
        check=True,
        capture_output=True,
        timeout=300,
    )
