"""What stands at the end of a run that failed."""

from textback.failures import last_words

SNAKEMAKE = """Error in rule passages:
    jobid: 9
    log: logs/one.log (check log file(s) for error details)
    shell:
Error in rule embed:
    log: logs/two.log (check log file(s) for error details)
Error in rule passages:
    log: logs/one.log (check log file(s) for error details)
"""


def test_every_failed_step_says_its_error_once_and_without_one_its_last_line(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "logs").mkdir()
    one = "12:00:01 begins\n12:00:02 textback: error: no room: free some\n12:00:03 ends\n"
    (tmp_path / "logs" / "one.log").write_text(one)
    (tmp_path / "logs" / "two.log").write_text("12:00:01 begins\n12:00:02 half done\n\n")
    (tmp_path / "run.log").write_text(SNAKEMAKE)
    assert last_words([tmp_path / "run.log"]) == [
        "logs/one.log: textback: error: no room: free some",
        "logs/two.log: half done",
    ]


def test_a_step_without_a_log_is_still_named(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "run.log").write_text(SNAKEMAKE)
    assert last_words([tmp_path / "run.log"])[1] == "logs/two.log: nothing was logged"
    assert last_words([tmp_path / "no.log"]) == []
