"""Where everything lies below a data root: every path is made here, and taken apart here.

A path is relative to the root, with `/` between its parts; its first part is a room. These paths are a format: roots
that were written before must stay readable, so none of them changes.
"""

from __future__ import annotations

from counterpoint.model.records import PRODUCTION

# what stands, by version, pipeline and step: entries, and what they refer to
CATALOG, TABLES, ARTIFACTS = "catalog", "tables", "artifacts"
DEAD_LETTERS, CHECKPOINTS, EFFECTS = "dead_letters", "checkpoints", "effects"
# rows that partitions were given again, and results that are kept by content
RESUBMITTED, PARTIALS = "resubmitted", "partials"
# runs, backfills and versions
RUNS, BEGUN, NATIVES, BACKFILLS, VERSIONS = "runs", "begun", "natives", "backfills", "versions"
# what was told, and what is switched off
ALERTS, ALERTED, BREAKERS = "alerts", "alerted", "breakers"
# whose a pipeline is, what it is made with, and that a move of it was compared
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
FAILURES, WAITING, BRIDGED = ".failures.json", ".waiting.json", ".bridged.json"
# files of artifacts: JSON values and models
VALUE, WEIGHTS, MODEL = "value.json", "weights.safetensors", "model.json"
SITE = "site.json"
REGISTRY_DATABASE = "mlflow.db"
REGISTRY_ARTIFACTS = f"{REGISTRY}/artifacts"
LIBRARIES = f"{SERVICES}/libraries"
# beside the rooms: who looks and puts holds it
LOCK = ".lock"

# before the digits of a digest stands `sha256:`
_DIGITS = 7


def name_of(path: str) -> str:
    """The name of a JSON file, without its folder and its ending."""
    return path.rpartition("/")[2].removesuffix(JSON)


def _short(digest: str, length: int) -> str:
    return digest[_DIGITS : _DIGITS + length]


# what stands


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
    """The entry of a step and partition, or of one element of it."""
    return f"{CATALOG}/{version}/{pipeline}/{step}/{partition}.json"


def catalog_entry_of(path: str) -> tuple[str, str, str, str] | None:
    """The version, pipeline, step and partition of an entry; None for the path of something else."""
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
    """The folder of all models or JSON values that a step has made of a partition."""
    return f"{ARTIFACTS}/{version}/{pipeline}/{step}/{partition}"


def artifact_digits_of(path: str) -> str:
    """The first digits of the digest of an artifact, by the name of its folder."""
    return path.rpartition("-")[2]


def artifacts_folder_of(path: str) -> str:
    """The folder of all artifacts of the step that an artifact is of."""
    return "/".join(path.split("/")[:4])


def artifact_file(folder: str, name: str) -> str:
    """A file of an artifact: `VALUE`, `WEIGHTS`, `MODEL` or `LINEAGE`."""
    return f"{folder}/{name}"


def dead_letters_table(version: str, pipeline: str, step: str) -> str:
    """The Delta table of the rejected rows of a step."""
    return f"{DEAD_LETTERS}/{version}/{pipeline}/{step}"


def dead_letters_table_of(path: str) -> str | None:
    """The Delta table of rejected rows of whose log a path is; None for its other files."""
    table, log, _ = path.partition("/_delta_log/")
    return table if log and table.count("/") == 3 else None  # noqa: PLR2004


def checkpoints_folder(version: str, pipeline: str, step: str) -> str:
    """The folder of what attempts at a step have saved."""
    return f"{CHECKPOINTS}/{version}/{pipeline}/{step}"


def checkpoint(version: str, pipeline: str, step: str, partition: str, fingerprint: str) -> str:
    """What attempts with the same inputs, settings and code have saved."""
    return f"{checkpoints_folder(version, pipeline, step)}/{partition}-{_short(fingerprint, 16)}"


def checkpoint_partition_of(path: str) -> str:
    """The partition of a checkpoint."""
    return path.rpartition("/")[2].rpartition("-")[0]


def effect_record(version: str, pipeline: str, step: str, partition: str, run_id: str) -> str:
    """What an effect left that ended well in a run."""
    return f"{EFFECTS}/{version}/{pipeline}/{step}/{partition}/{run_id}.json"


def version_of(path: str) -> str:
    """The version of what lies in a room that is `VERSIONED`."""
    return path.split("/")[1]


def pipeline_of(path: str) -> str:
    """The pipeline of what lies in a room that is `VERSIONED`."""
    return path.split("/")[2]


def in_production(path: str) -> str:
    """The place in production for what lies in another version."""
    room, _, rest = path.split("/", 2)
    return f"{room}/{PRODUCTION}/{rest}"


# rows given again, results by content


def resubmitted_senders(pipeline: str, step: str) -> str:
    """The folder of what was sent from the partitions of a step."""
    return f"{RESUBMITTED}/{pipeline}/{step}/from"


def resubmitted_from(pipeline: str, step: str, partition: str) -> str:
    """What was sent from a partition."""
    return f"{RESUBMITTED}/{pipeline}/{step}/from/{partition}.json"


def resubmitted_receivers(pipeline: str, step: str) -> str:
    """The folder of what the partitions of a step were given."""
    return f"{RESUBMITTED}/{pipeline}/{step}/to"


def resubmitted_to(pipeline: str, step: str, partition: str) -> str:
    """What a partition was given."""
    return f"{RESUBMITTED}/{pipeline}/{step}/to/{partition}.json"


def resubmitted_rows(pipeline: str, step: str, name: str) -> str:
    """A file of rows that were sent."""
    return f"{RESUBMITTED}/{pipeline}/{step}/rows/{name}.parquet"


def partials_folder(pipeline: str, step: str, function: str, digest: str, code_digest: str) -> str:
    """The folder of the result of a function on a table of one content."""
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
    """The folder of the run to which a path belongs, or which it is; None for others."""
    parts = path.split("/")
    return "/".join(parts[:3]) if parts[0] == RUNS and len(parts) >= 3 else None  # noqa: PLR2004


def run_record(pipeline: str, run_id: str) -> str:
    """The record of a run that has ended."""
    return f"{RUNS}/{pipeline}/{run_id}/{RECORD}"


def run_request(pipeline: str, run_id: str) -> str:
    """What a run was asked for."""
    return f"{RUNS}/{pipeline}/{run_id}/{REQUEST}"


def run_lineage(pipeline: str, run_id: str) -> str:
    """The lineage of a run."""
    return f"{RUNS}/{pipeline}/{run_id}/{LINEAGE}"


def run_pack(folder: str) -> str:
    """The files of an old run in one, in its folder."""
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
    """What a step found on other orchestrators in a run."""
    return f"{RUNS}/{pipeline}/{run_id}/{step}{BRIDGED}"


def step_handed(pipeline: str, run_id: str, step: str) -> str:
    """The reference that a step hands on within a run, where its orchestrator keeps none."""
    return f"{RUNS}/{pipeline}/{run_id}/handed/{step}.json"


def _element(step: str, index: int | None) -> str:
    return step if index is None else f"{step}.{index}"


def element_of(path: str) -> tuple[str, int | None]:
    """The step that a file of a run is of, and the index of its element; no name of a step has a dot."""
    step, _, rest = path.rpartition("/")[2].partition(".")
    index = rest.partition(".")[0]
    return step, int(index) if index.isdecimal() else None


def begun_step(pipeline: str, partition: str, step: str) -> str:
    """Which attempt of a step began last for a partition in production."""
    return f"{BEGUN}/{pipeline}/{partition}/{step}.json"


def begun_step_of(path: str) -> tuple[str, str, str]:
    """The pipeline, partition and step of a note of what began last."""
    _, pipeline, partition, file = path.split("/")
    return pipeline, partition, file.removesuffix(JSON)


def native_run(native_id: str) -> str:
    """The run that an orchestrator knows by a name of its own."""
    return f"{NATIVES}/{native_id}.json"


def native_run_of(path: str) -> str:
    """The name that an orchestrator has for a run."""
    return path.removeprefix(f"{NATIVES}/").removesuffix(JSON)


# backfills and versions


def backfills_folder(pipeline: str) -> str:
    """The folder of the backfills of a pipeline."""
    return f"{BACKFILLS}/{pipeline}"


def backfill_folder(pipeline: str, version: str) -> str:
    """The folder of how the partitions of a backfill are."""
    return f"{BACKFILLS}/{pipeline}/{version}"


def backfill_manifest(pipeline: str, version: str) -> str:
    """What a backfill was asked for, and how it went."""
    return f"{BACKFILLS}/{pipeline}/{version}.json"


def backfill_manifest_of(path: str) -> tuple[str, str] | None:
    """The pipeline and version of a manifest; None for what a backfill tells of a partition."""
    _, pipeline, *rest = path.split("/")
    return (pipeline, rest[0].removesuffix(JSON)) if len(rest) == 1 else None


def backfill_states(pipeline: str, version: str, partition: str) -> str:
    """How the steps of one partition of a backfill are."""
    return f"{BACKFILLS}/{pipeline}/{version}/{partition}.json"


def versions_folder(pipeline: str) -> str:
    """The folder of the marks of promoted versions."""
    return f"{VERSIONS}/{pipeline}"


def version_mark(pipeline: str, version: str) -> str:
    """The mark that a version was promoted."""
    return f"{VERSIONS}/{pipeline}/{version}.json"


# what was told, what is switched off


def alert_case(alert_id: str) -> str:
    """The case of an alert."""
    return f"{ALERTS}/{alert_id}.json"


def alerted_step(pipeline: str, version: str, step: str, partition: str) -> str:
    """Which alerts told of a step and partition, or of one element of it."""
    return f"{alerted_folder(pipeline, version, step)}/{partition}.json"


def alerted_folder(pipeline: str, version: str, step: str) -> str:
    """The folder of which alerts told of a step."""
    return f"{ALERTED}/{pipeline}/{version}/{step}"


def breaker(pipeline: str, step: str) -> str:
    """The circuit of a step."""
    return f"{BREAKERS}/{pipeline}/{step}.json"


# whose a pipeline is, what it is made with, what was compared


def owner_record(pipeline: str) -> str:
    """Who owns a pipeline, with all changes of it."""
    return f"{OWNERS}/{pipeline}.json"


def served_settings(pipeline: str, orchestrator: str) -> str:
    """The settings with which the services of an orchestrator run a pipeline by themselves."""
    return f"{SETTINGS}/{pipeline}/{orchestrator}.json"


def made_settings(pipeline: str) -> str:
    """The settings with which production was last made; no orchestrator has the name of production."""
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
    """The home of an orchestrator's services; that of a root in a bucket has the folder of the bucket above it."""
    return f"{SERVICES}/{orchestrator}" if bucket is None else f"{SERVICES}/{bucket}/{orchestrator}"


def target_record(orchestrator: str, above: str = SERVICES) -> str:
    """What is kept of the service environment whose home lies in a folder."""
    return f"{above}/{orchestrator}/{SITE}"


def learned_libraries(pipeline: str) -> str:
    """What the steps of a pipeline were seen to import."""
    return f"{LIBRARIES}/{pipeline}.json"


def compared_root(side: str) -> str:
    """The root of a side of `compare`."""
    return f"{COMPARED}/{side}"


def validated_root(side: str) -> str:
    """The root of a side of `migrate validate`."""
    return f"{VALIDATED}/{side}"


def set_aside(path: str, mark: str = "") -> str:
    """The place to which a damaged file is moved; a mark tells it from one that lies there."""
    return f"{DAMAGED}/{path}{mark}"


def set_aside_from(path: str) -> str:
    """The place where a JSON file lay that was moved aside."""
    return path.removeprefix(f"{DAMAGED}/").partition(JSON)[0] + JSON
