"""Training that survives: one short loop, run folders a person can read, exact resume."""

from smalti.train.adversary import LEAST_SQUARES, Adversary, Pull
from smalti.train.engine import Engine, EngineSettings
from smalti.train.interrupts import Interrupted
from smalti.train.loop import Cadence, FitReport, fit
from smalti.train.muon import Muon
from smalti.train.prior import FittedPrior, fit_prior, load_prior, save_prior
from smalti.train.progress import Progress, progress_bar
from smalti.train.recipe import BeginsElsewhere, EndsEarly, NamesClips, Plans, Recipe, Samples, ShowsSamples
from smalti.train.runs import RunFolder
from smalti.train.schedule import ResolvedSchedule, Schedule
from smalti.train.update import set_rate, update

__all__ = [
    "LEAST_SQUARES",
    "Adversary",
    "BeginsElsewhere",
    "Cadence",
    "EndsEarly",
    "Engine",
    "EngineSettings",
    "FitReport",
    "FittedPrior",
    "Interrupted",
    "Muon",
    "NamesClips",
    "Plans",
    "Progress",
    "Pull",
    "Recipe",
    "ResolvedSchedule",
    "RunFolder",
    "Samples",
    "Schedule",
    "ShowsSamples",
    "fit",
    "fit_prior",
    "load_prior",
    "progress_bar",
    "save_prior",
    "set_rate",
    "update",
]
