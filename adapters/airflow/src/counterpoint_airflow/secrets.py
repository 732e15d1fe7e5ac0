"""References to Airflow's own secrets: `airflow-variable:NAME`, `airflow-connection:ID` and its `ID#extra.KEY`."""

from __future__ import annotations

from airflow.sdk import Connection, Variable
from airflow.sdk.exceptions import AirflowNotFoundException, AirflowRuntimeError, ErrorType

from counterpoint.errors import MissingSecretError

_EXTRA = "extra."


def variable(name: str) -> str:
    """The value of a variable, by whichever secrets backend has it.

    Raises:
        MissingSecretError: there is none of that name, or it is empty.
    """
    try:
        value = Variable.get(name)
    except AirflowRuntimeError as error:
        if error.error.error is not ErrorType.VARIABLE_NOT_FOUND:
            raise
        value = None
    if not value:
        raise MissingSecretError(f"Airflow has no variable {name} here: make it under Admin, Variables")
    return str(value)


def connection(reference: str) -> str:
    """The password of a connection, or with `ID#extra.KEY` a value of its extra fields.

    Raises:
        MissingSecretError: there is no such connection, or it has no such field.
    """
    name, _, field = reference.partition("#")
    if field and not field.startswith(_EXTRA):
        raise MissingSecretError(f"{field} is not readable: write {name} for the password, or {name}#extra.KEY")
    try:
        found = Connection.get(name)
    except AirflowNotFoundException:
        raise MissingSecretError(f"Airflow has no connection {name} here: make it under Admin, Connections") from None
    value = found.extra_dejson.get(field.removeprefix(_EXTRA)) if field else found.password
    if not value:
        raise MissingSecretError(f"connection {name} of Airflow has no {field or 'password'}: fill it in")
    return str(value)
