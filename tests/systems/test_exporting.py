"""Exported steps are the codec: the same codes and samples from nothing but names, shapes and zeros."""

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from journey import Journey
from smalti.cli import run
from smalti.core import SpecError, StoreError, StreamingCodec
from smalti.nn.fixed_step import HasFixedSteps
from smalti.systems import exporting, load_codec
from smalti.systems.almtokenizer import ALMTokenizer, ModelConfig, QueryNet
from smalti.systems.almtokenizer.config import CodesConfig, QueryNetConfig, SeanetEndsConfig
from smalti.systems.exporting import export, write_steps
from smalti.systems.hearing import Heard, view_of

onnx = pytest.importorskip("onnx")
onnxruntime = pytest.importorskip("onnxruntime")
pytest.importorskip("onnxscript")

NARROW = QueryNetConfig(width=16, layers=1, heads=2, attention=13)


def codec() -> ALMTokenizer:
    torch.manual_seed(0)
    ends = SeanetEndsConfig(dim=6, filters=2, lstm=1)
    config = ModelConfig(ends=ends, encoder=NARROW, decoder=NARROW, codes=CodesConfig(vocab=32, dim=6))
    return ALMTokenizer(QueryNet(config).eval(), window=3, codebooks=2)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Both steps of a SEANet codec; making a graph takes seconds."""
    alm, to = codec(), tmp_path_factory.mktemp("steps") / "out"
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
    alm, tables = codec(), json.loads((folder / "steps.json").read_text())
    encoder, decoder = tables["encoder"], tables["decoder"]
    sound = noise(encoder["samples_per_step"])
    codes = torch.from_numpy(np.concatenate([codes for (codes,) in steps(folder, encoder, sound)], axis=2))[0]
    assert torch.equal(codes, alm.encoder_stream().push(torch.from_numpy(np.concatenate(sound, axis=1))[0]))
    blocks = [code.numpy()[None] for code in codes.split(1, dim=1)]
    heard = np.concatenate([samples for (samples,) in steps(folder, decoder, blocks)], axis=1)[0]
    assert np.abs(heard - alm.decoder_stream().push(codes).numpy()).max() <= 1e-4
    assert encoder["spec"]["tokenizer"] == alm.spec.tokenizer and encoder["spec"]["bitrate"] == alm.spec.bitrate


def test_one_file_hears_and_speaks_in_one_step_and_says_how_late(
    journey: Journey, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["export", str(journey.alm), "--to", str(tmp_path / "alm.onnx"), "window=3", "codebooks=1", "--json"]
    assert run(command) == 0
    shown = capsys.readouterr()
    report, table = json.loads(shown.out), json.loads((tmp_path / "alm.json").read_text())["alm"]
    assert shown.err == "" and report["files"] == ["alm.onnx", "alm.json"] and report["delay"] == 864 + 480
    assert {each["name"]: each["late_samples"] for each in table["outputs"]} == {"codes": 864, "sound": 1344}
    alm, sound = load_codec(Heard(journey.alm, view=view_of(["window=3", "codebooks=1"]))), noise(960)
    assert isinstance(alm, StreamingCodec)
    codes, heard = (np.concatenate(each, axis=-1)[0] for each in zip(*steps(tmp_path, table, sound), strict=True))
    late = torch.cat([torch.zeros(864), torch.from_numpy(np.concatenate(sound, axis=1))[0]])
    assert torch.equal(torch.from_numpy(codes), alm.encoder_stream().push(late))
    wanted = alm.decoder_stream().push(torch.from_numpy(codes)).numpy()
    assert np.abs(heard[480:] - wanted).max() <= 1e-4


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
    alm = codec()
    with torch.no_grad():
        if name == "decoder":
            alm.net.back.net.last.bias.add_(0.5)
        else:
            alm.net.encoder.query.add_(1.0)
    monkeypatch.setattr(exporting, "onnx_graph", lambda _, words: (folder / words["file"]).read_bytes())
    with pytest.raises(SpecError, match=words):
        write_steps(alm, alm.fixed_steps(), tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_code_that_rounding_decides_may_be_another_and_no_other_code_may() -> None:
    def loud(sound: torch.Tensor) -> torch.Tensor:
        return (sound > 0.5).long()[None]

    sound = torch.tensor([0.1, 0.5 + 1e-7, 0.5 - 1e-7, 0.9])
    wanted = loud(sound)
    for flipped, wrong in (([], 0), ([1], 0), ([1, 2], 0), ([0, 1], 1), ([0, 3], 2)):
        codes = wanted.clone()
        codes[0, flipped] = 1 - codes[0, flipped]
        assert exporting.unlike_codes(loud, sound, codes) == wrong


def test_what_has_no_steps_and_targets_that_cannot_be_are_refused(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match="mulaw has no streaming step"):
        export("mulaw", to=tmp_path / "out")
    (tmp_path / "file").write_text("")
    alm = codec()
    assert isinstance(alm, HasFixedSteps)
    with pytest.raises(StoreError, match=r"is a file; name a \.onnx file or a folder"):
        write_steps(alm, alm.fixed_steps(), tmp_path / "file")
