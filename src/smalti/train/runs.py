"""A run is a folder a person can read; this is where its things lie, and who may begin or go on in it.

RUN/config.toml            resolved, written first
RUN/weights.safetensors    what inference needs, written last
RUN/metrics.jsonl          one line a step that was logged
RUN/events/                TensorBoard
RUN/samples/               what it sounds like
RUN/checkpoints/ latest    what a resumed run needs
RUN/tokenizer/             the codec of a language model, as a run folder of its own
RUN/loaded.safetensors     what it began with, if that was a part of another run; written before all else
"""

import logging
import tomllib
from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path

from smalti.config import differences
from smalti.core import ConfigError, StoreError
from smalti.store import clean_temps, write_bytes

_log = logging.getLogger(__name__)
_CONFIG, _LOADED = "config.toml", "loaded.safetensors"
_BEFORE = (".lock", _LOADED)  # may lie in a folder whose run has not begun


@dataclass(frozen=True, slots=True)
class RunFolder:
    """Where the things of a run lie."""

    path: Path

    @classmethod
    def start(
        cls,
        path: Path,
        config: str,
        *,
        resume: bool = False,
        harmless: Collection[str] = (),
        resolved: Callable[[str], str] = str,
    ) -> "RunFolder":
        """Begin a run with these resolved settings, or go on with one that has the same.

        Args:
            config: TOML text, as `to_toml` gives it.
            resume: go on if there is a run; without one, begin.
            harmless: dotted keys that may differ, with one warning.
            resolved: makes settings of now of a run's, such as those of an older version that lack a key.
        Raises:
            StoreError: if the folder holds a run and `resume` is off, or holds something else.
            ConfigError: if the run was begun with other settings; names the keys.
        """
        run = cls(path)
        for folder in (path, path / "checkpoints"):
            clean_temps(folder)
        if run.config_path.exists():
            run._accept(config, resume=resume, harmless=harmless, resolved=resolved)
        else:
            if path.exists() and (not path.is_dir() or any(p.name not in _BEFORE for p in path.iterdir())):
                raise StoreError(f"{path} holds something else than a run; choose a new folder")
            write_bytes(run.config_path, config.encode())
        return run

    @classmethod
    def open(cls, path: Path) -> "RunFolder":
        """An existing run, to read.

        Raises:
            StoreError: if it is none.
        """
        if not (path / _CONFIG).is_file():
            raise StoreError(f"{path} is no run folder, it has no {_CONFIG}; name the folder given to --out")
        return cls(path)

    @property
    def config_path(self) -> Path:
        """config.toml."""
        return self.path / _CONFIG

    @property
    def weights_path(self) -> Path:
        """weights.safetensors."""
        return self.path / "weights.safetensors"

    @property
    def loaded_path(self) -> Path:
        """loaded.safetensors."""
        return self.path / _LOADED

    @property
    def metrics_path(self) -> Path:
        """metrics.jsonl."""
        return self.path / "metrics.jsonl"

    @property
    def events(self) -> Path:
        """Folder of the TensorBoard events."""
        return self.path / "events"

    @property
    def samples(self) -> Path:
        """Folder of what it sounds like."""
        return self.path / "samples"

    @property
    def tokenizer(self) -> Path:
        """Folder of the codec's run."""
        return self.path / "tokenizer"

    def config(self) -> str:
        """The resolved settings, as TOML text.

        Raises:
            StoreError: if they cannot be read.
        """
        try:
            return self.config_path.read_text("utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise StoreError(f"{self.config_path} cannot be read: {error}; restore it from a copy") from None

    def _accept(self, config: str, *, resume: bool, harmless: Collection[str], resolved: Callable[[str], str]) -> None:
        if not resume:
            raise StoreError(f"{self.path} holds a run already; add --resume to go on with it, or choose a new folder")
        try:
            changed = differences(self._known(resolved), config)
        except tomllib.TOMLDecodeError as error:
            raise StoreError(f"{self.config_path} is damaged: {error}; restore it from a copy") from None
        wrong = [key for key in changed if key not in harmless]
        if wrong:
            said = f"the run in {self.path} was begun with other settings ({', '.join(wrong)})"
            raise ConfigError(f"{said}; resume with the same, or begin a new run")
        if changed:
            _log.warning("resuming %s with other settings that do no harm: %s", self.path, ", ".join(changed))

    def _known(self, resolved: Callable[[str], str]) -> str:
        """The settings as of now; as they are, if they cannot be read as such."""
        try:
            return resolved(self.config())
        except ConfigError:
            return self.config()
