"""The house keeps its shape: imports go downstairs only, nothing dangerous is called, and every room has its tests."""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[1]
SOURCE = REPOSITORY / "src" / "smalti"
MODULES = sorted(SOURCE.rglob("*.py"))
FLOORS = (
    ("core",),
    ("audio", "features", "patterns", "config"),
    ("nn", "quantize", "losses", "store"),
    ("data", "train", "generate", "search", "evaluate", "transcode", "play"),
    ("systems",),
    ("cli", "demo", "app"),
)
FLOOR = {room: floor for floor, rooms in enumerate(FLOORS) for room in rooms}
NEIGHBOURS = {
    ("train", "data"),
    ("transcode", "data"),
    ("transcode", "evaluate"),
    ("play", "generate"),
    ("cli", "demo"),
}
TEST_ROOMS = {"contract", "faults", "golden", "journeys"}


def name_of(path: Path) -> str:
    return str(path.relative_to(REPOSITORY))


def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def room_of(path: Path) -> str:
    parts = path.relative_to(SOURCE).parts
    return parts[0].removesuffix(".py")


def imports(path: Path) -> Iterator[str]:
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{name_of(path)}:{node.lineno} is a relative import; write it out"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def functions(path: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def test_every_room_stands_on_a_floor() -> None:
    rooms = {room_of(path) for path in MODULES} - {"__init__", "__main__"}
    assert rooms <= FLOOR.keys()


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_imports_go_downstairs_only(path: Path) -> None:
    room = room_of(path)
    if room.startswith("__"):  # the front door shows what lies in every room
        return
    for name in imports(path):
        parts = name.split(".")
        if parts[0] != "smalti" or len(parts) < 2 or parts[1] not in FLOOR:
            continue
        below = FLOOR[parts[1]] < FLOOR[room]
        assert below or parts[1] == room or (room, parts[1]) in NEIGHBOURS, f"{room} may not import {name}"


def test_systems_never_import_systems() -> None:
    for path in (SOURCE / "systems").glob("*/**/*.py"):
        own = path.relative_to(SOURCE / "systems").parts[0]
        for name in imports(path):
            if name.startswith("smalti.systems."):
                assert name.split(".")[2] == own, f"{name_of(path)} imports {name}"


def test_rooms_and_tests_mirror_each_other() -> None:
    rooms = {room_of(path) for path in MODULES} - {"__init__", "__main__"}
    tested = {
        path.parent.relative_to(REPOSITORY / "tests").parts[0] for path in _tests() if path.parent.name != "tests"
    }
    assert rooms - tested == set(), "rooms without tests"
    assert tested - rooms - TEST_ROOMS == set(), "tests of no room"


def test_names_of_test_files_are_unique() -> None:
    names = [path.name for path in _tests()]
    assert sorted(names) == sorted(set(names))


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_files_and_functions_stay_small(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 400
    for node in functions(path):
        first = node.body[1] if ast.get_docstring(node) and len(node.body) > 1 else node.body[0]
        assert (node.end_lineno or 0) - first.lineno < 60, f"{node.name} at line {node.lineno}"
        arguments = [a.arg for a in (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs)]
        given = [a for a in arguments if a not in ("self", "cls")]
        # a verb's signature is its list of options
        assert len(given) <= 8 or room_of(path) == "cli", f"{node.name} has {len(given)} parameters"


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_what_is_public_says_what_it_is(path: Path) -> None:
    module = tree(path)
    assert ast.get_docstring(module), "a module opens with why it exists"
    for node in module.body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_"):
            assert ast.get_docstring(node), f"{node.name} at line {node.lineno} has no docstring"


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_nothing_that_could_run_foreign_code_is_called(path: Path) -> None:
    assert not {"pickle", "dill", "joblib", "marshal", "shelve"} & {name.split(".")[0] for name in imports(path)}
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Call):
            called = ast.unparse(node.func)
            where = f"{called} at line {node.lineno}"
            assert called not in {"eval", "exec", "compile", "__import__", "print", "exit", "quit", "yaml.load"}, where
            assert called not in {"os.system", "torch.save", "builtins.eval", "builtins.exec"}, where
            keywords = {k.arg: ast.unparse(k.value) for k in node.keywords}
            assert keywords.get("allow_pickle", "False") == "False", where
            assert keywords.get("shell", "False") == "False", where
            assert called != "torch.load" or keywords.get("weights_only") == "True", where
        if isinstance(node, ast.ImportFrom):
            assert node.module != "__future__", "annotations must exist at run time for the shape checks"


def test_only_the_command_line_ends_the_process() -> None:
    for path in MODULES:
        if room_of(path) not in ("cli", "__main__"):
            calls = {ast.unparse(n.func) for n in ast.walk(tree(path)) if isinstance(n, ast.Call)}
            assert not calls & {"sys.exit", "os._exit"}, name_of(path)


def test_no_file_remembers_where_it_was_written() -> None:
    absolute = re.compile(r"(?<![\w.~])/(?:work|root|home|Users|mnt)/")
    unfinished = re.compile(r"\b(?:TO" + r"DO|FIX" + r"ME|X" + r"XX)\b")
    for path in _text_files():
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
            assert path == Path(__file__) or not absolute.search(line), f"{name_of(path)}:{number}"
            assert not unfinished.search(line), f"{name_of(path)}:{number}"


@pytest.mark.parametrize("module", ["smalti", "smalti.cli"])
def test_importing_the_door_does_not_import_torch(module: str) -> None:
    code = f"import sys, {module}; sys.exit(any(m in sys.modules for m in ('torch', 'numpy', 'pyarrow')))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_the_list_of_public_names_is_what_the_package_gives() -> None:
    import smalti

    for name in smalti.__all__:
        assert getattr(smalti, name) is not None


def _tests() -> list[Path]:
    return sorted((REPOSITORY / "tests").rglob("test_*.py"))


def _text_files() -> Iterator[Path]:
    for folder in ("src", "tests", "benchmarks", "journeys"):
        for suffix in ("py", "toml", "md", "csv"):
            yield from (REPOSITORY / folder).rglob(f"*.{suffix}")
    yield from (path for path in REPOSITORY.glob("*") if path.suffix in (".md", ".toml", ".txt"))
