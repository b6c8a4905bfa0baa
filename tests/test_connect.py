"The same engine in a Spark Connect client: the protocol of Databricks Connect and serverless, with no JVM behind the session object"
import json
import subprocess
import sys

from conftest import rows_by_reason
from motor_ingesta.catalog import farmia_catalog

RUN = """
import json, sys, warnings
warnings.simplefilter("ignore")
from pyspark.sql import SparkSession
from motor_ingesta.catalog import Connections, farmia_catalog
from motor_ingesta.engine import MotorIngesta
from motor_ingesta.farmia import SOURCES, Trouble
from motor_ingesta.file_generator import generate_files
from motor_ingesta.message_generator import generate_events
from motor_ingesta.services import Services, free_port
from motor_ingesta.spark import _local_settings

builder = SparkSession.builder.remote("local[2]")
for name, value in _local_settings("2g").items(): builder = builder.config(name, value)
spark = builder.getOrCreate()
assert "connect" in type(spark).__module__
home = sys.argv[1]
with Services(home, free_port(), free_port()):
    engine, trouble, made = MotorIngesta(home, spark=spark), Trouble(late=0.02, duplicate=0.02, corrupt=0.02, missing=0.02, null=0.02, schema_v2_from=200), {}
    for name, source in SOURCES.items():
        if source.topics: made[name] = generate_events(engine.connections(), name, 400, trouble=trouble)
        else: made[name] = generate_files(engine.lake, name, 2, 200, trouble=trouble)
    report = engine.run()
    print(json.dumps({name: [m.bronze, m.quarantine] for name, m in made.items()}))
    print(json.dumps(report.to_dict()))
    spark.stop()
"""


def test_every_dataset_under_spark_connect(tmp_path):
    done = subprocess.run([sys.executable, "-c", RUN, tmp_path], capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr[-4000:]
    made, report = map(json.loads, done.stdout.splitlines()[-2:])
    assert {d["dataset"]: d["error"] for d in report["datasets"]} == {d.name: "" for d in farmia_catalog().datasets}
    for dataset, expected in made.items():
        bronze, quarantine = rows_by_reason(tmp_path, dataset)
        assert [bronze, sum(quarantine.values())] == expected, dataset
