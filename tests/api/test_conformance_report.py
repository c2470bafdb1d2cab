"""What `make test-api` makes of its suites' scores."""

import json
import sys

import pytest

from conformance import report


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Run a suite of this text."""
    monkeypatch.setattr(report, "ROOT", tmp_path)
    (tmp_path / "conformance").mkdir()

    def of(text):
        (tmp_path / "conformance/suite.py").write_text(text)
        return report.run(suite("suite.py"), {})

    return of


def suite(file):
    return report.Suite("audits", "all of it", (sys.executable, f"conformance/{file}"))


def test_the_last_line_is_the_score_and_the_exit_status_says_whether_it_is_enough(run):
    said = {"suite": "audits", "version": "1.0", "passed": 2, "of": 3, "failed": ["the third"]}
    text = f"print('hello'); print('''{json.dumps(said)}'''); raise SystemExit(%s)"

    assert run(text % 0) == report.Score(met=True, **said)
    assert run(text % 1) == report.Score(met=False, **said)


@pytest.mark.parametrize("text", ["", "print('all is well')", "print('{}')", "print('null')", "raise SystemExit(0)"])
def test_a_suite_without_a_score_has_failed(run, text):
    score = run(text)

    assert not score.met
    assert score.failed == ["it ended with 0 and no score"]


def test_a_suite_that_is_not_there_has_failed(run):
    score = report.run(suite("nothing.py"), {})

    assert not score.met
    assert score.failed == ["conformance/nothing.py is not there"]


def test_the_report_names_what_failed_and_what_is_left_out(run):
    score = report.Score(
        "audits", False, "1.0", 1, 3, failed=["the\nthird"], off={"the second": "It cannot be."}, note="quickly"
    )

    text = report.text({suite("suite.py"): score}, 5)

    assert "| audits | 1.0 | 1 | 3 | **missed** | all of it; quickly; 1 left out on purpose |" in text
    assert "- audits: the third\n" in text
    assert "- audits, the second: It cannot be.\n" in text
