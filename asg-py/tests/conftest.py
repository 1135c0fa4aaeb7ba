"""Fixtures of all tests: bundled logs, and a Cloud Controller's answers about the apps in them."""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import hypothesis
import pytest

import asglog

# The time of an example depends on the machine's other work, so it has no deadline.
hypothesis.settings.register_profile("asglog", deadline=None)
hypothesis.settings.load_profile("asglog")

ROOT = Path(__file__).resolve().parents[2]
LOGS = [ROOT / "asg-cli/data/article.log", ROOT / "asg-cli/data/foundation.log"]

PACKET = (
    b"<4>1 2024-05-06T07:09:10.581301+00:00 10.0.16.15 kernel - - [instance@47450 director=\"\" deployment=\"cf\" "
    b"group=\"diego-cell\" az=\"z1\" id=\"0455ec2b-11fa-41ab-9d1c-f3a575cd55ea\"] [  637.581122] "
    b"DENY_bfce786c-ab07-40ad-79f9 IN=s-010255073003 OUT=eth0 SRC=10.255.73.3 DST=8.8.8.8 LEN=60 TOS=0x00 PREC=0x00 "
    b"TTL=63 ID=15946 DF PROTO=TCP SPT=51858 DPT=80 WINDOW=27400 RES=0x00 SYN URGP=0 "
)


#: Lines that kernels and Diego's programs wrote.
FIXTURES = ROOT / "asg-core/fixtures"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Marks the tests of Spark, which may run beside the others."""
    for item in items:
        if "session" in getattr(item, "fixturenames", ()):
            item.add_marker("spark")


@pytest.fixture(scope="session")
def logs() -> list[Path]:
    return LOGS


#: GUIDs of the bundled logs' apps.
PROXY, SHOP, SPACE, ORG = (
    "4ccbb24c-268e-421a-9d1b-3678b6eb40d0",
    "7e3b9c54-0d6f-4f7a-9b21-6a5c4d3e2f10",
    "c65add41-d85b-4823-9e2a-545a5e0e5812",
    "2c279d6c-6f15-4cc0-99ed-72ef76ec50eb",
)


def app_resource(guid: str, name: str) -> dict[str, object]:
    return {
        "guid": guid,
        "name": name,
        "relationships": {"space": {"data": {"guid": SPACE}}},
        "links": {"self": {"href": f"https://api.example.org/v3/apps/{guid}"}},
    }


def apps_page() -> dict[str, object]:
    """Returns the output of ``cf curl '/v3/apps?include=space.organization'``."""
    link = "https://api.example.org/v3"
    return {
        "pagination": {"next": None},
        "resources": [app_resource(PROXY, "proxy"), app_resource(SHOP, "shop")],
        "included": {
            "spaces": [
                {
                    "guid": SPACE,
                    "name": "s",
                    "relationships": {"organization": {"data": {"guid": ORG}}},
                    "links": {"self": {"href": f"{link}/spaces/{SPACE}"}},
                }
            ],
            "organizations": [
                {"guid": ORG, "name": "o", "links": {"self": {"href": f"{link}/organizations/{ORG}"}}}
            ],
        },
    }


@pytest.fixture
def export(tmp_path: Path) -> asglog.Export:
    path = tmp_path / "apps.json"
    path.write_text(json.dumps(apps_page()))
    return asglog.Export(path)


@pytest.fixture(scope="session")
def session(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """One session of Spark for all tests; without PySpark or Java they are skipped."""
    sql = pytest.importorskip("pyspark.sql")
    if shutil.which("java") is None:
        pytest.skip("there is no Java, which Spark runs in (Debian: apt-get install openjdk-17-jre-headless)")
    patch = pytest.MonkeyPatch()
    patch.setenv("PYSPARK_PYTHON", sys.executable)
    patch.setenv("SPARK_LOCAL_IP", "127.0.0.1")
    settings = {
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.driver.host": "127.0.0.1",
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
        "spark.sql.shuffle.partitions": "2",
        "spark.sql.session.timeZone": "UTC",
        "spark.sql.warehouse.dir": str(tmp_path_factory.mktemp("warehouse")),
    }
    # Two executors, each a process of its own, as on a cluster.
    builder = sql.SparkSession.builder.master(os.environ.get("ASG_SPARK", "local-cluster[2,1,1024]"))
    for name, value in settings.items():
        builder = builder.config(name, value)
    # Java keeps the working directory in which it starts. The examples in CLUSTER.md need this one.
    with pytest.MonkeyPatch.context() as here:
        here.chdir(ROOT)
        made = builder.getOrCreate()
    yield made
    made.stop()
    patch.undo()
