from __future__ import annotations

from counterpoint.model import Output, OutputKind, Pipeline, step

pipeline = Pipeline(
    "churn",
    (
        step("churn.steps:customers", output=Output(OutputKind.TABLE, "churn.contracts:CUSTOMERS")),
        step("churn.steps:active", output=Output(OutputKind.TABLE)),
        step("churn.steps:classifier", output=Output(OutputKind.MODEL, trusted=("churn.spread.Spread",))),
        step("churn.steps:accuracy", output=Output(OutputKind.METRICS)),
        step("churn.steps:gate", output=Output(OutputKind.REGISTRATION)),
    ),
    config={"size": 200},
)
