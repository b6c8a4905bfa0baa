"""All of FarmIA's datasets once through, on a Spark of some kind; prints what was made, what the engine reports, what the audit finds.

    python -m tools.faults.farmia_run local|connect|spark://HOST:PORT HOME FOLDER

The services of this computer live in FOLDER; HOME is a folder too, or an address of an object store.
"""

import json
import os
import sys
import warnings

warnings.simplefilter("ignore")

from pyspark.sql import SparkSession

from motor_ingesta.catalog.models import (
    Connections,
    KafkaConnection,
    RegistryConnection,
    farmia_catalog,
)
from motor_ingesta.local.jars import jar_paths
from motor_ingesta.local.services import Services, free_port
from motor_ingesta.local.session import _local_settings
from motor_ingesta.pipeline.runner import MotorIngesta
from motor_ingesta.simulator.events import generate_events
from motor_ingesta.simulator.farmia import SOURCES, Trouble
from motor_ingesta.simulator.files import generate_files

TROUBLE = Trouble(
    late=0.02, duplicate=0.02, corrupt=0.02, missing=0.02, null=0.02, schema_v2_from=200
)


def settings(home: str) -> dict[str, str]:
    "As for a local session; with what an object store needs, if home is on one"
    found = _local_settings("2g") | {"spark.executor.memory": "800m", "spark.cores.max": "2"}
    if home.startswith("s3a://"):
        found["spark.jars"] = ",".join(map(str, jar_paths("spark") + jar_paths("s3")))
        s3 = {
            "endpoint": os.environ["AWS_ENDPOINT_URL"],
            "endpoint.region": "us-east-1",
            "path.style.access": "true",
            "connection.ssl.enabled": "false",
        }
        found |= {f"spark.hadoop.fs.s3a.{name}": value for name, value in s3.items()}
        found |= {
            f"spark.executorEnv.{name}": os.environ[name]
            for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_ENDPOINT_URL")
        }
    return found


os.environ.setdefault("PYSPARK_PYTHON", sys.executable)  # of the workers


def spark_of(kind: str, home: str) -> SparkSession:
    builder = SparkSession.builder.appName("motor_ingesta")
    builder = (
        builder.remote("local[2]")
        if kind == "connect"
        else builder.master("local[2]" if kind == "local" else kind)
    )
    for name, value in settings(home).items():
        builder = builder.config(name, value)
    return builder.getOrCreate()


def main(kind: str, home: str, folder: str) -> None:
    spark = spark_of(kind, home)
    assert ("connect" in type(spark).__module__) == (kind == "connect")
    with Services(folder, free_port(), free_port()) as local:
        connections = Connections(
            kafka=KafkaConnection(bootstrap_servers=local.bootstrap_servers),
            schema_registry=RegistryConnection(url=local.schema_registry_url),
        )
        engine, made = (
            MotorIngesta(
                home, farmia_catalog().model_copy(update={"connections": connections}), spark=spark
            ),
            {},
        )

        def generate(round: int) -> None:
            for name, source in SOURCES.items():
                if source.topics:
                    more = generate_events(
                        connections, name, 400, start=400 * round, trouble=TROUBLE, lake=engine.lake
                    )
                else:
                    more = generate_files(
                        engine.lake, name, 2, 200, start=400 * round, trouble=TROUBLE
                    )
                made.setdefault(name, []).append([more.rows, more.bronze, more.quarantine])

        reports = []
        for round in range(2):
            generate(round)
            reports.append(engine.run().to_dict())
        audit = engine.audit(everything=True).to_dict()
        spark.stop()
    print(
        json.dumps(
            {
                "made": {
                    name: [sum(column) for column in zip(*each, strict=False)]
                    for name, each in made.items()
                },
                "reports": reports,
                "audit": audit,
            }
        )
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
