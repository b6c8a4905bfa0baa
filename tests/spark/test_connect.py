"The same engine in a Spark Connect client: the protocol of Databricks Connect and serverless, with no JVM behind the session object"

from support.datasets import all_datasets


def test_every_dataset_under_spark_connect(tmp_path):
    all_datasets("connect", tmp_path / "home", tmp_path)
