"""The checker behind every annotation in the tests: beartype, with an int welcome where a float is wanted (PEP 484)."""

from beartype import BeartypeConf, beartype

checked = beartype(conf=BeartypeConf(is_pep484_tower=True))
