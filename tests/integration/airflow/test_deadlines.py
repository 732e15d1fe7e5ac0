"""A run with a deadline in Airflow's own database: it is made, and cleared as a retry or a backfill does."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

pytestmark = pytest.mark.airflow

if TYPE_CHECKING:
    from pathlib import Path

DAY = datetime(2026, 1, 3, tzinfo=UTC)
DUE = DAY + timedelta(days=1, hours=2)


@pytest.mark.parametrize(("kind", "deadlines"), [("scheduled", [DUE + timedelta(hours=2)]), ("backfill", [])])
def test_a_run_with_a_deadline_can_be_cleared(tmp_path: Path, kind: str, deadlines: list[datetime]) -> None:
    from counterpoint_airflow.deadlines import REFERENCES
    from counterpoint_airflow.deploy import configured

    if not REFERENCES:
        pytest.skip("before Airflow 3.3 deadlines count from the queue")
    with configured(tmp_path, "counterpoint.testing.scenarios:linear"):
        from airflow.models.dag import DagModel
        from airflow.models.dagbundle import DagBundleModel
        from airflow.models.deadline import Deadline
        from airflow.models.serialized_dag import SerializedDagModel
        from airflow.sdk.definitions.dag import DAG  # noqa: F401 - what the serializer knows
        from airflow.serialization.serialized_objects import LazyDeserializedDAG
        from airflow.utils.session import create_session
        from airflow.utils.types import DagRunTriggeredByType, DagRunType

        from counterpoint.testing.scenarios import linear
        from counterpoint_airflow.translate import translate

        dag = translate(linear, served="counterpoint.testing.scenarios:linear")
        with create_session() as session:
            session.add(DagBundleModel(name="bundle"))
            session.flush()
            session.add(DagModel(dag_id=dag.dag_id, bundle_name="bundle"))
            session.flush()
            SerializedDagModel.write_dag(LazyDeserializedDAG.from_dag(dag), bundle_name="bundle", session=session)
            session.commit()
            kept = SerializedDagModel.get(dag.dag_id, session=session).dag
            run = kept.create_dagrun(
                run_id="run",
                logical_date=DAY,
                data_interval=(DAY, DAY + timedelta(days=1)),
                run_after=DUE,
                run_type=DagRunType(kind),
                triggered_by=DagRunTriggeredByType.TEST,
                state="queued",
                session=session,
            )
            session.commit()
            found = [deadline.deadline_time for deadline in session.query(Deadline).filter_by(dagrun_id=run.id)]
            assert found == deadlines
            for ti in run.get_task_instances(session=session):
                ti.state = "failed"
            run.state = "failed"
            session.commit()
            kept.clear(run_id="run", session=session)
            session.commit()
            assert run.state == "queued"
