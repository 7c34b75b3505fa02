"""The other two ways of the pull benchmark, each in a process of its own: the SDK's documentation, and orjson alone.

``documented`` asks the questions that the program asked, one after the other as the documentation of
``query_workspace`` does, makes a pandas frame of each answer's rows, inserts it into DuckDB and at the end keeps of
each record the newest delivery. ``decoded`` takes the same bodies apart from disk, and does nothing with them.
The first needs pandas.
"""

from __future__ import annotations

import json
import resource
import sys
import time
from datetime import datetime
from pathlib import Path

import orjson

_TYPES = {"datetime": "TIMESTAMP", "bool": "BOOLEAN"}  # of Kusto in DuckDB; every other is text here


def documented(folder: Path, url: str, workspace_id: str, database: Path) -> dict[str, object]:
    """Pull the questions kept in ``folder`` the documented way; return how many distinct records landed."""
    import importlib

    import duckdb
    from azure.identity import DefaultAzureCredential
    from azure.monitor.query import LogsQueryClient, LogsQueryStatus

    pandas = importlib.import_module("pandas")  # has no types for mypy, nor is it there for whoever only checks them
    landed = 0
    client = LogsQueryClient(DefaultAzureCredential(), endpoint=url, audience=url)
    with duckdb.connect(str(database)) as con:
        tables = set()
        for file in sorted(folder.glob("*.question")):
            asked = json.loads(file.read_text())
            since, until = (datetime.fromisoformat(text) for text in asked["timespan"].split("/"))
            response = client.query_workspace(workspace_id, asked["query"], timespan=(since, until))
            if response.status != LogsQueryStatus.SUCCESS:
                raise SystemExit("a partial answer")
            for table in response.tables:
                name = next(line for line in asked["query"].splitlines() if not line.startswith("//"))
                if name not in tables:
                    tables.add(name)
                    typed = zip(table.columns, table.columns_types, strict=True)
                    columns = ", ".join(f'"{column}" {_TYPES.get(kind, "VARCHAR")}' for column, kind in typed)
                    con.execute(f"CREATE TABLE {name}_delivered ({columns})")
                frame = pandas.DataFrame(data=table.rows, columns=table.columns)
                con.register("frame", frame)
                con.execute(f"INSERT INTO {name}_delivered BY NAME SELECT * FROM frame")
        for name in tables:
            con.execute(
                f"""CREATE TABLE {name} AS SELECT * FROM {name}_delivered
                QUALIFY row_number() OVER (PARTITION BY Id ORDER BY TimeGenerated DESC) = 1"""
            )
            con.execute(f"DROP TABLE {name}_delivered")
            landed += con.execute(f"SELECT count(*) FROM {name}").fetchall()[0][0]
    return {"landed": landed}


def decoded(folder: Path) -> dict[str, object]:
    """Decode every body; return what it took but for reading the files."""
    wall = cpu = 0.0
    records = size = 0
    for file in sorted(folder.glob("*.json")):
        content = file.read_bytes()
        began, used = time.perf_counter(), _cpu()
        body = orjson.loads(content)
        records += len(body["tables"][0]["rows"])
        del body
        wall, cpu = wall + time.perf_counter() - began, cpu + _cpu() - used
        size += len(content)
    return {"records": records, "bytes": size, "wall": wall, "cpu": cpu}


def _cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


if __name__ == "__main__":
    if sys.argv[1] == "documented":
        told = documented(Path(sys.argv[2]), sys.argv[3], sys.argv[4], Path(sys.argv[5]))
    else:
        told = decoded(Path(sys.argv[2]))
    print(json.dumps(told))  # noqa: T201 - read by who started it
