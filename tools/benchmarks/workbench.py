"""Where a benchmark works: folders for data and tables, a Spark session, a broker and a registry."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from motor_ingesta.catalog.models import Connections, KafkaConnection, RegistryConnection
from motor_ingesta.local.services import Services, free_port

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

T = TypeVar("T")


class Workbench:
    "Folders and services of a benchmark. Spark and Kafka start when they are first needed."

    def __init__(self, folder: Path):
        self.data = folder / "data"  # kept: writing it takes longer than measuring
        self._tables = folder / f"tables-{os.getpid()}"
        self._services = Services(folder / "kafka", free_port(), free_port())
        self._connections: Connections | None = None

    def __enter__(self) -> "Workbench":
        return self

    def __exit__(self, *exception: object) -> None:
        if self._connections is not None:
            self._services.stop()

    @property
    def spark(self) -> "SparkSession":
        "The Spark session of this process."
        from motor_ingesta.local.session import session

        return session()

    @property
    def connections(self) -> Connections:
        "A broker and a registry on this computer."
        if self._connections is None:
            found = self._services.start()
            self._connections = Connections(
                kafka=KafkaConnection(bootstrap_servers=found.bootstrap_servers),
                schema_registry=RegistryConnection(url=found.schema_registry_url),
            )
        return self._connections

    def with_empty_folder(self, work: Callable[[Path], T]) -> T:
        "Do some work in an empty folder, which is removed afterwards."
        shutil.rmtree(self._tables, ignore_errors=True)
        self._tables.mkdir(parents=True)
        try:
            return work(self._tables)
        finally:
            shutil.rmtree(self._tables, ignore_errors=True)
