"""The exam of every vocoder: lengths, blocks, silence, memory of what it is; and a codec is heard through it."""

from collections.abc import Callable

import pytest
import torch

from journey import Journey
from smalti.core import Audio, SpecError
from smalti.features import MEL_PRESETS, PictureCodec, Vocoder
from smalti.nn.griffin_lim import GriffinLimVocoder
from smalti.systems import load_codec, load_lm, load_vocoder

VOCODERS: dict[str, Callable[[Journey], Vocoder]] = {
    "griffin_lim": lambda _: GriffinLimVocoder(MEL_PRESETS["specvqgan"], iterations=2, window=12, overlap=2),
    "vocoder": lambda journey: load_vocoder(journey.vocoder),
}


@pytest.fixture(scope="module", params=VOCODERS)
def vocoder(request: pytest.FixtureRequest, journey: Journey) -> Vocoder:
    return VOCODERS[request.param](journey)


def frames_of(vocoder: Vocoder, frames: int) -> torch.Tensor:
    return torch.rand(vocoder.picture.bands, frames, generator=torch.Generator().manual_seed(frames))


@pytest.mark.parametrize("frames", [0, 1, 4, 5, 33])
@pytest.mark.parametrize("block", [1, 7, 1000])
def test_frames_in_any_blocks_are_a_hop_each_and_sound_the_same(vocoder: Vocoder, frames: int, block: int) -> None:
    picture, whole, parts = frames_of(vocoder, frames), vocoder.stream(), vocoder.stream()
    heard = torch.cat([*(parts.push(part) for part in picture.split(block, dim=1)), parts.flush()])
    assert len(heard) == frames * vocoder.picture.hop and heard.isfinite().all()
    assert torch.equal(heard, torch.cat([whole.push(picture), whole.flush()]))


def test_silence_is_quiet(vocoder: Vocoder) -> None:
    stream = vocoder.stream()
    heard = torch.cat([stream.push(torch.zeros(vocoder.picture.bands, 20)), stream.flush()])
    assert heard.abs().max() < 1e-3


def test_what_is_loaded_again_is_the_same_vocoder(journey: Journey) -> None:
    streams = [load_vocoder(journey.vocoder).stream() for _ in range(2)]
    first, second = (torch.cat([stream.push(frames_of(load_vocoder(journey.vocoder), 9)), stream.flush()])
                     for stream in streams)  # fmt: skip
    assert torch.equal(first, second)


def test_a_codec_is_heard_only_through_a_vocoder_of_its_own_picture(journey: Journey) -> None:
    codec = load_codec(journey.codec)
    assert isinstance(codec, PictureCodec)
    tokens = codec.encode(Audio.single(torch.rand(5000), 22050))
    other = codec.heard_through(GriffinLimVocoder(codec.picture, iterations=0, window=12, overlap=2))
    assert other.spec == codec.spec
    assert other.decode(tokens).samples.shape == (1, 5000)
    with pytest.raises(SpecError, match="vocoder of the picture specvqgan, wanted one of wide"):
        codec.heard_through(load_vocoder(journey.vocoder))


def test_a_vocoder_is_neither_codec_nor_language_model(journey: Journey) -> None:
    with pytest.raises(SpecError, match="is a vocoder, wanted a codec"):
        load_codec(journey.vocoder)
    with pytest.raises(SpecError, match="is a vocoder, wanted a language model"):
        load_lm(journey.vocoder)
    with pytest.raises(SpecError, match="is a codec, wanted a vocoder"):
        load_vocoder(journey.codec)
