"""Encoders that have learnt nothing: the net of a run with random weights, the floor of what that run has learnt."""

from collections.abc import Callable, Mapping
from pathlib import Path

import torch

from smalti.core import Codec, Encoder
from smalti.systems.hearing import RunName, heard_as, seen
from smalti.systems.pretrained import is_pretrained, load_unlearnt_pretrained
from smalti.systems.registry import CONFIG, find_run, system_of


def load_unlearnt(run: RunName, *, seed: int = 0) -> Encoder | None:
    """Open what a run hears with, as it was before the first step of another seed; None if nothing of it is learnt.

    Args:
        run: as of `smalti.systems.registry.load_encoder`, and at the rate named with it.
        seed: of the weights.
    Raises:
        StoreError, ConfigError: if the run cannot be read.
    """
    folder = find_run(run)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        if is_pretrained(folder):
            return load_unlearnt_pretrained(folder)
        if not (folder / CONFIG).is_file() or (found := UNLEARNT.get(system_of(folder))) is None:
            return None
        model = found(folder)
    view = seen(model, heard_as(run)) if isinstance(model, Codec) else model
    return view if isinstance(view, Encoder) else None


def _matpac(folder: Path) -> Encoder:
    from smalti.systems.matpac import load_unlearnt_matpac

    return load_unlearnt_matpac(folder)


def _almtokenizer(folder: Path) -> Encoder:
    from smalti.systems.almtokenizer import load_unlearnt_almtokenizer

    return load_unlearnt_almtokenizer(folder)


UNLEARNT: Mapping[str, Callable[[Path], Encoder]] = {"matpac": _matpac, "almtokenizer": _almtokenizer}
