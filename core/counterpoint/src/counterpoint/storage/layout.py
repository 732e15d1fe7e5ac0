"""The layout of a data root: every path below it is made and taken apart here.

A path is relative to the root, with `/` between its parts; its first part is called a room. These paths are a format:
existing roots must stay readable, so no path may change.
"""

from __future__ import annotations

from counterpoint.model.records import PRODUCTION

# published outputs by version, pipeline and step: entries, and the data that they refer to
CATALOG, TABLES, ARTIFACTS = "catalog", "tables", "artifacts"
DEAD_LETTERS, CHECKPOINTS, EFFECTS = "dead_letters", "checkpoints", "effects"
# rows that were resubmitted to partitions, and results that are stored by content
RESUBMITTED, PARTIALS = "resubmitted", "partials"
# runs, backfills and versions
RUNS, BEGUN, NATIVES, BACKFILLS, VERSIONS = "runs", "begun", "natives", "backfills", "versions"
# alerts, and steps that are switched off
ALERTS, ALERTED, BREAKERS = "alerts", "alerted", "breakers"
# the owner of a pipeline, its settings, and the comparisons for a move of it
OWNERS, SETTINGS, LEDGER = "owners", "settings", "ledger"
# services, the registry of models, roots within the root, and files that were moved aside
SERVICES, REGISTRY, COMPARED, VALIDATED, DAMAGED = "services", "mlflow", "compare", "validate", "damaged"

# the rooms with a folder for each version of a pipeline's data
VERSIONED = (CATALOG, TABLES, ARTIFACTS, DEAD_LETTERS, CHECKPOINTS, EFFECTS)
ROOMS = (
    *(*VERSIONED, RESUBMITTED, PARTIALS, RUNS, BEGUN, NATIVES, BACKFILLS, VERSIONS, ALERTS, ALERTED, BREAKERS),
    *(OWNERS, SETTINGS, LEDGER, SERVICES, REGISTRY, COMPARED, VALIDATED, DAMAGED),
)

JSON = ".json"
# files of a run, and endings of files of its steps
RECORD, REQUEST, LINEAGE = "run.json", "request.json", "lineage.json"
PACK = "packed-run.json"  # no step can have this name
FAILURES, WAITING, BRIDGED, APPROVAL = ".failures.json", ".waiting.json", ".bridged.json", ".approval.json"
# files of artifacts: JSON values and models
VALUE, WEIGHTS, MODEL = "value.json", "weights.safetensors", "model.json"
SITE = "site.json"
REGISTRY_DATABASE = "mlflow.db"
REGISTRY_ARTIFACTS = f"{REGISTRY}/artifacts"
LIBRARIES = f"{SERVICES}/libraries"
FUNCTIONS = f"{SERVICES}/functions"
# beside the rooms: held by a process that compares and swaps
LOCK = ".lock"

# the length of `sha256:` before the digits of a digest
_DIGITS = 7


def name_of(path: str) -> str:
    """The name of a JSON file, without its folder and its ending."""
    return path.rpartition("/")[2].removesuffix(JSON)


def _short(digest: str, length: int) -> str:
    return digest[_DIGITS : _DIGITS + length]


# published outputs


def version_folder(room: str, version: str, pipeline: str) -> str:
    """The folder of a version of a pipeline's data in one of the rooms that are `VERSIONED`."""
    return f"{room}/{version}/{pipeline}"


def catalog_pipelines(version: str) -> str:
    """The folder of all pipelines that have entries in a version."""
    return f"{CATALOG}/{version}"


def catalog_folder(version: str, pipeline: str, step: str) -> str:
    """The folder of the entries of a step."""
    return f"{CATALOG}/{version}/{pipeline}/{step}"


def catalog_entry(version: str, pipeline: str, step: str, partition: str) -> str:
    """The entry of a step and partition, or of one element."""
    return f"{CATALOG}/{version}/{pipeline}/{step}/{partition}.json"


def catalog_entry_of(path: str) -> tuple[str, str, str, str] | None:
    """The version, pipeline, step and partition of an entry; None for any other path."""
    room, *parts = path.removesuffix(JSON).split("/")
    return (parts[0], parts[1], parts[2], parts[3]) if room == CATALOG and len(parts) == 4 else None  # noqa: PLR2004


def promotion_journal(pipeline: str, version: str = PRODUCTION) -> str:
    """The journal of the last promotion into a pipeline's production."""
    return f"{CATALOG}/{version}/{pipeline}/.promotion.json"


def table_folder(version: str, pipeline: str, step: str) -> str:
    """The Delta table of a step."""
    return f"{TABLES}/{version}/{pipeline}/{step}"


def artifact_folder(version: str, pipeline: str, step: str, partition: str, settings_hash: str, digest: str) -> str:
    """The folder of the files of one model or JSON value, by its settings and its content."""
    return f"{artifacts_folder(version, pipeline, step, partition)}/{settings_hash}-{_short(digest, 12)}"


def artifacts_folder(version: str, pipeline: str, step: str, partition: str) -> str:
    """The folder of all models or JSON values that a step has made for a partition."""
    return f"{ARTIFACTS}/{version}/{pipeline}/{step}/{partition}"


def artifact_digits_of(path: str) -> str:
    """The first digits of the digest of an artifact, by the name of its folder."""
    return path.rpartition("-")[2]


def artifacts_folder_of(path: str) -> str:
    """The folder of all artifacts of an artifact's step."""
    return "/".join(path.split("/")[:4])


def artifact_file(folder: str, name: str) -> str:
    """A file of an artifact: `VALUE`, `WEIGHTS`, `MODEL` or `LINEAGE`."""
    return f"{folder}/{name}"


def dead_letters_table(version: str, pipeline: str, step: str) -> str:
    """The Delta table of the rejected rows of a step."""
    return f"{DEAD_LETTERS}/{version}/{pipeline}/{step}"


def dead_letters_table_of(path: str) -> str | None:
    """The Delta table of rejected rows to whose log a path belongs; None for its other files."""
    table, log, _ = path.partition("/_delta_log/")
    return table if log and table.count("/") == 3 else None  # noqa: PLR2004


def checkpoints_folder(version: str, pipeline: str, step: str) -> str:
    """The folder of the checkpoints of a step."""
    return f"{CHECKPOINTS}/{version}/{pipeline}/{step}"


def checkpoint(version: str, pipeline: str, step: str, partition: str, fingerprint: str) -> str:
    """The checkpoint of attempts with the same inputs, settings and code."""
    return f"{checkpoints_folder(version, pipeline, step)}/{partition}-{_short(fingerprint, 16)}"


def checkpoint_partition_of(path: str) -> str:
    """The partition of a checkpoint."""
    return path.rpartition("/")[2].rpartition("-")[0]


def effect_record(version: str, pipeline: str, step: str, partition: str, run_id: str) -> str:
    """The record that an effect succeeded in a run."""
    return f"{EFFECTS}/{version}/{pipeline}/{step}/{partition}/{run_id}.json"


def version_of(path: str) -> str:
    """The version of a path in a room that is `VERSIONED`."""
    return path.split("/")[1]


def pipeline_of(path: str) -> str:
    """The pipeline of a path in a room that is `VERSIONED`."""
    return path.split("/")[2]


def in_production(path: str) -> str:
    """The path in production for a path in another version."""
    room, _, rest = path.split("/", 2)
    return f"{room}/{PRODUCTION}/{rest}"


# resubmitted rows, results by content


def resubmitted_senders(pipeline: str, step: str) -> str:
    """The folder of the resubmissions from the partitions of a step."""
    return f"{RESUBMITTED}/{pipeline}/{step}/from"


def resubmitted_from(pipeline: str, step: str, partition: str) -> str:
    """The resubmissions from a partition."""
    return f"{RESUBMITTED}/{pipeline}/{step}/from/{partition}.json"


def resubmitted_receivers(pipeline: str, step: str) -> str:
    """The folder of the resubmissions to the partitions of a step."""
    return f"{RESUBMITTED}/{pipeline}/{step}/to"


def resubmitted_to(pipeline: str, step: str, partition: str) -> str:
    """The resubmissions to a partition."""
    return f"{RESUBMITTED}/{pipeline}/{step}/to/{partition}.json"


def resubmitted_rows(pipeline: str, step: str, name: str) -> str:
    """A file of resubmitted rows."""
    return f"{RESUBMITTED}/{pipeline}/{step}/rows/{name}.parquet"


def partials_folder(pipeline: str, step: str, function: str, digest: str, code_digest: str) -> str:
    """The folder of a function's result for a table with a certain content."""
    content = f"{_short(digest, 32)}-{_short(code_digest, 16)}"
    return f"{PARTIALS}/{pipeline}/{step}/{function.replace(':', '.')}/{content}"


def partial_file(folder: str, digits: str) -> str:
    """The result of a function, named by its own digest."""
    return f"{folder}/{digits}.parquet"


# runs


def runs_folder(pipeline: str) -> str:
    """The folder of all runs of a pipeline."""
    return f"{RUNS}/{pipeline}"


def run_folder(pipeline: str, run_id: str) -> str:
    """The folder of a run."""
    return f"{RUNS}/{pipeline}/{run_id}"


def run_folder_of(path: str) -> str | None:
    """The folder of the run to which a path belongs, also for that folder itself; None for other paths."""
    parts = path.split("/")
    return "/".join(parts[:3]) if parts[0] == RUNS and len(parts) >= 3 else None  # noqa: PLR2004


def run_record(pipeline: str, run_id: str) -> str:
    """The record of a run that has ended."""
    return f"{RUNS}/{pipeline}/{run_id}/{RECORD}"


def run_request(pipeline: str, run_id: str) -> str:
    """The request of a run."""
    return f"{RUNS}/{pipeline}/{run_id}/{REQUEST}"


def run_lineage(pipeline: str, run_id: str) -> str:
    """The lineage of a run."""
    return f"{RUNS}/{pipeline}/{run_id}/{LINEAGE}"


def run_pack(folder: str) -> str:
    """The pack that holds the files of an old run, in its folder."""
    return f"{folder}/{PACK}"


def run_file(folder: str, name: str) -> str:
    """A file of a run by its name in the folder of the run, as a pack holds it."""
    return f"{folder}/{name}"


def step_record(pipeline: str, run_id: str, step: str, index: int | None = None) -> str:
    """The record of a step in a run, or of one element of a mapped step."""
    return f"{RUNS}/{pipeline}/{run_id}/{_element(step, index)}.json"


def step_failures(pipeline: str, run_id: str, step: str, index: int | None = None) -> str:
    """The failed attempts of a step in a run, or of one element of a mapped step."""
    return f"{RUNS}/{pipeline}/{run_id}/{_element(step, index)}{FAILURES}"


def step_waiting(pipeline: str, run_id: str, step: str) -> str:
    """What a step waits for in a run."""
    return f"{RUNS}/{pipeline}/{run_id}/{step}{WAITING}"


def step_bridged(pipeline: str, run_id: str, step: str) -> str:
    """What a step of a run waited for on other orchestrators and found."""
    return f"{RUNS}/{pipeline}/{run_id}/{step}{BRIDGED}"


def step_approval(pipeline: str, run_id: str, step: str) -> str:
    """Who approved or rejected a step in a run."""
    return f"{RUNS}/{pipeline}/{run_id}/{step}{APPROVAL}"


def step_handed(pipeline: str, run_id: str, step: str) -> str:
    """The reference that a step passes on within a run, if its orchestrator stores none."""
    return f"{RUNS}/{pipeline}/{run_id}/handed/{step}.json"


def _element(step: str, index: int | None) -> str:
    return step if index is None else f"{step}.{index}"


def element_of(path: str) -> tuple[str, int | None]:
    """The step of a run's file, and the index of its element; step names have no dots."""
    step, _, rest = path.rpartition("/")[2].partition(".")
    index = rest.partition(".")[0]
    return step, int(index) if index.isdecimal() else None


def begun_step(pipeline: str, partition: str, step: str) -> str:
    """The note of the attempt at a step that began last for a partition in production."""
    return f"{BEGUN}/{pipeline}/{partition}/{step}.json"


def begun_folder(pipeline: str) -> str:
    """The notes of `begun_step` of a pipeline."""
    return f"{BEGUN}/{pipeline}"


def begun_step_of(path: str) -> tuple[str, str, str]:
    """The pipeline, partition and step of a note of `begun_step`."""
    _, pipeline, partition, file = path.split("/")
    return pipeline, partition, file.removesuffix(JSON)


def native_run(native_id: str) -> str:
    """The run that an orchestrator knows by its own id."""
    return f"{NATIVES}/{native_id}.json"


def native_run_of(path: str) -> str:
    """The orchestrator's own id in a path of `native_run`."""
    return path.removeprefix(f"{NATIVES}/").removesuffix(JSON)


# backfills and versions


def backfills_folder(pipeline: str) -> str:
    """The folder of the backfills of a pipeline."""
    return f"{BACKFILLS}/{pipeline}"


def backfill_folder(pipeline: str, version: str) -> str:
    """The folder of the states of a backfill's partitions."""
    return f"{BACKFILLS}/{pipeline}/{version}"


def backfill_manifest(pipeline: str, version: str) -> str:
    """The request and the report of a backfill."""
    return f"{BACKFILLS}/{pipeline}/{version}.json"


def backfill_manifest_of(path: str) -> tuple[str, str] | None:
    """The pipeline and version of a manifest; None for the states of a partition."""
    _, pipeline, *rest = path.split("/")
    return (pipeline, rest[0].removesuffix(JSON)) if len(rest) == 1 else None


def backfill_states(pipeline: str, version: str, partition: str) -> str:
    """The states of the steps of one partition of a backfill."""
    return f"{BACKFILLS}/{pipeline}/{version}/{partition}.json"


def versions_folder(pipeline: str) -> str:
    """The folder of the marks of promoted versions."""
    return f"{VERSIONS}/{pipeline}"


def version_mark(pipeline: str, version: str) -> str:
    """The mark that a version was promoted."""
    return f"{VERSIONS}/{pipeline}/{version}.json"


# alerts, steps that are switched off


def alert_case(alert_id: str) -> str:
    """The case of an alert."""
    return f"{ALERTS}/{alert_id}.json"


def alerted_step(pipeline: str, version: str, step: str, partition: str) -> str:
    """The alerts of a step and partition, or of one element."""
    return f"{alerted_folder(pipeline, version, step)}/{partition}.json"


def alerted_folder(pipeline: str, version: str, step: str) -> str:
    """The folder of the alerts of a step's partitions."""
    return f"{ALERTED}/{pipeline}/{version}/{step}"


def breaker(pipeline: str, step: str) -> str:
    """The circuit of a step."""
    return f"{BREAKERS}/{pipeline}/{step}.json"


# owners, settings, comparisons


def owner_record(pipeline: str) -> str:
    """The owner of a pipeline, with all changes of ownership."""
    return f"{OWNERS}/{pipeline}.json"


def served_settings(pipeline: str, orchestrator: str) -> str:
    """The settings of the runs of a pipeline that an orchestrator starts by itself."""
    return f"{SETTINGS}/{pipeline}/{orchestrator}.json"


def made_settings(pipeline: str) -> str:
    """The settings with which production was last made; no orchestrator is called like production."""
    return served_settings(pipeline, PRODUCTION)


def ledger_folder(pipeline: str) -> str:
    """The folder of the comparisons of a pipeline."""
    return f"{LEDGER}/{pipeline}"


def ledger_pair(pipeline: str, pair: str) -> str:
    """The folder of the comparisons of two sides."""
    return f"{LEDGER}/{pipeline}/{pair}"


def ledger_date(pipeline: str, pair: str, date: str) -> str:
    """The folder of the comparisons of one date."""
    return f"{LEDGER}/{pipeline}/{pair}/{date}"


def ledger_entry(pipeline: str, pair: str, date: str, name: str) -> str:
    """One comparison of one date."""
    return f"{LEDGER}/{pipeline}/{pair}/{date}/{name}.json"


def ledger_date_of(path: str) -> str:
    """The date of a comparison."""
    return path.split("/")[-2]


# services, registry, roots within the root, files moved aside


def services_home(orchestrator: str, bucket: str | None = None) -> str:
    """The home of an orchestrator's services; for a root in a bucket, in a folder named after the bucket."""
    return f"{SERVICES}/{orchestrator}" if bucket is None else f"{SERVICES}/{bucket}/{orchestrator}"


def target_record(orchestrator: str, above: str = SERVICES) -> str:
    """The record of the service environment whose home lies in the folder `above`."""
    return f"{above}/{orchestrator}/{SITE}"


def learned_libraries(pipeline: str) -> str:
    """The libraries that the steps of a pipeline have imported."""
    return f"{LIBRARIES}/{pipeline}.json"


def read_functions(pipeline: str) -> str:
    """The digests of the functions of the sources that a pipeline reaches, by the content of each source."""
    return f"{FUNCTIONS}/{pipeline}.json"


def compared_root(side: str) -> str:
    """The root of a side of `compare`."""
    return f"{COMPARED}/{side}"


def validated_root(side: str) -> str:
    """The root of a side of `migrate validate`."""
    return f"{VALIDATED}/{side}"


def set_aside(path: str, mark: str = "") -> str:
    """The path to which a damaged file is moved; a mark distinguishes it from an earlier one."""
    return f"{DAMAGED}/{path}{mark}"


def set_aside_from(path: str) -> str:
    """The original path of a JSON file that was moved aside."""
    return path.removeprefix(f"{DAMAGED}/").partition(JSON)[0] + JSON
