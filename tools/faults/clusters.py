"""Spark clusters and object stores made of processes on this computer."""

import json
import os
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import pyspark

from motor_ingesta.local import jars
from motor_ingesta.local.services import free_port

KEYS = {
    "AWS_ACCESS_KEY_ID": "farmia",
    "AWS_SECRET_ACCESS_KEY": "only-for-tests",
    "AWS_REGION": "us-east-1",
}


def listening(port, process, seconds=60):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and process.poll() is None:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    raise AssertionError(f"nothing listens on port {port}")


@contextmanager
def running(*commands):
    "Processes that end with the block"
    processes = []
    try:
        for command, options in commands:
            processes.append(
                subprocess.Popen([str(c) for c in command], stderr=subprocess.STDOUT, **options)
            )
        yield processes
    finally:
        for process in reversed(processes):
            process.terminate()
        for process in processes:
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()


@contextmanager
def cluster(folder, workers=2):
    "A Spark standalone master and workers of one core each, as processes of their own; gives the master's address"
    spark_class, port = Path(pyspark.__path__[0], "bin/spark-class"), free_port()
    environment = os.environ | {
        "SPARK_LOCAL_IP": "127.0.0.1",
        "PYSPARK_PYTHON": sys.executable,
        "SPARK_NO_DAEMONIZE": "1",
    }
    address = f"spark://127.0.0.1:{port}"
    folder.mkdir(parents=True, exist_ok=True)

    def log(name):
        return {"stdout": (folder / f"{name}.log").open("w"), "env": environment}

    master = [
        spark_class,
        "org.apache.spark.deploy.master.Master",
        "--host",
        "127.0.0.1",
        "--port",
        port,
        "--webui-port",
        free_port(),
    ]
    with running((master, log("master"))) as processes:
        listening(port, processes[0])
        each = [
            [
                spark_class,
                "org.apache.spark.deploy.worker.Worker",
                "--host",
                "127.0.0.1",
                "--cores",
                "1",
                "--memory",
                "1g",
                "--webui-port",
                free_port(),
                "--work-dir",
                folder / f"worker-{n}",
                address,
            ]
            for n in range(workers)
        ]
        with running(*((command, log(f"worker-{n}")) for n, command in enumerate(each))):
            deadline = time.monotonic() + 60
            while (folder / "master.log").read_text().count(
                "Registering worker"
            ) < workers and time.monotonic() < deadline:
                time.sleep(0.1)
            yield address


@contextmanager
def object_store(folder):
    "A server with S3's API over a folder; gives the environment that finds it"
    jars.SETS["s3proxy"] = json.loads(Path(__file__).with_name("s3proxy.json").read_text())
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
    command = [
        java,
        "-Xmx400m",
        f"-Dlogback.configurationFile={folder / 'logback.xml'}",
        "-cp",
        os.pathsep.join(map(str, jars.jar_paths("s3proxy"))),
        "org.gaul.s3proxy.Main",
        "--properties",
        folder / "s3proxy.conf",
    ]
    with running((command, {"stdout": (folder / "s3proxy.log").open("w")})) as processes:
        listening(port, processes[0])
        yield os.environ | KEYS | {"AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}"}
