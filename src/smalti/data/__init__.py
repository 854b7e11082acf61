"""Floor 3, data: which recordings there are, what is known of them, and where they come from."""

from smalti.data.corpora import CORPORA
from smalti.data.manifest import BOOKKEEPING, Manifest
from smalti.data.prepare import PrepareReport, prepare

__all__ = ["BOOKKEEPING", "CORPORA", "Manifest", "PrepareReport", "prepare"]
