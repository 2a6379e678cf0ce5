"""Queues of rows: what a line says, and what is wrong with one, by line and field."""

from __future__ import annotations

import pytest

from ripguard.benchmark.queue import Row, read_queue
from ripguard.errors import InputRefused, UsageError

GOOD = "dataset=cifar10 protocol=paper split=clean record=a"


def queue(folder, text):  # type: ignore[no-untyped-def]
    path = folder / "q.txt"
    path.write_text(text)
    return path


def test_rows(tmp_path):  # type: ignore[no-untyped-def]
    """In their order, with the lines they stand in; comments, quotes, settings that stand for themselves."""
    text = f"# rows\n\n{GOOD}  # the first\n{GOOD} seed=2 epochs=3 model=resnet18 protect='--scheme paper --limit 60'\n"
    one, two = read_queue(queue(tmp_path, text))
    assert one == Row("cifar10", "paper", "clean", "a", line=3)
    assert two == Row("cifar10", "paper", "clean", "a", 2, "none", "resnet18", 3, "--scheme paper --limit 60", 4)
    assert one.about == {"dataset": "cifar10", "protocol": "paper", "split": "clean", "record": "a"}


def test_a_folder_for_each(tmp_path):  # type: ignore[no-untyped-def]
    """Whatever decides a row decides its folder; its line and its record do not, so what was trained is kept."""
    lines = [GOOD, *(f"{GOOD} {more}" for more in ("seed=1", "defence=jpeg-10", "epochs=2", "protect='--scheme seal'"))]
    slugs = [row.slug for row in read_queue(queue(tmp_path, "\n".join(lines)))]
    assert len(set(slugs)) == len(lines)
    assert slugs[0].startswith("cifar10-paper-clean-0-")
    (moved,) = read_queue(queue(tmp_path, "\n\n" + GOOD.replace("record=a", "record=b")))
    assert moved.slug == slugs[0]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("dataset=cifar10 protocol=paper record=a", ": split is missing"),
        (f"{GOOD} splt=clean", ": expected one of dataset, .*, each as name=value, got 'splt=clean'"),
        (f"{GOOD} clean", ": expected one of dataset, .*, each as name=value, got 'clean'"),
        (f"{GOOD} line=3", ": expected one of dataset, .* got 'line=3'"),
        (f"{GOOD} split=clean", ", split: given twice"),
        (GOOD.replace("=clean", "=cleaned"), ", split: expected one of clean, protected, restored, got 'cleaned'"),
        (GOOD.replace("=paper", "=papers"), ", protocol: expected one of paper, .*, got 'papers'"),
        (GOOD.replace("=a", "=../a"), r", record: expected a name of letters, .*, got '\.\./a'"),
        (GOOD.replace("=cifar10", "="), ", dataset: expected a dataset or a folder, got ''"),
        (f"{GOOD} seed=1000", ", seed: expected a whole number from 0 to 999, got '1000'"),
        (f"{GOOD} seed=-1", ", seed: expected a whole number"),
        (f"{GOOD} epochs=0", ", epochs: expected a whole number above 0"),
        (f"{GOOD} defence=jpeg", ", defence: expected one of none, "),
        (f"{GOOD} model=resnet", ", model: expected one of "),
        (f"{GOOD} protect='--scheme paper", ": it cannot be split into words"),
        (GOOD, ": the same row as in line 1"),
    ],
)
def test_a_wrong_line(line, message, tmp_path):  # type: ignore[no-untyped-def]
    with pytest.raises(UsageError, match=r"q\.txt, line 3" + message):
        read_queue(queue(tmp_path, f"{GOOD}\n\n{line}\n"))


def test_no_queue(tmp_path):  # type: ignore[no-untyped-def]
    with pytest.raises(InputRefused, match=r"q\.txt holds no rows"):
        read_queue(queue(tmp_path, "# nothing\n"))
    with pytest.raises(InputRefused, match="cannot be read: No such file"):
        read_queue(tmp_path / "none.txt")
    (tmp_path / "q.txt").write_bytes(b"\xff")
    with pytest.raises(InputRefused, match="cannot be read: no UTF-8"):
        read_queue(tmp_path / "q.txt")
