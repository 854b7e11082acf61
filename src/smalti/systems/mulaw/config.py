"""Settings of the µ-law codec."""

from typing import Literal

from pydantic import Field

from smalti.config import Settings


class MuLawConfig(Settings):
    """All there is to choose: the rate. G.711 fixes everything else."""

    system: Literal["mulaw"] = "mulaw"
    sample_rate: int = Field(default=8000, gt=0, description="Hz; G.711 runs at 8000")
