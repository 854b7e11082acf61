"""The nets, each from pictures to waveforms: what differs is how frames become samples."""

from smalti.features import MelSettings
from smalti.systems.vocoder.config import MelGANNetConfig, ModelConfig, VocosNetConfig
from smalti.systems.vocoder.nets.hifigan import HiFiGANNet
from smalti.systems.vocoder.nets.melgan import MelGANNet
from smalti.systems.vocoder.nets.vocos import VocosNet

Net = VocosNet | MelGANNet | HiFiGANNet


def build(config: ModelConfig, picture: MelSettings) -> Net:
    """The net of a model, unlearnt.

    Raises:
        ParameterError: if it does not fit the picture.
    """
    if isinstance(config.net, VocosNetConfig):
        return VocosNet(config.net, picture)
    if isinstance(config.net, MelGANNetConfig):
        return MelGANNet(config.net, picture)
    return HiFiGANNet(config.net, picture)


__all__ = ["HiFiGANNet", "MelGANNet", "Net", "VocosNet", "build"]
