"""The notebooks as they are committed: small, without outputs, and whole."""

import ast
from pathlib import Path

import nbformat
import pytest

EXAMPLES = Path(__file__).parents[2] / "examples"
NOTEBOOKS = ["textgen.ipynb", "classifier.ipynb"]


@pytest.fixture(params=NOTEBOOKS)
def notebook(request: pytest.FixtureRequest) -> nbformat.NotebookNode:
    text = (EXAMPLES / request.param).read_text(encoding="utf-8")
    notebook: nbformat.NotebookNode = nbformat.reads(text, as_version=4)  # type: ignore[no-untyped-call]
    return notebook


def code(notebook: nbformat.NotebookNode) -> list[str]:
    return [cell.source for cell in notebook.cells if cell.cell_type == "code"]


def test_every_notebook_is_tested_here() -> None:
    assert sorted(path.name for path in EXAMPLES.glob("*.ipynb")) == sorted(NOTEBOOKS)


def test_it_is_valid(notebook: nbformat.NotebookNode) -> None:
    nbformat.validate(notebook)


def test_it_is_committed_without_outputs(notebook: nbformat.NotebookNode) -> None:
    for cell in notebook.cells:
        if cell.cell_type == "code":
            assert cell.outputs == []
            assert cell.execution_count is None


def test_its_cells_parse_and_are_short(notebook: nbformat.NotebookNode) -> None:
    for source in code(notebook):
        ast.parse(source)
        assert len(source.splitlines()) <= 30


def test_it_holds_no_address_and_no_password(notebook: nbformat.NotebookNode) -> None:
    everything = "\n".join(code(notebook))
    for word in ("http:", "https:", "token", "password"):
        assert word not in everything
