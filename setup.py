"The package as pip sees it: names and versions come from settings.ini, what it needs is said here"
from configparser import ConfigParser
from pathlib import Path

from setuptools import find_packages, setup

here = Path(__file__).parent
config = ConfigParser(delimiters=["="])
config.read(here / "settings.ini", encoding="utf-8")
settings = config["DEFAULT"]
readme = here / "README.md"

setup(
    name=settings["lib_name"],
    version=settings["version"],
    description=settings["description"],
    long_description=readme.read_text(encoding="utf-8") if readme.exists() else "",
    long_description_content_type="text/markdown",
    keywords=settings["keywords"],
    author=settings["author"],
    author_email=settings["author_email"],
    url=settings["git_url"],
    license="Apache-2.0",
    packages=find_packages(include=["motor_ingesta", "motor_ingesta.*"]),
    package_data={"motor_ingesta": ["*.yml", "*.json"]},
    python_requires=f">={settings['min_python']}",
    install_requires=["confluent-kafka[avro,schemaregistry]>=2.8", "fastavro", "httpx", "attrs", "authlib", "faker"],
    extras_require={},
    entry_points={"nbdev": ["motor_ingesta=motor_ingesta._modidx:d"], "console_scripts": ["motor-ingesta=motor_ingesta.cli:main"]},
    zip_safe=False,
)
