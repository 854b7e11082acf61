"""Judges of the codec's sound: of every n-th sample and of complex spectra, all at one level."""

from jaxtyping import Float
from torch import Tensor, nn

from smalti.losses import summed_feature_matching
from smalti.nn.complex_spectrum_judges import ComplexSpectrumJudges
from smalti.nn.verdict import Verdict
from smalti.nn.waveform_judges import WaveformJudges
from smalti.systems.dac.config import DACConfig, JudgeConfig
from smalti.train import LEAST_SQUARES, Adversary, Engine

_PEAK = 0.8
_SLOPE = 0.1
_TINY = 1e-9


class SoundJudges(nn.Module):
    """Both kinds, which hear each sound around zero and at a peak of 0.8.

    Source: Kumar et al. 2023 (DAC, arXiv:2306.06546), section 3.3. Differs: what is missing to a whole number of
    periods or frames is silence, not the sound mirrored.
    """

    def __init__(self, config: JudgeConfig) -> None:
        super().__init__()
        self.periods = WaveformJudges(scales=0, periods=config.periods, windows=(), width=config.width, slope=_SLOPE)
        self.spectra = ComplexSpectrumJudges(windows=config.windows, width=config.width, edges=config.edges)

    def forward(self, waveforms: Float[Tensor, "batch sample"]) -> list[Verdict]:
        """A verdict a judge."""
        heard = levelled(waveforms)
        return [*self.periods(heard), *self.spectra(heard)]


def levelled(waveforms: Float[Tensor, "batch sample"]) -> Float[Tensor, "batch sample"]:
    """Each around zero and at a peak of 0.8; silence stays silent."""
    centred = waveforms - waveforms.mean(dim=1, keepdim=True)
    return _PEAK * centred / (centred.abs().amax(dim=1, keepdim=True) + _TINY)


def build_adversary(config: DACConfig, engine: Engine) -> Adversary | None:
    """The judges of a run with their optimiser, from torch's random state; None if its settings name none."""
    judge, train = config.judge, config.train
    if not (judge.periods or judge.windows):
        return None
    return Adversary(
        SoundJudges(judge),
        engine=engine,
        start=judge.start,
        betas=train.betas,
        clip=judge.clip,
        compare=summed_feature_matching,
        contest=LEAST_SQUARES,
        weight_decay=train.weight_decay,
    )
