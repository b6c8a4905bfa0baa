"The same catalog on other Sparks and another storage: a standalone cluster of three processes, and an S3-compatible object store; the same counts everywhere"
import json
import os
import socket
import subprocess
import sys
import time
from collections import Counter
from contextlib import contextmanager
from pathlib import Path

import pyspark
import pytest
from deltalake import DeltaTable

from conftest import REPOSITORY
from motor_ingesta.local import jars
from motor_ingesta.catalog.models import farmia_catalog
from motor_ingesta.local.services import free_port

KEYS = {"AWS_ACCESS_KEY_ID": "farmia", "AWS_SECRET_ACCESS_KEY": "only-for-tests", "AWS_REGION": "us-east-1"}


def listening(port, process, seconds=60):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and process.poll() is None:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0: return
        time.sleep(0.1)
    raise AssertionError(f"nothing listens on port {port}")


@contextmanager
def running(*commands):
    "Processes that end with the block"
    processes = []
    try:
        for command, options in commands: processes.append(subprocess.Popen([str(c) for c in command], stderr=subprocess.STDOUT, **options))
        yield processes
    finally:
        for process in reversed(processes): process.terminate()
        for process in processes:
            try: process.wait(20)
            except subprocess.TimeoutExpired: process.kill()


@contextmanager
def cluster(folder, workers=2):
    "A Spark standalone master and workers of one core each, as processes of their own; gives the master's address"
    spark_class, port = Path(pyspark.__path__[0], "bin/spark-class"), free_port()
    environment = os.environ | {"SPARK_LOCAL_IP": "127.0.0.1", "PYSPARK_PYTHON": sys.executable, "SPARK_NO_DAEMONIZE": "1"}
    address = f"spark://127.0.0.1:{port}"
    folder.mkdir(parents=True, exist_ok=True)
    log = lambda name: {"stdout": (folder / f"{name}.log").open("w"), "env": environment}
    master = [spark_class, "org.apache.spark.deploy.master.Master", "--host", "127.0.0.1", "--port", port, "--webui-port", free_port()]
    with running((master, log("master"))) as processes:
        listening(port, processes[0])
        each = [[spark_class, "org.apache.spark.deploy.worker.Worker", "--host", "127.0.0.1", "--cores", "1", "--memory", "1g", "--webui-port", free_port(), "--work-dir", folder / f"worker-{n}", address] for n in range(workers)]
        with running(*((command, log(f"worker-{n}")) for n, command in enumerate(each))):
            deadline = time.monotonic() + 60
            while (folder / "master.log").read_text().count("Registering worker") < workers and time.monotonic() < deadline: time.sleep(0.1)
            yield address


@contextmanager
def object_store(folder):
    "A server with S3's API over a folder; gives the environment that finds it"
    jars.SETS["s3proxy"] = json.loads((REPOSITORY / "tests/s3proxy.json").read_text())
    port, java = free_port(), jars.find_java()[0]
    (folder / "data").mkdir(parents=True)
    (folder / "s3proxy.conf").write_text(f"""s3proxy.endpoint=http://127.0.0.1:{port}
s3proxy.authorization=aws-v2-or-v4
s3proxy.identity={KEYS["AWS_ACCESS_KEY_ID"]}
s3proxy.credential={KEYS["AWS_SECRET_ACCESS_KEY"]}
jclouds.provider=filesystem-nio2
jclouds.identity=none
jclouds.credential=none
jclouds.filesystem.basedir={folder / "data"}
""")
    (folder / "logback.xml").write_text('<configuration><root level="WARN"/></configuration>')
    (folder / "data/lake").mkdir()  # the bucket
    command = [java, "-Xmx400m", f"-Dlogback.configurationFile={folder / 'logback.xml'}", "-cp", os.pathsep.join(map(str, jars.jar_paths("s3proxy"))), "org.gaul.s3proxy.Main", "--properties", folder / "s3proxy.conf"]
    with running((command, {"stdout": (folder / "s3proxy.log").open("w")})) as processes:
        listening(port, processes[0])
        yield os.environ | KEYS | {"AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}"}


def all_datasets(kind, home, folder, environment=None):
    "Run everything twice, and hold the tables against the manifests with a reader that has nothing to do with Spark"
    done = subprocess.run([sys.executable, REPOSITORY / "tests/farmia_run.py", kind, str(home), str(folder)], capture_output=True, text=True, timeout=900, env=environment)
    assert done.returncode == 0, done.stderr[-6000:]
    said = json.loads(done.stdout.splitlines()[-1])
    for report in said["reports"]: assert {d["dataset"]: d["error"] for d in report["datasets"]} == {d.name: "" for d in farmia_catalog().datasets}
    assert said["audit"]["difference"] == 0 and {a["pending"] for a in said["audit"]["datasets"]} == {0}, said["audit"]
    store = {key: environment[key] for key in (*KEYS, "AWS_ENDPOINT_URL")} | {"AWS_ALLOW_HTTP": "true"} if "://" in str(home) else None
    table = lambda zone, name: DeltaTable(f"{home}/datalakecaso/{zone}/{name}", storage_options=store).to_pyarrow_table()
    found = {name: [table("bronze", name).num_rows, sum(Counter(table("quarantine", name)["_reason"].to_pylist()).values())] for name in said["made"]}
    assert found == {name: made[1:] for name, made in said["made"].items()}
    assert sum(made[0] for made in said["made"].values()) > 0


def test_on_a_standalone_cluster(tmp_path):
    with cluster(tmp_path / "cluster") as address: all_datasets(address, tmp_path / "home", tmp_path)
    assert all(len(list((tmp_path / f"cluster/worker-{n}").glob("app-*"))) == 1 for n in range(2)), "both workers worked"


def test_on_an_object_store(tmp_path):
    with object_store(tmp_path / "store") as environment: all_datasets("local", "s3a://lake/farmia", tmp_path, environment)


def test_on_a_cluster_over_an_object_store(tmp_path):
    with object_store(tmp_path / "store") as environment, cluster(tmp_path / "cluster") as address: all_datasets(address, "s3a://lake/farmia", tmp_path, environment)


SECOND = """
import sys
from motor_ingesta.ingest import DatasetBusy, alone
from motor_ingesta.storage.lake import Lake
with alone(Lake("s3a://lake/farmia"), "iot/devices", sys.argv[1]) as check:
    check()
    print("working", flush=True)
    sys.stdin.readline()
"""


def test_two_runs_on_an_object_store(tmp_path):
    "The second is refused and told who is at work; when the first is killed, its claim ends after a while"
    run = lambda name, **how: subprocess.Popen([sys.executable, "-c", SECOND.replace("from motor_ingesta.storage.lake", "import motor_ingesta.ingest as i; i._LEASE = 15.0\nfrom motor_ingesta.storage.lake"), name],
                                               stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment, **how)
    with object_store(tmp_path / "store") as environment:
        first = run("first")
        assert first.stdout.readline() == "working\n", first.stderr.read()
        time.sleep(18)  # longer than a lease: the claim was renewed
        second = run("second")
        out, err = second.communicate(timeout=60)
        assert out == "" and "another run is working on iot/devices" in err and "run first" in err
        first.kill(); first.wait(10)
        time.sleep(18)
        third = run("third")
        assert third.stdout.readline() == "working\n", third.stderr.read()
        third.communicate("\n", timeout=60)
        assert third.returncode == 0
        assert not list((tmp_path / "store/data/lake").rglob("claims/*.json"))
