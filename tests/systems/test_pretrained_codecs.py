"""EnCodec, Mimi and DAC from folders of transformers: the same codes and sound as there, through our protocols."""

import json
from pathlib import Path

import pytest
import torch

from smalti.audio import read
from smalti.core import Audio, Codec, CodecViews, ParameterError, SpecError, StoreError
from smalti.systems import load_codec
from smalti.systems.transcoding import decode, encode

HOPS = {"encodec": 6, "mimi": 24, "dac": 10}


def theirs(kind: str) -> torch.nn.Module:
    transformers = pytest.importorskip("transformers")
    torch.manual_seed(0)
    if kind == "encodec":
        sizes = {"num_filters": 4, "hidden_size": 6, "codebook_dim": 6, "codebook_size": 8, "sampling_rate": 16000}
        bandwidths = [8.0, 24.0]
        model = transformers.EncodecModel(
            transformers.EncodecConfig(upsampling_ratios=[3, 2], target_bandwidths=bandwidths, **sizes)
        )
    elif kind == "mimi":
        sizes = {"num_filters": 4, "hidden_size": 16, "codebook_dim": 6, "codebook_size": 8, "num_quantizers": 4}
        attention = {"num_hidden_layers": 1, "num_attention_heads": 2, "num_key_value_heads": 2, "head_dim": 8}
        model = transformers.MimiModel(
            transformers.MimiConfig(
                upsampling_ratios=[4, 3],
                upsample_groups=16,
                vector_quantization_hidden_dimension=6,
                intermediate_size=20,
                sampling_rate=12000,
                _frame_rate=500.0,
                **sizes,
                **attention,
            )
        )
    else:
        sizes = {"encoder_hidden_size": 4, "decoder_hidden_size": 16, "n_codebooks": 3, "codebook_size": 16}
        model = transformers.DacModel(transformers.DacConfig(downsampling_ratios=[5, 2], sampling_rate=8000, **sizes))
    for name, buffer in model.named_buffers():  # codes as learnt, not all zero
        if name.endswith((".embed", ".embed_sum")):
            buffer.copy_(0.1 * torch.randn(buffer.shape))
    if kind == "encodec":
        with torch.no_grad():
            frames = model.encoder(torch.randn(1, 1, 60))[0].mT
        model.quantizer.layers[0].codebook.embed.copy_(frames[1:9])
    return model.eval()


@pytest.fixture(scope="module", params=HOPS)
def found(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, torch.nn.Module]:
    folder, model = tmp_path_factory.mktemp(request.param), theirs(request.param)
    model.save_pretrained(folder)  # pyright: ignore
    return folder, model


def sound(codec: Codec, samples: int) -> Audio:
    generator = torch.Generator().manual_seed(samples)
    return Audio.single(0.3 * torch.randn(samples, generator=generator), codec.spec.sample_rate)


@torch.no_grad()
def test_codes_and_sound_are_those_of_the_library(found: tuple[Path, torch.nn.Module]) -> None:
    folder, model = found
    codec, kind = load_codec(folder), model.config.model_type  # pyright: ignore
    assert codec.spec.hop == HOPS[kind]  # pyright: ignore
    audio = sound(codec, 20 * codec.spec.hop)
    more = {"bandwidth": 24.0} if kind == "encodec" else {}
    wanted = model.encode(audio.samples[:, None], **more).audio_codes  # pyright: ignore
    wanted = wanted.reshape(1, *wanted.shape[-2:])
    tokens = codec.encode(audio)
    assert torch.equal(tokens.codes, wanted) and len(wanted.unique()) > 2
    given = {"audio_codes": wanted} if kind == "dac" else {"audio_codes": wanted[None] if kind == "encodec" else wanted}
    if kind == "encodec":
        given["audio_scales"] = [None]  # pyright: ignore
    heard = model.decode(**given).audio_values.reshape(1, -1)  # pyright: ignore
    assert codec.decode(tokens).samples.shape == audio.samples.shape
    shared = min(heard.shape[1], audio.samples.shape[1])
    torch.testing.assert_close(codec.decode(tokens).samples[:, :shared], heard[:, :shared], rtol=0, atol=1e-5)


def test_an_item_alone_equals_the_item_in_a_batch_and_keeps_its_length(found: tuple[Path, torch.nn.Module]) -> None:
    codec = load_codec(found[0])
    hop = codec.spec.hop
    items = [sound(codec, samples) for samples in (1, 7 * hop + 1, 3 * hop)]
    tokens = codec.encode(Audio.batch(items))
    heard = codec.decode(tokens)
    for item, codes, back in zip(items, tokens.items(), heard.items(), strict=True):
        alone = codec.encode(item)
        assert torch.equal(codes.codes, alone.codes)
        assert torch.equal(back.samples, codec.decode(alone).samples) and back.lengths.equal(item.lengths)
    nothing = Audio(torch.zeros(0, 3), codec.spec.sample_rate, torch.zeros(0, dtype=torch.int64))
    assert codec.decode(codec.encode(nothing)).samples.shape[0] == 0
    with pytest.raises(SpecError, match="resample"):
        codec.encode(Audio.single(torch.zeros(9), 8001))


def test_the_first_codebooks_alone_are_a_codec(found: tuple[Path, torch.nn.Module]) -> None:
    codec = load_codec(found[0])
    assert isinstance(codec, CodecViews) and codec.windows == range(1, 2)
    audio = sound(codec, 9 * codec.spec.hop)
    view = codec.at(codebooks=2)
    assert torch.equal(view.encode(audio).codes, codec.encode(audio).codes[:, :2])
    assert view.decode(view.encode(audio)).samples.isfinite().all()
    assert codec.fitting(view.spec).spec == view.spec == load_codec(found[0]).fitting(view.spec).spec
    with pytest.raises(ParameterError, match=r"found 99 codebooks, this codec has 1…"):
        codec.at(codebooks=99)
    with pytest.raises(ParameterError, match="window of 2 frames"):
        codec.at(window=2)


def test_an_encodec_of_chunks_and_channels_is_refused_by_its_word(tmp_path: Path) -> None:
    words = {"model_type": "encodec", "audio_channels": 2}
    (tmp_path / "config.json").write_text(json.dumps(words))
    with pytest.raises(StoreError, match="says audio_channels 2, wanted 1"):
        load_codec(tmp_path)


def test_a_store_of_its_tokens_keeps_what_decoding_needs(
    found: tuple[Path, torch.nn.Module], sounds: Path, tmp_path: Path
) -> None:
    recording = sorted(path for path in sounds.rglob("*") if path.suffix in (".wav", ".flac"))[0]
    report = encode(found[0], [recording], to=tmp_path / "store")
    assert report.files == 1 and not report.failed
    decode(tmp_path / "store" / "tokenizer", tmp_path / "store", to=tmp_path / "heard")
    codec = load_codec(found[0])
    wanted = codec.decode(codec.encode(read(recording, sample_rate=codec.spec.sample_rate)))
    heard = read(next((tmp_path / "heard").glob("**/*.wav")))
    assert heard.samples.shape == wanted.samples.shape and heard.sample_rate == codec.spec.sample_rate
