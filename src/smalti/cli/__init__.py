"""Floor 5, the command line: one thin file per verb, and one place where errors become exit codes.

Importing this room must stay cheap: verbs import what they need when they run.
"""

from smalti.cli.app import main, run

__all__ = ["main", "run"]
