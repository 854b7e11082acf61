"""Laws of the loop's parts: schedules, updates, progress, logs."""

import json

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from faults.writes import size_limit
from smalti.core import Audio, ParameterError, StoreError
from smalti.train import Engine, EngineSettings, RunFolder, Samples, Schedule, progress_bar, set_rate, update
from smalti.train.interrupts import interrupts
from smalti.train.logs import Logs

schedules = st.builds(
    Schedule,
    peak=st.floats(0, 10),
    start=st.floats(0, 10),
    final=st.floats(0, 10),
    warmup=st.floats(0, 1),
    shape=st.sampled_from(["constant", "linear", "cosine"]),
)


@given(schedules, st.integers(1, 400))
def test_a_schedule_stays_between_its_ends_and_reaches_its_peak(schedule, steps):
    resolved = schedule.resolve(steps)
    values = [resolved.at(step) for step in range(steps)]
    ends = (schedule.start, schedule.peak, schedule.final)
    assert all(min(ends) - 1e-9 <= value <= max(ends) + 1e-9 for value in values)
    assert values[max(resolved.warmup_steps - 1, 0)] == pytest.approx(schedule.peak)


@given(schedules, st.integers(1, 50))
def test_a_run_twice_as_long_is_the_same_in_slow_motion(schedule, tens):
    short, long = schedule.resolve(10 * tens), schedule.resolve(20 * tens)
    if 2 * short.warmup_steps == long.warmup_steps:
        for step in range(short.warmup_steps, 10 * tens):
            assert short.at(step) == pytest.approx(long.at(2 * step))


def test_a_schedule_rises_falls_and_says_so():
    resolved = Schedule(peak=1.0, warmup=0.2, shape="cosine").resolve(20)
    assert [resolved.at(step) for step in (0, 1, 3, 4)] == [0.25, 0.5, 1.0, 1.0]
    assert resolved.at(12) == pytest.approx(0.5) and resolved.at(20) == pytest.approx(0.0)
    assert str(resolved) == "0 → 1 until step 4, cosine → 0 until step 20"
    assert str(Schedule(peak=0.5).resolve(3)) == "0.5"
    assert Schedule(peak=0.5).resolve(3).at(2) == 0.5


@pytest.fixture(scope="module")
def engine():
    return Engine(EngineSettings(accelerator="cpu", precision="32"))


@pytest.mark.parametrize("factor", [1.0, float("nan"), float("inf")])
def test_an_update_changes_the_weights_only_if_the_loss_is_finite(engine, factor):
    model = nn.Linear(3, 2)
    model, optimiser = engine.setup(model, torch.optim.SGD(model.parameters(), lr=0.1))
    before = [weight.clone() for weight in model.parameters()]
    loss = model(torch.ones(4, 3)).square().sum() * factor
    done = update(loss, parameters=model.parameters(), optimiser=optimiser, engine=engine)
    changed = any(not torch.equal(a, b) for a, b in zip(before, model.parameters(), strict=True))
    assert done == changed == (factor == 1.0)
    assert all(weight.grad is None for weight in model.parameters())


def test_a_gradient_that_is_not_finite_is_no_update(engine):
    weight = nn.Parameter(torch.zeros(2))
    optimiser = torch.optim.SGD([weight], lr=0.1)
    assert not update(weight.sqrt().sum(), parameters=[weight], optimiser=optimiser, engine=engine)
    assert weight.tolist() == [0, 0]


def test_the_norm_of_an_update_is_clipped(engine):
    weight = nn.Parameter(torch.zeros(2))
    optimiser = torch.optim.SGD([weight], lr=0.1)
    set_rate(optimiser, 1.0)
    update(
        (weight * torch.tensor([30.0, 40.0])).sum(), parameters=[weight], optimiser=optimiser, engine=engine, clip=1.0
    )
    assert weight.tolist() == pytest.approx([-0.6, -0.8])


def test_progress_is_lines_where_there_is_no_terminal_and_nothing_if_not_asked_for(capsys):
    for shown in (True, False):
        with progress_bar(200, title="train", start=20, shown=shown) as bar:
            for done in range(21, 201):
                bar.update(done, "loss 1")
    said = capsys.readouterr().err.splitlines()
    assert [line.split()[1] for line in said] == [f"{done}/200" for done in range(40, 201, 20)]
    assert all("s left" in line and "loss 1" in line for line in said)


def test_progress_is_a_bar_on_a_terminal(capsys, monkeypatch):
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm")
    with progress_bar(3, title="train") as bar:
        bar.update(3, "loss [1]")
    said = capsys.readouterr().err
    assert "3/3" in said and "loss [1]" in said


def test_pictures_sounds_and_numbers_reach_tensorboard(tmp_path):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    run = RunFolder.start(tmp_path / "a", "")
    sound = Audio.single(torch.linspace(-1, 1, 80), 8000)
    hits = torch.tensor([3, 0, 4] + [1] * 600)
    samples = Samples({"mel": torch.eye(5, 7)}, {"x/original": sound, "x/reconstruction": sound}, {"code_hits": hits})
    with Logs(run, after=0) as logs:
        logs.metrics("train", 1, {"loss": 0.5})
        logs.metrics("evaluate", 1, {"loss": float("inf")})
        logs.samples(1, samples)
    board = EventAccumulator(str(run.events))
    board.Reload()
    tags = board.Tags()
    assert set(tags["scalars"]) == {"train/loss", "evaluate/loss"} and tags["images"] == ["mel"]
    assert set(tags["audio"]) == {"x/original", "x/reconstruction"}
    assert {path.name for path in run.samples.iterdir()} == {"x-original.wav", "x-reconstruction.wav"}
    lines = [json.loads(line) for line in run.metrics_path.read_text().splitlines()]
    assert lines[:2] == [{"step": 1, "kind": "train", "loss": 0.5}, {"step": 1, "kind": "evaluate", "loss": None}]
    assert lines[2:] == [{"step": 1, "kind": "counts", "code_hits": hits.tolist()}]
    assert tags["histograms"] == ["code_hits"]
    (histogram,) = board.Histograms("code_hits")
    assert histogram.histogram_value.num == hits.sum() == sum(histogram.histogram_value.bucket)
    assert len(histogram.histogram_value.bucket) <= 256 and histogram.histogram_value.max == 602


@pytest.mark.parametrize("limit", [30, 200])
def test_logs_on_a_full_disk_say_so(tmp_path, limit):
    run = RunFolder.start(tmp_path / "a", "")
    samples = Samples(images={"mel": torch.eye(5, 7)})
    full = pytest.raises(StoreError, match=r"no space left to write .*a/.* bytes")
    with Logs(run, after=0) as logs, size_limit(limit), full:
        logs.samples(1, samples)
        for _ in range(20):
            logs.metrics("train", 1, {})


def test_a_device_that_is_not_there_is_refused(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(ParameterError, match="found no GPU"):
        Engine(EngineSettings(accelerator="gpu"))


def test_signals_outside_the_main_thread_are_left_alone():
    import threading

    codes = []

    def work():
        with interrupts() as stop:
            codes.append(stop.code)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert codes == [0]


def test_processes_share_the_turns_out_so_that_each_comes_once(engine, monkeypatch):
    turns = list[int]()
    monkeypatch.setattr(Engine, "world", 3)
    for rank in range(3):
        monkeypatch.setattr(Engine, "rank", rank)
        turns += [engine.turn(step) for step in range(4)]
    assert sorted(turns) == list(range(12))
