"""Spark gives what one machine gives."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from conftest import LOGS

import asglog

pa = pytest.importorskip("pyarrow")
sql = pytest.importorskip("pyspark.sql")

