"""The tables that SQL reads and writes, by its words, and those of files that tasks name."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from counterpoint_migrate.inventory import inventory
from counterpoint_migrate.inventory.sql import is_sql, tables_of

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("text", "reads", "writes"),
    [
        ("COPY INTO raw.o FROM @stage/o FILE_FORMAT = (TYPE = CSV)", [], ["raw.o"]),
        ("COPY INTO @stage/o FROM raw.o", ["raw.o"], []),
        ("COPY a.b (x, y) FROM 's3://lake/x/'", ["s3://lake/x"], ["a.b"]),
        ("COPY (SELECT * FROM a.b) TO STDOUT", ["a.b"], []),
        ("UNLOAD ('select * from a.b') TO 's3://x/y'", ["a.b"], []),
        ("DROP TABLE IF EXISTS m.t; CREATE TABLE m.t AS SELECT * FROM r.s", ["r.s"], ["m.t"]),
        ("INSERT INTO m.x SELECT EXTRACT(day FROM sold_at), TRIM(x FROM y) FROM r.y", ["r.y"], ["m.x"]),
        ("INSERT INTO m.x SELECT 1 FROM r.y ON CONFLICT (id) DO UPDATE SET v = 1", ["r.y"], ["m.x"]),
        ("INSERT INTO m.x (a) SELECT 1 FROM r.y ON DUPLICATE KEY UPDATE a = 1", ["r.y"], ["m.x"]),
        ("DELETE FROM m.x USING r.y WHERE a IS DISTINCT FROM b", ["r.y"], ["m.x"]),
        ("UPDATE m.x AS t SET a = 1 FROM r.y", ["r.y"], ["m.x"]),
        ("BEGIN; USE WAREHOUSE w; SET x = 1; CALL p(); INSERT INTO m.x SELECT * FROM r.y; COMMIT", ["r.y"], ["m.x"]),
        ("-- from n.o\n/* from n.o */ SELECT * FROM r.y FOR UPDATE", ["r.y"], []),
        ("CREATE TEMP TABLE t AS SELECT 1 FROM r.y; INSERT INTO m.x SELECT 1 FROM t, r.z z", ["r.y", "r.z"], ["m.x"]),
        ("WITH a AS (SELECT 1 FROM r.y), b (c) AS (SELECT 1 FROM a) SELECT 1 FROM b JOIN r.z ON 1", ["r.y", "r.z"], []),
        ("MERGE INTO m.x USING r.y ON 1 = 1 WHEN MATCHED THEN UPDATE SET a = 1", ["r.y"], ["m.x"]),
        ("SELECT * FROM (SELECT * FROM a.b) x, c.d y, UNNEST(z) AS u, e.f", ["a.b", "c.d", "e.f"], []),
        ('SELECT * FROM `p-1.raw.s`, [dbo].[t], "A"."B"', ["A.B", "dbo.t", "p-1.raw.s"], []),
        ("CREATE OR REPLACE TABLE {{ params.schema }}.x CLONE prod.y", ["prod.y"], ["{{params.schema}}.x"]),
        ("ALTER TABLE a.b RENAME TO a.c", [], ["a.c"]),
        ("TRUNCATE TABLE a.b, a.c", [], ["a.b", "a.c"]),
        ("SELECT * INTO n.t FROM o.t", ["o.t"], ["n.t"]),
        ("INSERT OVERWRITE TABLE d.t PARTITION (ds='{{ ds }}') SELECT * FROM d.s", ["d.s"], ["d.t"]),
        ("REFRESH MATERIALIZED VIEW CONCURRENTLY mv.x", [], ["mv.x"]),
        ("EXECUTE IMMEDIATE $$ INSERT INTO a.b SELECT * FROM c.d $$", ["c.d"], ["a.b"]),
        ("{% if x %}SELECT * FROM a.b{% else %}SELECT * FROM c.d{% endif %}", ["a.b", "c.d"], []),
    ],
)  # fmt: skip
def test_tables(text: str, reads: list[str], writes: list[str]) -> None:
    found = tables_of(text)
    assert (sorted(found.reads), sorted(found.writes)) == (reads, writes)
    assert is_sql(text)


@pytest.mark.parametrize("text", ["update the data", "load", "Begin from here", "use the table", "with care", ""])
def test_prose_is_no_sql(text: str) -> None:
    assert not is_sql(text)


NAMES = st.sampled_from([f"s{a}.t{b}" for a in range(3) for b in range(4)])
NOISE = st.sampled_from(["", "-- from no.where\n", "/* into no.where */ ", "BEGIN; ", "SET a = 'from no.where'; "])
QUERY = [
    "SELECT EXTRACT(year FROM at) FROM {0} JOIN {1} ON 1 = 1",
    "SELECT a FROM {0} AS x, {1} y WHERE a IS NOT DISTINCT FROM b",
    "WITH w AS (SELECT * FROM {0}) SELECT * FROM w LEFT JOIN {1} USING (id)",
    "(SELECT 'x from no.where' FROM {0} UNION ALL SELECT 2 FROM {1})",
]
WRITE = [
    "INSERT INTO {0} {1}",
    "CREATE TABLE IF NOT EXISTS {0} AS {1}",
    "MERGE INTO {0} USING ({1}) q ON q.a = 1 WHEN MATCHED THEN UPDATE SET a = 2",
    "CREATE OR REPLACE VIEW {0} AS {1}",
    "INSERT OVERWRITE TABLE {0} {1}",
]
STATEMENT = st.tuples(st.sampled_from(WRITE), NAMES, st.sampled_from(QUERY), NAMES, NAMES, NOISE, st.booleans())


@given(statements=st.lists(STATEMENT, min_size=1, max_size=4))
@settings(max_examples=200, deadline=None)
def test_scripts_of_any_statements(statements: list[tuple[str, str, str, str, str, str, bool]]) -> None:
    script, reads, writes = "", set(), set()
    for write, target, query, one, other, noise, lower in statements:
        text = noise + write.format(target, query.format(one, other)) + ";\n"
        script += text.lower() if lower else text
        reads |= {one, other}
        writes.add(target)
    found = tables_of(script)
    assert (found.reads, found.writes) == (reads, writes)


DAGS = """
from airflow import DAG
from airflow.providers.common.sql.operators.sql import SQLExecuteQueryOperator
from airflow.providers.google.cloud.operators.bigquery import BigQueryInsertJobOperator
from airflow.providers.amazon.aws.transfers.s3_to_redshift import S3ToRedshiftOperator
with DAG("filler", schedule=None, template_searchpath="/etc/airflow/sql"):
    SQLExecuteQueryOperator(task_id="fill", conn_id="wh", sql=["fill.sql", "gone.sql"])
with DAG("reader", schedule=None):
    SQLExecuteQueryOperator(task_id="read", conn_id="wh", sql="queries/read.sql")
with DAG("job", schedule=None):
    BigQueryInsertJobOperator(task_id="j", configuration={"query": {"query": "SELECT * FROM `p.mart.sales`",
        "destinationTable": {"projectId": "p", "datasetId": "mart", "tableId": "daily"}}})
    S3ToRedshiftOperator(task_id="r", schema="mart", table="loaded", s3_key="x/y.csv", s3_bucket="b")
"""


def test_files_that_tasks_name_are_read(tmp_path: Path) -> None:
    folder = tmp_path / "dags"
    for name, text in {
        "one.py": DAGS,
        "sql/fill.sql": "INSERT INTO mart.sales SELECT 1 FROM raw.s WHERE d = '{{ ds }}' AND x = {{ var.value.shop }}",
        "team/queries/read.sql": "SELECT * FROM mart.sales",
    }.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    found = inventory(folder)
    fill, read, job, load = (task for dag in found.dags for task in dag.tasks)
    assert (fill.uses.reads, fill.uses.writes, fill.uses.variables) == ({"raw.s"}, {"mart.sales"}, {"shop"})
    assert (list(fill.uses.files), list(read.uses.files)) == (["sql/fill.sql"], ["team/queries/read.sql"])
    assert (job.uses.writes, load.uses.writes) == ({"p.mart.daily"}, {"mart.loaded"})
    assert [(one.upstream, one.downstream, one.confidence) for one in found.dependencies] == [
        ("filler", "reader", "medium")
    ]
    assert [(entry.kind, entry.detail) for entry in found.unresolved] == [
        ("sql_file", "the file gone.sql of task fill is not in this folder")
    ]
    assert found.to_dict()["dags"][0]["tasks"][0]["files"] == ["sql/fill.sql"]
