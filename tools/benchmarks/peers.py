"""What people would use instead, as well as one can write it by hand: no quarantine, no run table."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame, SparkSession

PLAIN, DUCKDB, PANDAS = "plain Spark script", "DuckDB + delta-rs", "pandas + delta-rs"


@dataclass(frozen=True)
class PlainFiles:
    "How a plain Structured Streaming script reads files."

    format: str
    schema: str | None  # None: that of the files
    options: dict[str, str] = field(default_factory=dict)
    columns: tuple[str, ...] = ("*",)  # SQL
    settings: dict[str, str] = field(default_factory=dict)  # of the session, while it reads


def plain_files(spark: "SparkSession", landing: str, to: Path, how: PlainFiles) -> None:
    "Files to Delta, with file path and time added."
    schema = how.schema or spark.read.format(how.format).load(f"{landing}/*/*/*").schema
    with _settings(spark, how.settings):
        files = spark.readStream.schema(schema).option("recursiveFileLookup", "true")
        rows = files.options(**how.options).format(how.format).load(landing)
        _stream(rows.selectExpr(*how.columns, "_metadata.file_path AS _source_file"), to)


@contextmanager
def _settings(spark: "SparkSession", settings: dict[str, str]) -> Iterator[None]:
    for name, value in settings.items():
        spark.conf.set(name, value)
    yield
    for name in settings:
        spark.conf.unset(name)


def _stream(rows: "DataFrame", to: Path) -> None:
    rows = rows.selectExpr(
        "*", "current_timestamp() AS _ingested_at", "current_date() AS ingestion_date"
    )
    writer = rows.writeStream.format("delta").partitionBy("ingestion_date")
    writer = writer.option("checkpointLocation", f"{to}/checkpoint").trigger(availableNow=True)
    writer.start(f"{to}/table").awaitTermination()


@dataclass(frozen=True)
class PlainTopic:
    "How a plain Structured Streaming script reads the values of a topic."

    format: str  # avro, json, string or binary
    schema: str = ""  # of JSON in DDL; of Avro that of the reader


def plain_topic(
    spark: "SparkSession",
    servers: str,
    topic: str,
    writers: dict[int, str],  # Avro: schema id → schema
    to: Path,
    how: PlainTopic,
) -> None:
    "Records to Delta, with key, headers, offset and time."
    records = (
        spark.readStream.format("kafka")
        .option("kafka.bootstrap.servers", servers)
        .option("subscribe", topic)
        .option("startingOffsets", "earliest")
        .option("includeHeaders", "true")
        .option("maxOffsetsPerTrigger", 1_000_000)
        .load()
    )
    rows = records.withColumn("row", _decoded(how, writers)).selectExpr(
        "row.*" if how.format in ("avro", "json") else "row AS value",
        "CAST(key AS STRING) AS _key",
        "headers AS _headers",
        "partition AS _partition",
        "offset AS _offset",
        "timestamp AS _timestamp",
    )
    _stream(rows, to)


def _decoded(how: PlainTopic, writers: dict[int, str]) -> "Column":
    from pyspark.sql import functions as F

    if how.format == "avro":
        return _from_avro(how.schema, writers)
    if how.format == "json":
        return F.from_json(F.col("value").cast("string"), how.schema)
    return F.col("value").cast("string" if how.format == "string" else "binary")


def _from_avro(reader: str, writers: dict[int, str]) -> "Column":
    "One `from_avro` for each writer's schema in Confluent's wire format."
    from pyspark.sql import functions as F
    from pyspark.sql.avro.functions import from_avro

    schema_id = F.conv(F.hex(F.substring("value", 2, 4)), 16, 10).cast("int")
    options = {"avroSchema": reader, "mode": "PERMISSIVE"}
    row = None
    for number, writer in writers.items():
        decoded = from_avro(F.expr("substring(value, 6)"), writer, options)
        is_writer = schema_id == number
        row = F.when(is_writer, decoded) if row is None else row.when(is_writer, decoded)
    return row


@dataclass(frozen=True)
class DuckdbFiles:
    "How DuckDB reads files."

    function: str  # such as read_csv
    options: str = ""  # SQL


def duckdb_files(landing: str, to: Path, how: DuckdbFiles) -> None:
    "DuckDB reads, delta-rs writes."
    import duckdb
    from deltalake import write_deltalake

    files = sorted(str(path) for path in Path(landing).rglob("*") if path.is_file())
    options = f", {how.options}" if how.options else ""
    query = (
        "SELECT *, now()::TIMESTAMPTZ AS _ingested_at, current_date AS ingestion_date "
        f"FROM {how.function}({files!r}, filename='_source_file'{options})"
    )
    with duckdb.connect() as database:
        database.execute("SET TimeZone = 'UTC'")
        rows = database.sql(query).to_arrow_reader(100_000)
        write_deltalake(f"{to}/table", rows, partition_by=["ingestion_date"])


def pandas_csv(landing: str, to: Path, options: dict[str, Any]) -> None:
    "pandas reads, delta-rs writes."
    import pandas as pd
    from deltalake import write_deltalake

    for path in sorted(path for path in Path(landing).rglob("*") if path.is_file()):
        rows = pd.read_csv(path, **options)
        write_deltalake(f"{to}/table", rows.assign(_source_file=str(path)), mode="append")


DOCUMENTED_START = """
import sys
from delta import configure_spark_with_delta_pip
from pyspark.sql import SparkSession

landing, to, schema = sys.argv[1:]
builder = (
    SparkSession.builder.appName("plain")
    .config("spark.sql.extensions", "io.delta.sql.DeltaSparkSessionExtension")
    .config("spark.sql.catalog.spark_catalog", "org.apache.spark.sql.delta.catalog.DeltaCatalog")
)
packages = [
    "org.apache.spark:spark-sql-kafka-0-10_2.13:4.1.1",
    "org.apache.spark:spark-avro_2.13:4.1.1",
]
spark = configure_spark_with_delta_pip(builder, extra_packages=packages).getOrCreate()
rows = spark.readStream.schema(schema).option("recursiveFileLookup", "true").json(landing)
stream = rows.writeStream.format("delta").option("checkpointLocation", f"{to}/checkpoint")
stream.trigger(availableNow=True).start(f"{to}/table").awaitTermination()
spark.read.format("delta").load(f"{to}/table").limit(20).show()
"""  # Spark as Delta's documentation sets it up
