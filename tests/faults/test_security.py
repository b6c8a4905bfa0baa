"A broker that wants TLS and a password, a registry behind basic auth: the right ones work, the wrong ones are refused, and no secret is to be found anywhere"

import base64
import http.server
import json
import os
import subprocess
import sys
import threading
import time
import uuid
from pathlib import Path

import httpx
import nbformat
import pytest
from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient
from nbclient import NotebookClient

from motor_ingesta.catalog.models import load_catalog
from motor_ingesta.local.jars import find_java, jar_paths
from motor_ingesta.local.services import Services, free_port
from motor_ingesta.simulator.events import generate_events

SECRETS = {
    "FARMIA_KAFKA_SECRET": "s3cret-of-kafka-7f1c",
    "FARMIA_REGISTRY_AUTH": "reader:s3cret-of-registry-91ab",
}
CATALOG = """
connections:
  kafka:
    bootstrap_servers: 127.0.0.1:{kafka}
    security_protocol: SASL_SSL
    sasl_username: farmia
    sasl_password: ${{env:FARMIA_KAFKA_SECRET}}
    options: {{ssl.ca.location: {ca}, ssl.truststore.type: PEM, ssl.truststore.location: {ca}}}
  schema_registry: {{url: "http://127.0.0.1:{registry}/apis/ccompat/v7", basic_auth_user_info: "${{env:FARMIA_REGISTRY_AUTH}}"}}
datasets:
  - datasource: sales
    dataset: online_orders
    source: {{kind: kafka, topic: sales.online_orders, value: {{format: avro}}}}
"""
BROKER = """process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller}
listeners=SASL_SSL://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}
advertised.listeners=SASL_SSL://127.0.0.1:{port}
controller.listener.names=CONTROLLER
listener.security.protocol.map=SASL_SSL:SASL_SSL,CONTROLLER:PLAINTEXT
inter.broker.listener.name=SASL_SSL
sasl.enabled.mechanisms=PLAIN
sasl.mechanism.inter.broker.protocol=PLAIN
listener.name.sasl_ssl.plain.sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule required username="broker" password="{own}" user_broker="{own}" user_farmia="{secret}";
ssl.keystore.type=PKCS12
ssl.keystore.location={folder}/broker.p12
ssl.keystore.password=changeit
ssl.truststore.type=PEM
ssl.truststore.location={folder}/ca.pem
log.dirs={folder}/data
offsets.topic.replication.factor=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
message.timestamp.before.max.ms=9223372036854775807
"""


class Guard(http.server.BaseHTTPRequestHandler):
    "What stands before the registry and asks for a password"

    registry = ""

    def _pass_on(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        expected = "Basic " + base64.b64encode(SECRETS["FARMIA_REGISTRY_AUTH"].encode()).decode()
        if self.headers.get("Authorization") != expected:
            status, content = 401, b'{"error_code": 401, "message": "Unauthorized"}'
        else:
            answer = httpx.request(
                self.command,
                self.registry + self.path,
                content=body,
                headers={"Content-Type": self.headers.get("Content-Type", "application/json")},
                timeout=20,
            )
            status, content = answer.status_code, answer.content
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_POST = do_PUT = _pass_on

    def log_message(self, *_):
        pass


@pytest.fixture(scope="module")
def secured(tmp_path_factory):
    "(home, catalog file), with everything running behind it"
    home = tmp_path_factory.mktemp("secured")
    java, _ = find_java()
    keytool, port = str(Path(os.path.realpath(java)).parent / "keytool"), free_port()
    subprocess.run(
        [
            keytool,
            "-genkeypair",
            "-alias",
            "broker",
            "-keyalg",
            "RSA",
            "-validity",
            "30",
            "-dname",
            "CN=127.0.0.1",
            "-ext",
            "SAN=IP:127.0.0.1",
            "-storetype",
            "PKCS12",
            "-keystore",
            home / "broker.p12",
            "-storepass",
            "changeit",
        ],
        check=True,
        capture_output=True,
    )
    (home / "ca.pem").write_text(
        subprocess.run(
            [
                keytool,
                "-exportcert",
                "-rfc",
                "-alias",
                "broker",
                "-keystore",
                home / "broker.p12",
                "-storepass",
                "changeit",
            ],
            check=True,
            capture_output=True,
            text=True,
        ).stdout
    )
    settings = home / "broker.properties"
    settings.write_text(
        BROKER.format(
            port=port,
            controller=free_port(),
            folder=home,
            own=uuid.uuid4().hex,
            secret=SECRETS["FARMIA_KAFKA_SECRET"],
        )
    )
    path = os.pathsep.join(map(str, jar_paths("kafka")))
    subprocess.run(
        [
            java,
            "-cp",
            path,
            "kafka.tools.StorageTool",
            "format",
            "-t",
            str(uuid.uuid4()),
            "-c",
            settings,
        ],
        check=True,
        capture_output=True,
    )
    local = Services(home, free_port(), free_port())
    with (home / "broker.log").open("w") as log:
        broker = subprocess.Popen(
            [java, "-Xmx512m", "-cp", path, "kafka.Kafka", settings], stdout=log, stderr=log
        )
    try:
        Guard.registry = local.start().schema_registry_url.removesuffix("/apis/ccompat/v7")
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Guard)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        catalog = home / "secured.yml"
        catalog.write_text(
            CATALOG.format(kafka=port, registry=server.server_address[1], ca=home / "ca.pem")
        )
        with pytest.MonkeyPatch.context() as patch:
            for name, value in SECRETS.items():
                patch.setenv(name, value)
            connections, deadline = load_catalog(catalog).connections, time.monotonic() + 60
            while True:
                try:
                    AdminClient(
                        connections.kafka.client_config()
                        | {"log_level": 0, "error_cb": lambda error: None}
                    ).list_topics(timeout=3)
                    break
                except KafkaException:
                    assert time.monotonic() < deadline, (home / "broker.log").read_text()[-2000:]
            generate_events(connections, "sales/online_orders", 500)
        yield home, catalog
        server.shutdown()
        server.server_close()
    finally:
        broker.terminate()
        broker.wait(30)
        local.stop()


def call(home, catalog, lake="lake", **environment):
    return subprocess.run(
        [
            Path(sys.executable).parent / "motor-ingesta",
            "run",
            "--home",
            home / lake,
            "--catalog",
            catalog,
            "--json",
            "--log",
            home / "engine.log",
        ],
        env={k: v for k, v in (os.environ | SECRETS | environment).items() if v},
        capture_output=True,
        text=True,
        timeout=240,
    )


def secrets_in(text: str) -> list[str]:
    words = {word for value in SECRETS.values() for word in (value, value.split(":")[-1])}
    return sorted(
        word for word in words if word in text or base64.b64encode(word.encode()).decode() in text
    )


def test_right_ones_work_and_leave_no_trace(secured):
    home, catalog = secured
    done = call(home, catalog)
    assert json.loads(done.stdout)["datasets"][0]["rows_written"] == 500, done.stdout + done.stderr
    texts = {"output": done.stdout + done.stderr} | {
        str(p): p.read_bytes().decode("latin-1")
        for p in [*(home / "lake").rglob("*"), home / "engine.log"]
        if p.is_file()
    }
    assert not {name: found for name, text in texts.items() if (found := secrets_in(text))}


@pytest.mark.parametrize(
    "wrong, says",
    [
        ({"FARMIA_KAFKA_SECRET": "wrong-password-1234"}, "refused the request"),
        ({"FARMIA_REGISTRY_AUTH": "reader:wrong-password-1234"}, "basic_auth_user_info"),
        ({"FARMIA_KAFKA_SECRET": ""}, "FARMIA_KAFKA_SECRET is not set"),
    ],
)
def test_wrong_ones_are_refused_by_name(secured, wrong, says):
    home, catalog = secured
    done = call(home, catalog, "another lake", **wrong)
    error = json.loads(done.stdout)["datasets"][0]["error"]
    assert done.returncode == 1 and says in error, error
    assert "wrong-password" not in done.stdout + done.stderr + (
        home / "engine.log"
    ).read_text() and not secrets_in(error)


def test_a_certificate_nobody_vouches_for_is_refused(secured):
    home, catalog = secured
    strange = home / "strange.yml"
    strange.write_text(
        "\n".join(line for line in catalog.read_text().splitlines() if "ssl.ca" not in line)
    )
    error = json.loads(call(home, strange, "another lake").stdout)["datasets"][0]["error"]
    assert "refused the request" in error and "certificate" in error.lower(), error


def test_spark_shows_no_secret(secured):
    "Neither the environment page, nor the pages of queries, nor a plan"
    home, catalog = secured
    script = f"""
import sys, httpx
from motor_ingesta.pipeline.runner import MotorIngesta
from motor_ingesta.local.session import session
from motor_ingesta.sources.spark_kafka import read_records
spark = session(**{{"spark.ui.enabled": "true", "spark.ui.port": "{(port := free_port())}"}})
engine = MotorIngesta({str(home / "lake2")!r}, {str(catalog)!r}, spark=spark)
assert not engine.run().failed
read_records(spark, engine.connections().kafka, {{"sales.online_orders": {{"0": [0, 1]}}}}).explain("formatted")
for page in ("environment/", "SQL/", "SQL/execution/?id=0", "SQL/execution/?id=1", "SQL/execution/?id=2", "jobs/", "stages/"):
    print(httpx.get("http://127.0.0.1:{port}/" + page, follow_redirects=True, timeout=30).text)
"""
    done = subprocess.run(
        [sys.executable, "-c", script],
        env=os.environ | SECRETS,
        capture_output=True,
        text=True,
        timeout=240,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert "Environment" in done.stdout and "Physical Plan" in done.stdout
    assert not secrets_in(done.stdout + done.stderr)


def test_a_notebook_shows_no_secret(secured):
    "Whatever somebody lets a notebook show, and whatever goes wrong in it"
    home, catalog = secured
    cells = [
        f"from motor_ingesta.pipeline.runner import MotorIngesta\nengine = MotorIngesta({str(home / 'lake5')!r}, {str(catalog)!r})",
        "engine.catalog",
        "print(engine.catalog.model_dump(), engine.catalog.model_dump_json())",
        "vars(engine)",
        "engine.connections()",
        "vars(engine.connections().kafka)",
        "engine.run()",
        "engine.history().df().to_dict()",
        "from motor_ingesta.sources.spark_kafka import read_records\nread_records(engine.spark, engine.connections().kafka, {'sales.online_orders': {'0': [0, 1]}}).explain(True)",
        "import os\nos.environ['FARMIA_KAFKA_SECRET'] = 'wrong-password-1234'\nengine.run().datasets[0].error",
        "engine.pending('sales/online_orders')",
        "read_records(engine.spark, engine.connections().kafka, {'nothing': {'0': [0, 1]}}).collect()",
    ]
    notebook = nbformat.v4.new_notebook(
        cells=[nbformat.v4.new_code_cell(source) for source in cells]
    )
    NotebookClient(notebook, timeout=300, allow_errors=True, kernel_name="python3").execute(
        env=os.environ | SECRETS
    )
    text = nbformat.writes(notebook)
    assert "refused the request" in text and "rows_written" in text and "Traceback" in text
    shown = "".join(json.dumps(cell.outputs) for cell in notebook.cells)
    assert not secrets_in(shown) and "wrong-password-1234" not in shown, [
        cell.source
        for cell in notebook.cells
        if secrets_in(json.dumps(cell.outputs)) or "wrong-password-1234" in json.dumps(cell.outputs)
    ]


KEPT = """
from keyring.backend import KeyringBackend
class Kept(KeyringBackend):
    priority = 1
    def get_password(self, scope, key): return {("kafka", "password"): "s3cret-of-the-key-store"}.get((scope, key))
    def set_password(self, *_): raise NotImplementedError
    def delete_password(self, *_): raise NotImplementedError
"""


def test_secrets_of_the_key_store(tmp_path):
    (tmp_path / "kept.py").write_text(KEPT)
    script = """
from motor_ingesta.catalog.models import parse_catalog, secret_values
text = 'connections: {kafka: {bootstrap_servers: "b:9", sasl_username: farmia, sasl_password: "${secret:kafka/%s}"}}\\ndatasets: [{datasource: a, dataset: b, source: {kind: files, format: text}}]'
there, absent = (parse_catalog(text % key).connections for key in ("password", "nothing"))
print(there, there.kafka.client_config()["sasl.password"], secret_values(there))
absent.kafka.client_config()
"""
    done = subprocess.run(
        [sys.executable, "-c", script],
        env=os.environ
        | {
            "PYTHON_KEYRING_BACKEND": "kept.Kept",
            "PYTHONPATH": os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")]),
        },
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.stdout.count("s3cret-of-the-key-store") == 2, done.stdout + done.stderr
    assert done.stderr.strip().endswith("Fix: keyring set kafka nothing")


def test_only_this_computer_is_listened_to(secured):
    "Kafka, the registry, the metrics, Spark: every socket that waits for somebody is on the loopback address"
    home, _ = secured
    script = f"""
import json, os, psutil
from motor_ingesta.pipeline.runner import MotorIngesta
from motor_ingesta.local.services import Services, free_port
from motor_ingesta.observability.telemetry import Metrics
services = Services({str(home)!r})
metrics = Metrics()
stop = metrics.serve(free_port())
engine = MotorIngesta({str(home / "lake3")!r})
engine.spark.range(5).repartition(3).count()
me = psutil.Process()
pids = [me.pid, *(p.pid for p in me.children(recursive=True)), *(s.pid for s in services.status())]
listening = {{(psutil.Process(pid).name(), c.laddr.ip, c.laddr.port) for pid in pids for c in psutil.Process(pid).net_connections() if c.status == psutil.CONN_LISTEN}}
print(json.dumps(sorted(listening)))
stop()
"""
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=240
    )
    assert done.returncode == 0, done.stderr[-3000:]
    listening = json.loads(done.stdout.splitlines()[-1])
    assert len(listening) >= 5, (
        listening
    )  # the broker and its controller, the registry, the metrics, Spark
    assert {ip for _, ip, _ in listening} <= {"127.0.0.1", "::1", "::ffff:127.0.0.1"}, listening
