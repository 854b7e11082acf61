"""Settings: TOML and key=value become frozen values; every problem is told at once, with its line and a suggestion."""

from smalti.config.seeds import mix, splitmix64
from smalti.config.settings import Settings, differences, load_settings
from smalti.config.writing import to_toml

__all__ = ["Settings", "differences", "load_settings", "mix", "splitmix64", "to_toml"]
