"The same catalog on other Sparks and another storage: a standalone cluster of three processes, and an S3-compatible object store; the same counts everywhere"

import subprocess
import sys
import time

from support.datasets import all_datasets
from tools.faults.clusters import cluster, object_store


def test_on_a_standalone_cluster(tmp_path):
    with cluster(tmp_path / "cluster") as address:
        all_datasets(address, tmp_path / "home", tmp_path)
    assert all(
        len(list((tmp_path / f"cluster/worker-{n}").glob("app-*"))) == 1 for n in range(2)
    ), "both workers worked"


def test_on_an_object_store(tmp_path):
    with object_store(tmp_path / "store") as environment:
        all_datasets("local", "s3a://lake/farmia", tmp_path, environment)


def test_on_a_cluster_over_an_object_store(tmp_path):
    with object_store(tmp_path / "store") as environment, cluster(tmp_path / "cluster") as address:
        all_datasets(address, "s3a://lake/farmia", tmp_path, environment)


SECOND = """
import sys
from motor_ingesta.pipeline.lock import dataset_lock
from motor_ingesta.storage.lake import Lake
with dataset_lock(Lake("s3a://lake/farmia"), "iot/devices", sys.argv[1]) as check:
    check()
    print("working", flush=True)
    sys.stdin.readline()
"""


def test_two_runs_on_an_object_store(tmp_path):
    "The second is refused and told who is at work; when the first is killed, its claim ends after a while"

    def run(name, **how):
        return subprocess.Popen(
            [
                sys.executable,
                "-c",
                SECOND.replace(
                    "from motor_ingesta.storage.lake",
                    "import motor_ingesta.pipeline.lock as lock; lock._LEASE = 15.0\nfrom motor_ingesta.storage.lake",
                ),
                name,
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=environment,
            **how,
        )

    with object_store(tmp_path / "store") as environment:
        first = run("first")
        assert first.stdout.readline() == "working\n", first.stderr.read()
        time.sleep(18)  # longer than a lease: the claim was renewed
        second = run("second")
        out, err = second.communicate(timeout=60)
        assert out == "" and "another run is working on iot/devices" in err and "run first" in err
        first.kill()
        first.wait(10)
        time.sleep(18)
        third = run("third")
        assert third.stdout.readline() == "working\n", third.stderr.read()
        third.communicate("\n", timeout=60)
        assert third.returncode == 0
        assert not list((tmp_path / "store/data/lake").rglob("claims/*.json"))
