"""Orders and what belongs to them, from the shop's database; written for Airflow 1.10."""
# ruff: noqa: AIR001, AIR301, AIR302, AIR311, DTZ001, PTH123, SIM115

from datetime import datetime, timedelta

from airflow import DAG
from airflow.operators.bash_operator import BashOperator
from airflow.operators.dummy_operator import DummyOperator
from airflow.operators.python_operator import PythonOperator

TABLES = ["orders", "order_lines", "payments", "refunds", "shipments", "returns"]
TABLES += ["vouchers", "baskets", "stores", "products", "prices", "suppliers"]

default_args = {
    "owner": "ingest",
    "depends_on_past": True,
    "start_date": datetime(2017, 3, 1),
    "email": ["ingest@larch.example"],
    "email_on_failure": True,
    "retries": 3,
    "retry_delay": timedelta(minutes=10),
    "retry_exponential_backoff": True,
    "sla": timedelta(hours=2),
}

dag = DAG("orders_ingest", default_args=default_args, schedule_interval="0 1 * * *", max_active_runs=1)


def count_rows(table, execution_date, **context):
    rows = len(open(f"/lake/landing/{table}.csv").readlines())
    context["ti"].xcom_push(key="rows", value=rows)


def refuse_empty(**context):
    counts = context["ti"].xcom_pull(task_ids=[f"count_{table}" for table in TABLES], key="rows")
    if not all(counts):
        raise ValueError(f"a table of {context['execution_date']} is empty")


begin = DummyOperator(task_id="begin", dag=dag)
check = PythonOperator(task_id="refuse_empty", python_callable=refuse_empty, provide_context=True, dag=dag)
publish = BashOperator(
    task_id="publish",
    bash_command="aws s3 sync /lake/landing > s3://larch-lake/raw/orders/{{ ds_nodash }}.manifest.json",
    dag=dag,
)
for table in TABLES:
    extract = BashOperator(
        task_id=f"extract_{table}",
        bash_command=f"shop-dump {table} --day {{{{ ds }}}} --until {{{{ next_ds }}}}",
        pool="shop_database",
        priority_weight=5 if table == "orders" else 1,
        dag=dag,
    )
    count = PythonOperator(
        task_id=f"count_{table}",
        python_callable=count_rows,
        op_kwargs={"table": table},
        provide_context=True,
        dag=dag,
    )
    begin >> extract >> count >> check
check >> publish
