"""µ-law equals the standard, and as a codec keeps every law there is."""

import io
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from smalti.config import load_settings
from smalti.core import Audio, ParameterError, SpecError, StreamingCodec, Tokens
from smalti.systems import mulaw
from smalti.systems.mulaw import MuLaw, MuLawConfig
from smalti.systems.mulaw.companding import compress, expand

_ALL_INTEGERS = torch.arange(-32768, 32768)


def _noise(samples: int) -> torch.Tensor:
    return torch.randn(samples, generator=torch.Generator().manual_seed(samples)).clamp(-1, 1)


def test_golden_values_of_the_standard() -> None:
    samples = torch.tensor([0.0, -0.0, 1.0, -1.0, 0.5, 4 / 32768, 124 / 32768, -32 / 32768])
    assert compress(samples).tolist() == [255, 127, 128, 0, 143, 254, 239, 123]


def test_every_16_bit_integer_equals_libsndfile() -> None:
    file = io.BytesIO()
    soundfile.write(file, _ALL_INTEGERS.numpy().astype(np.int16), 8000, format="RAW", subtype="ULAW")
    wanted = np.frombuffer(file.getvalue(), dtype=np.uint8)
    assert np.array_equal(compress(_ALL_INTEGERS / 32768).numpy(), wanted)


def test_every_code_comes_back_and_expands_as_libsndfile_does() -> None:
    codes = torch.arange(256)
    assert torch.equal(compress(expand(codes)), codes)
    file = io.BytesIO(codes.numpy().astype(np.uint8).tobytes())
    wanted = soundfile.read(file, samplerate=8000, channels=1, format="RAW", subtype="ULAW", dtype="float32")[0]
    assert np.array_equal(expand(codes).numpy(), wanted)


def test_the_error_is_a_thirty_second_of_the_magnitude_at_most() -> None:
    samples = torch.linspace(-0.98, 0.98, 4001)
    error = (expand(compress(samples)) - samples).abs()
    assert (error <= samples.abs() / 32 + 3 / 8192).all()


@pytest.mark.parametrize("samples", [0, 1, 255, 4097])
def test_the_exact_number_of_samples_comes_back(samples: int) -> None:
    codec = MuLaw()
    tokens = codec.encode(Audio.single(_noise(samples), 8000))
    audio = codec.decode(tokens)
    assert audio.samples.shape == (1, samples)
    assert torch.equal(codec.encode(audio).codes, tokens.codes)


def test_an_item_alone_equals_the_item_in_a_batch() -> None:
    codec = MuLaw(MuLawConfig(sample_rate=16000))
    items = [Audio.single(_noise(samples), 16000) for samples in (9, 31, 2)]
    batch = codec.encode(Audio.batch(items))
    for alone, row in zip(items, batch.items(), strict=True):
        assert torch.equal(codec.encode(alone).codes, row.codes)
    decoded = codec.decode(batch)
    assert not decoded.samples[0, 9:].any()


@pytest.mark.parametrize("block", [1, 7, 100])
def test_blocks_equal_the_whole(block: int) -> None:
    codec, samples = MuLaw(), _noise(100)
    encoder, decoder = codec.encoder_stream(), codec.decoder_stream()
    codes = torch.cat([*(encoder.push(part) for part in samples.split(block)), encoder.flush()], dim=1)
    assert torch.equal(codes, codec.encode(Audio.single(samples, 8000)).codes[0])
    heard = torch.cat([*(decoder.push(part) for part in codes.split(block, dim=1)), decoder.flush()])
    assert torch.equal(heard, expand(codes[0]))


def test_it_is_a_streaming_codec_and_knows_its_bitrate() -> None:
    codec = MuLaw()
    assert isinstance(codec, StreamingCodec)
    assert codec.spec.bitrate == 64000


def test_what_does_not_fit_is_refused() -> None:
    codec, other = MuLaw(), MuLaw(MuLawConfig(sample_rate=16000))
    tokens = codec.encode(Audio.single(_noise(5), 8000))
    with pytest.raises(SpecError, match="audio is at 8000 Hz, this codec at 16000"):
        other.encode(Audio.single(_noise(5), 8000))
    with pytest.raises(SpecError, match="another tokenizer"):
        other.decode(tokens)
    with pytest.raises(ParameterError, match="outside 0…255"):
        Tokens(tokens.codes + 256, codec.spec, tokens.lengths)


def test_the_shipped_settings_are_the_defaults() -> None:
    shipped = Path(mulaw.__file__).parent / "shipped" / "config.toml"
    assert load_settings(MuLawConfig, shipped) == MuLawConfig()
