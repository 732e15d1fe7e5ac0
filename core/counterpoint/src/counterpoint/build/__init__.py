"""Files that put a pipeline into an orchestrator's installation that a team already has; no server is asked."""

from counterpoint.build.files import Change, Difference, changes, write
from counterpoint.build.order import Build, NativeFiles
from counterpoint.build.project import Project, project_of
from counterpoint.build.rendering import rendered

__all__ = ["Build", "Change", "Difference", "NativeFiles", "Project", "changes", "project_of", "rendered", "write"]
