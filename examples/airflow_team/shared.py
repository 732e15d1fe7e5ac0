"""What the DAGs of Larch Market share: alerts, default arguments, an operator of their own."""
# ruff: noqa: AIR311, ARG002

from __future__ import annotations

from datetime import timedelta

from airflow.hooks.base import BaseHook
from airflow.models import BaseOperator, Variable
from airflow.providers.slack.hooks.slack_webhook import SlackWebhookHook

LAKE = "s3://larch-lake"


def tell_on_call(context):
    SlackWebhookHook("slack_on_call").send(text=f"{context['task_instance'].task_id} failed")


def defaults(owner, retries=2):
    return {
        "owner": owner,
        "retries": retries,
        "retry_delay": timedelta(minutes=5),
        "on_failure_callback": tell_on_call,
    }


class ExportToPartnerOperator(BaseOperator):
    """Sends a file to a partner, as each of them wants it."""

    template_fields = ("path",)

    def __init__(self, partner, path, **kwargs):
        super().__init__(**kwargs)
        self.partner, self.path = partner, path

    def execute(self, context):
        BaseHook.get_connection(f"partner_{self.partner}")
        return Variable.get("partner_format")
