"""The prior that settings name, as centres of the first codebook."""

from pathlib import Path

from jaxtyping import Float
from torch import Tensor

from smalti.core import ParameterError
from smalti.systems.almtokenizer.config import CodesConfig
from smalti.train import load_prior


def prior_centres(codes: CodesConfig) -> Float[Tensor, "centre feature"] | None:
    """Those of the file that the settings name; None if they name none.

    Raises:
        StoreError: if the file is missing, damaged or no prior.
        ParameterError: if it holds more or fewer centres than the other codebooks have codes.
    """
    if not codes.prior:
        return None
    prior = load_prior(Path(codes.prior))
    if len(prior.centres) != codes.vocab:
        raise ParameterError(
            f"{codes.prior} holds {len(prior.centres)} centres, wanted {codes.vocab} (model.codes.vocab); "
            f"make one with `smalti prior --vocab {codes.vocab}`"
        )
    return prior.centres
