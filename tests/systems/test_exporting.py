"""Exported steps are the codec: the same codes and samples from nothing but names, shapes and zeros."""

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from smalti.core import SpecError, StoreError
from smalti.nn.fixed_step import HasFixedSteps
from smalti.systems import exporting
from smalti.systems.almtokenizer import ALMTokenizer, ModelConfig, QueryNet
from smalti.systems.almtokenizer.config import CodesConfig, QueryNetConfig, SeanetEndsConfig, SpectralEndsConfig
from smalti.systems.exporting import export, write_steps

onnx = pytest.importorskip("onnx")
onnxruntime = pytest.importorskip("onnxruntime")
pytest.importorskip("onnxscript")

NARROW = QueryNetConfig(width=16, layers=1, heads=2, attention=13)
ENDS = {
    "spectral": SpectralEndsConfig(windows=(512, 1024), bands=16, width=12, hidden=16, blocks=1, n_fft=640),
    "seanet": SeanetEndsConfig(dim=6, filters=2, lstm=1),
}


def codec(kind: str) -> ALMTokenizer:
    torch.manual_seed(0)
    config = ModelConfig(ends=ENDS[kind], encoder=NARROW, decoder=NARROW, codes=CodesConfig(vocab=32, dim=6))
    return ALMTokenizer(QueryNet(config).eval(), window=3, codebooks=2)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Both steps of a SEANet codec; making a graph takes seconds."""
    alm, to = codec("seanet"), tmp_path_factory.mktemp("steps") / "out"
    report = write_steps(alm, alm.fixed_steps(), to)
    assert report.files == ("encoder.onnx", "decoder.onnx", "steps.json")
    assert report.bytes == sum(path.stat().st_size for path in to.iterdir())
    assert report.delay == 0 < report.largest_difference <= 1e-4
    return to


def steps(folder: Path, table: dict, blocks: list[np.ndarray]) -> Iterator[list[np.ndarray]]:
    """What a stranger would do who has the files and nothing else."""
    session = onnxruntime.InferenceSession(str(folder / table["file"]), providers=["CPUExecutionProvider"])
    state = {each["name"]: np.zeros(each["shape"], each["dtype"]) for each in table["state"]}
    made = [each["name"] for each in table["outputs"]]
    for block in blocks:
        assert list(block.shape) == table["input"]["shape"]
        outputs = session.run(
            made + [each["next"] for each in table["state"]], {table["input"]["name"]: block, **state}
        )
        state = dict(zip(state, outputs[len(made) :], strict=True))
        yield outputs[: len(made)]


def noise(hop: int) -> list[np.ndarray]:
    sound = 0.2 * torch.randn(20 * hop, generator=torch.Generator().manual_seed(5))
    return [each.numpy()[None] for each in sound.split(hop)]


def test_a_stranger_gets_the_codec_from_the_files_alone(folder: Path) -> None:
    alm, tables = codec("seanet"), json.loads((folder / "steps.json").read_text())
    encoder, decoder = tables["encoder"], tables["decoder"]
    sound = noise(encoder["samples_per_step"])
    codes = torch.from_numpy(np.concatenate([codes for (codes,) in steps(folder, encoder, sound)], axis=2))[0]
    assert torch.equal(codes, alm.encoder_stream().push(torch.from_numpy(np.concatenate(sound, axis=1))[0]))
    blocks = [code.numpy()[None] for code in codes.split(1, dim=1)]
    heard = np.concatenate([samples for (samples,) in steps(folder, decoder, blocks)], axis=1)[0]
    assert np.abs(heard - alm.decoder_stream().push(codes).numpy()).max() <= 1e-4
    assert encoder["spec"]["tokenizer"] == alm.spec.tokenizer and encoder["spec"]["bitrate"] == alm.spec.bitrate


def test_one_file_hears_and_speaks_in_one_step_and_says_how_late(tmp_path: Path) -> None:
    alm = codec("spectral")
    report = write_steps(alm, alm.fixed_steps(), tmp_path / "alm.onnx")
    assert report.files == ("alm.onnx", "alm.json") and report.delay == 352 + 160
    table = json.loads((tmp_path / "alm.json").read_text())["alm"]
    assert {each["name"]: each["late_samples"] for each in table["outputs"]} == {"codes": 352, "sound": 512}
    sound = noise(960)
    codes, heard = (np.concatenate(each, axis=-1)[0] for each in zip(*steps(tmp_path, table, sound), strict=True))
    late = torch.cat([torch.zeros(352), torch.from_numpy(np.concatenate(sound, axis=1))[0]])
    assert torch.equal(torch.from_numpy(codes), alm.encoder_stream().push(late))
    wanted = alm.decoder_stream().push(torch.from_numpy(codes)).numpy()
    assert np.abs(heard[160:] - wanted).max() <= 1e-4


def test_a_graph_says_what_it_is_and_nothing_of_where_it_was_made(folder: Path) -> None:
    for name, words in json.loads((folder / "steps.json").read_text()).items():
        if name == "format":
            continue
        data = (folder / f"{name}.onnx").read_bytes()
        model = onnx.load_from_string(data)
        onnx.checker.check_model(model)
        (found,) = [json.loads(each.value) for each in model.metadata_props if each.key == "smalti"]
        assert found == words and found["spec"]["hop"] == 960
        assert not {"Loop", "If", "Scan"} & {node.op_type for node in model.graph.node}
        for place in (str(Path.home()), str(Path(__file__).parents[2]), "site-packages", ".py"):
            assert place.encode() not in data


@pytest.mark.parametrize(("name", "words"), [("decoder", "samples are"), ("encoder", "codes unlike")])
def test_a_graph_that_disagrees_is_not_written(
    name: str, words: str, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    alm = codec("seanet")
    with torch.no_grad():
        if name == "decoder":
            alm.net.back.net.last.bias.add_(0.5)
        else:
            alm.net.encoder.query.add_(1.0)
    monkeypatch.setattr(exporting, "onnx_graph", lambda _, words: (folder / words["file"]).read_bytes())
    with pytest.raises(SpecError, match=words):
        write_steps(alm, alm.fixed_steps(), tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_what_has_no_steps_and_targets_that_cannot_be_are_refused(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match="mulaw has no streaming step"):
        export("mulaw", to=tmp_path / "out")
    (tmp_path / "file").write_text("")
    alm = codec("spectral")
    assert isinstance(alm, HasFixedSteps)
    with pytest.raises(StoreError, match=r"is a file; name a \.onnx file or a folder"):
        write_steps(alm, alm.fixed_steps(), tmp_path / "file")
