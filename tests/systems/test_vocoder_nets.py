"""Each net: hop samples a frame, deaf beyond its context, and as large as it was published."""

import pytest
import torch

from smalti.config import load_settings
from smalti.core import ParameterError
from smalti.features import MEL_PRESETS, MelSettings, from_log_mel, mel_filterbank
from smalti.systems.vocoder.config import ModelConfig
from smalti.systems.vocoder.nets import build

PICTURE = MelSettings(sample_rate=8000, n_fft=64, hop=16, bands=7, low_hz=200, high_hz=3400)
NETS = {
    "vocos": "width = 12\nhidden = 20\nblocks = 2",
    "vocos, from the mel": 'width = 12\nhidden = 20\nblocks = 1\nstart = "mel"\niterations = 2\nmomentum = 0.9',
    "melgan": "width = 2\nratios = [4, 2, 2]\nblocks = 2",
    "hifigan": "width = 8\nratios = [8, 2]\nkernels = [3, 5]\ndilations = [[1, 3], [1, 2]]",
    "hifigan, unpaired": "width = 8\nratios = [4, 4]\nkernels = [3]\ndilations = [[1, 2]]\npaired = false",
    "bigvgan": 'width = 8\nratios = [4, 4]\nkernels = [3]\ndilations = [[1, 2]]\nactivation = "snakebeta"',
}


def model_config(name: str) -> ModelConfig:
    kind = name.partition(",")[0]
    return load_settings(ModelConfig, f'window = 6\n[net]\nkind = "{kind}"\n{NETS[name]}')


@pytest.mark.parametrize("name", NETS)
def test_a_window_with_its_context_sounds_as_the_whole(name: str) -> None:
    torch.manual_seed(0)
    net = build(model_config(name), PICTURE).eval()
    frames = torch.rand(2, 7, 4 * net.context + 30)
    with torch.no_grad():
        whole = net(frames)
        first, count = 2 * net.context + 1, 5
        window = net(frames[:, :, first - net.context : first + count + net.context])
    assert whole.shape == (2, frames.shape[2] * 16)
    edge = net.context * 16
    found, wanted = window[:, edge:-edge], whole[:, first * 16 : (first + count) * 16]
    torch.testing.assert_close(found, wanted, rtol=1e-4, atol=1e-5 * float(whole.abs().max()))


@pytest.mark.parametrize("name", NETS)
def test_the_context_is_not_much_more_than_what_is_heard(name: str) -> None:
    torch.manual_seed(0)
    net = build(model_config(name), PICTURE).eval()
    frames = torch.rand(1, 7, 2 * net.context + 9, requires_grad=True)
    place = net.context + 4
    (gradient,) = torch.autograd.grad(net(frames)[0, place * 16 : place * 16 + 16].abs().sum(), frames)
    heard = gradient[0].abs().sum(dim=0).nonzero()[:, 0]
    reach = max(place - int(heard.min()), int(heard.max()) - place)
    assert reach <= net.context <= reach + 4


def test_published_nets_have_their_published_sizes() -> None:
    sizes = {
        'picture = "specvqgan"\n[net]\nkind = "melgan"': 4.27e6,
        'picture = "vocos24k"\n[net]\nkind = "vocos"': 13.5e6,
        'picture = "hifigan22k"\n[net]\nkind = "hifigan"': 13.93e6,
        'picture = "bigvgan22k"\n[net]\nkind = "bigvgan"\nwidth = 1536\nratios = [4, 4, 2, 2, 2, 2]\n'
        'activation = "snakebeta"\n': 112.2e6,
    }
    for text, size in sizes.items():
        config = load_settings(ModelConfig, text)
        with torch.device("meta"):
            net = build(config, MEL_PRESETS[config.picture])
        assert sum(value.numel() for value in net.parameters()) == pytest.approx(size, rel=5e-3), text


def test_a_net_that_starts_from_the_mel_is_there_before_it_has_learnt() -> None:
    """With nothing to say, it gives the magnitudes that the picture asks for, also where no band reaches."""
    net = build(model_config("vocos, from the mel"), PICTURE)
    frames = 0.5 + 0.1 * torch.rand(1, 7, 9)
    asked = net._asked(frames)
    found = mel_filterbank(PICTURE) @ asked
    assert (found.log() - from_log_mel(frames, PICTURE).log()).abs().mean() < 0.1
    assert torch.equal(asked[:, 0], asked[:, 1]) and torch.equal(asked[:, -1], asked[:, -2])


@pytest.mark.parametrize("kind", ["melgan", "hifigan"])
def test_ratios_that_do_not_make_the_hop_are_refused(kind: str) -> None:
    config = load_settings(ModelConfig, f'[net]\nkind = "{kind}"\nratios = [8, 4]')
    with pytest.raises(ParameterError, match="make 32 samples of a frame, the picture's hop is 16"):
        build(config, PICTURE)


def test_silence_stays_silence() -> None:
    torch.manual_seed(0)
    net = build(model_config("vocos, from the mel"), PICTURE)
    assert net(torch.zeros(1, 7, 40)).abs().max() < 1e-4
