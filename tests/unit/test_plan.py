"""What a study needs before it runs: counted exactly, at most, or within a stated factor."""

import json
import subprocess
import sys
from io import StringIO
from pathlib import Path

import pytest
import yaml
from conftest import BACKBONES
from rich.console import Console

from textback import hub, prices, specs
from textback.bench import choices
from textback.bench.models import random_data
from textback.cells import documents_file, inversions
from textback.cli import main
from textback.config import Backbone, Training, read_study
from textback.device import bulk_precision
from textback.errors import TextbackError
from textback.inverter import training
from textback.inverter.model import Inverter
from textback.inverter.state import save_model
from textback.plan import at_hand, estimate, memory, networks, shown, throughput, trials, work
from textback.plan.jobs import jobs
from textback.plan.networks import Network
from textback.plan.throughput import Machine, find_machine, finished_rate
from textback.plan.work import Task
from textback.studies import status

ROOT = Path(__file__).parents[2]
AWAY = find_machine("cpu", 1e14)
PAID = {"kind": "openai", "model": "small", "dimension": 384, "cased": True, "price": 0.02}


@pytest.fixture
def config(tmp_path, monkeypatch):
    """The default study, in a folder without results."""
    monkeypatch.chdir(tmp_path)
    return yaml.safe_load((ROOT / "config.yaml").read_text())


@pytest.fixture
def no_hub(monkeypatch):
    monkeypatch.setattr(hub, "reachable", lambda: False)


def planned(config, machine=AWAY):
    return estimate.plan(read_study(config), machine)


def steps(found):
    return {step.name: step for step in found.steps}


@pytest.mark.parametrize("part", ["hypothesizer", "corrector"])
@pytest.mark.parametrize("name", BACKBONES)
@pytest.mark.parametrize("length", [1, 7])
def test_operations_are_those_that_the_trainer_counts(name, part, length):
    network = Network(BACKBONES[name], 300, 24, trials_ways(part))
    model = Inverter(network.entry, network.vocabulary, network.dimension, network.ways)
    counted = training.flops_per_example(model, random_data(part, 4, length, 300, 24, "cpu"))
    assert networks.flops_per_example(network, length) == counted


def trials_ways(part):
    return {name: ways for ways, name in trials.PARTS.items()}[part]


@pytest.mark.parametrize("name", BACKBONES)
def test_a_models_file_is_as_large_as_said(name, tmp_path):
    network = Network(BACKBONES[name], 300, 24, 3)
    save_model(tmp_path / "model.safetensors", networks.new(network))
    written = (tmp_path / "model.safetensors").stat().st_size
    assert networks.stored_bytes(network) == pytest.approx(written, abs=15_000)


def test_a_budget_in_operations_is_planned_as_it_is_trained():
    network = Network(Backbone(size="toy"), 300, 24, 1)
    one = networks.flops_per_example(network, 4)
    budget = Training(flops=1000.4 * one, batch=64)
    assert networks.training_flops(network, 4, budget) == 16 * 64 * one


def test_what_cells_share_is_done_once(config):
    one = steps(planned(config | {"reductions": ["native"], "lengths": [4]}))
    several = steps(planned(config | {"lengths": [4], "seeds": [0, 1]}))
    jobs_of = {name: step.jobs for name, step in several.items()}
    assert (jobs_of["embed"], jobs_of["passages"], jobs_of["null_model"]) == (1, 1, 2)
    assert (jobs_of["hypothesizer"], jobs_of["invert"], jobs_of["score"]) == (4, 8, 4)
    assert several["embed"].queries == one["embed"].queries
    assert several["null_model"].flops == 2 * one["null_model"].flops


def test_an_inverter_that_shares_a_hypothesizer_trains_none(config):
    nano = config["inverters"]["nano"]
    sized = {"backbone": nano["backbone"] | {"download": 9}}  # which makes it no other backbone
    config["inverters"]["other"] = nano | {"hypothesizer_of": "nano"} | sized
    config |= {"use_inverters": ["nano", "other"], "figures": [], "lengths": [4]}
    found = steps(planned(config | {"reductions": ["native"]}))
    assert (found["null_model"].jobs, found["hypothesizer"].jobs, found["corrector"].jobs) == (
        1,
        1,
        2,
    )


def test_without_rounds_no_corrector_is_trained(config):
    config["evaluation"] |= {"rounds": 0}
    found = steps(planned(config))
    assert "corrector" not in found and "hypotheses" not in found
    assert found["invert"].queries == 8 * 500


@pytest.mark.parametrize("mode", ["elitist", "paper"])
def test_queries_and_dollars_are_those_of_the_paid_estimate(config, mode):
    config["embedders"]["paid"] = PAID
    config["evaluation"] |= {"mode": mode}
    study = read_study(config | {"use_embedders": ["paid"], "figures": []})
    found, (asked,) = estimate.plan(study, AWAY), prices.totals(study)
    assert found.queries == asked.texts
    assert found.tokens == {"paid": pytest.approx(asked.tokens)}
    assert found.dollars == {"paid": pytest.approx(asked.tokens * 0.02 / 1e6)}
    assert {d.rate.how for d in steps(found)["embed"].doing} == {"endpoint"}


def test_one_parent_a_round_asks_for_its_beam_only(config):
    config["evaluation"] |= {"mode": "paper", "parents": "one", "rounds": 50}
    found = planned(config | {"beams": [8], "lengths": [4], "reductions": ["native"]})
    assert steps(found)["invert"].queries == 500 * (1 + 50 * 8)


def test_targets_are_embedded_once_and_inverted_at_their_length(config):
    config |= {"target_lengths": [4, 16], "lengths": [4], "beams": [1], "seeds": [0, 1]}
    found = steps(planned(config | {"reductions": ["native"], "figures": []}))
    assert (found["embed"].jobs, found["embed_target"].jobs, found["invert"].jobs) == (1, 1, 4)
    assert {doing.task.length for doing in found["invert"].doing} == {4, 16}
    assert found["embed_target"].queries == 500 + prices.GATE_TEXTS


def test_what_is_finished_is_subtracted_and_no_longer_needed(config):
    before = planned(config)
    documents = documents_file("state-of-the-union")
    documents.parent.mkdir(parents=True)
    documents.touch()
    (embed,) = (job for job in jobs(read_study(config)) if job.step == "embed" and job.length == 4)
    embed.product.parent.mkdir(parents=True)
    embed.product.touch()
    after = planned(config)
    assert (steps(after)["corpus"].finished, steps(after)["embed"].finished) == (1, 1)
    assert steps(after)["embed"].queries * 2 == steps(before)["embed"].queries
    assert after.disk["embeddings"] < 0.6 * before.disk["embeddings"]
    assert [need.what for need in before.needed] == [
        "corpus 'state-of-the-union'",
        "embedder 'minilm'",
    ]
    assert [need.what for need in after.needed] == ["embedder 'minilm'"]


def test_a_machine_that_is_not_at_hand_is_as_fast_as_it_is_said_to_be(config, monkeypatch):
    for trial in ("training", "writing", "embedding"):
        monkeypatch.setattr(trials, trial, None)  # to call one would be an error
    slow, fast = (planned(config, find_machine("cpu", flops)) for flops in (1e10, 4e10))
    working = [found.seconds - found.starting for found in (slow, fast)]
    assert working[0] == pytest.approx(4 * working[1])
    assert {how for step in slow.steps for how in estimate.hows(step)} == {"reckoned"}


def test_finished_jobs_tell_the_rate_before_any_trial_and_only_of_this_device(config):
    """Of the same inverter, part and length, whatever the corpus and the seed."""
    cells = Path("results/cells/other/minilm/len4/pca64/nano")
    for seed, device, seconds in ((0, "here", 2.0), (1, "here", 8.0), (2, "elsewhere", 1e9)):
        folder = cells / f"seed{seed}" / "hypothesizer"
        folder.mkdir(parents=True)
        record = {"device": device, "train_flops": 50, "train_seconds": seconds}
        (folder / "costs.json").write_text(json.dumps(record))
    task = Task("train", 4, "nano", "hypothesizer")
    assert finished_rate(task, "here") == 10.0
    for other in (
        Task("train", 8, "nano", "hypothesizer"),
        Task("train", 4, "nano", "corrector"),
        Task("train", 4, "tiny", "hypothesizer"),
    ):
        assert finished_rate(other, "here") is None
    here = Machine("here", "cpu", 1e11)
    rates = throughput.Throughput(read_study(config), here, lambda text: None)
    rate = rates(task, Network(Backbone(), 2048, 384, 1))
    assert (rate.value, rate.how) == (10.0, "measured")


def test_finished_inversions_tell_the_rate_of_their_beam_and_length(config):
    study = read_study(config | {"target_lengths": [4, 16], "lengths": [4], "figures": []})
    for seconds, inversion in enumerate(inversions(study), 1):
        inversion.folder.mkdir(parents=True)
        record = {"device": "here", "embedder_queries": 60, "invert_seconds": seconds}
        (inversion.folder / "costs.json").write_text(json.dumps(record))
    found = {}
    for job in jobs(study):
        if job.inversion is not None:
            (written,) = work.of(study, job)
            found[job.length, job.inversion.beam] = finished_rate(written.task, "here")
    inverted = {(i.target.length, i.beam): 0 for i in inversions(study)}
    assert set(found) == set(inverted) and len(found) == 4
    for seconds, inversion in enumerate(inversions(study), 1):
        inverted[inversion.target.length, inversion.beam] += seconds
    assert found == {key: 120 / seconds for key, seconds in inverted.items()}


def test_a_search_is_reckoned_with_what_it_decodes_and_not_only_with_what_it_embeds(config):
    rates = throughput.Throughput(read_study(config), AWAY, lambda text: None)
    network = Network(Backbone(), 2048, 384, 3)
    seconds = {
        breadth: 1 / rates(task, network).value
        for breadth in (1, 2, 4)
        for task in [writing(search=f"elitist-breadth{breadth}-patience3-no-edits")]
    }
    assert (
        seconds[4] - seconds[2] == pytest.approx(2 * (seconds[2] - seconds[1])) and seconds[1] > 0
    )
    assert seconds[2] > seconds[1]
    assert 1 / rates(writing(search="paper"), network).value == pytest.approx(seconds[1])
    edited = 1 / rates(writing(search="elitist-breadth2-patience3"), network).value
    assert edited > seconds[2]


@pytest.mark.parametrize(
    ("beam", "written", "made"), [(1, 16, 62.72), (2, 8, 31.36), (4, 4, 9.84), (8, 4, 6.92)]
)
def test_a_narrow_beam_makes_more_texts_for_each_that_it_embeds(beam, written, made):
    assert writing("elitist-breadth4-patience3-no-edits", beam).made == written
    assert writing("elitist-breadth4-patience3", beam).made == pytest.approx(made)  # with its edits
    assert writing("paper", beam).made == 1


def writing(search, beam=4):
    return Task("write", 8, "nano", "corrector", "minilm", beam, search)


def test_a_trial_that_would_take_long_is_not_made_but_reckoned(config, monkeypatch):
    monkeypatch.setattr(trials, "PATIENCE", 0.0)
    here = Machine("here", "cpu", 1e11)
    rates = throughput.Throughput(read_study(config), here, lambda text: None)
    network = Network(Backbone(), 2048, 384, 1)
    rate = rates(Task("train", 4, "nano", "hypothesizer"), network)
    assert (rate.value, rate.how) == (pytest.approx(1e11 * throughput.TRAINING_SHARE), "reckoned")


def test_a_trial_trains_writes_and_embeds_for_real(config, monkeypatch):
    monkeypatch.setattr(trials, "SECONDS", 0.05)
    network = Network(Backbone(size="toy"), 300, 24, 3)
    budget = Training(examples=640, batch=16)
    flops = trials.training(network, budget, 4, "cpu", 1e12)
    assert flops is not None and flops > 1e6
    texts = trials.writing(network, 4, 2, "cpu", 1e9)
    assert texts is not None and texts > 1
    entry = read_study(config).embedders["minilm"]
    assert trials.embedding("minilm", entry, 4, "cpu") > 1


def test_all_that_is_missing_is_named_in_one_line_before_anything_runs(config, no_hub):
    catalogue = yaml.safe_load((ROOT / "config/catalogue.yaml").read_text())
    for section in ("corpora", "embedders"):
        config[section] |= catalogue[section]
    study = read_study(
        config
        | {"use_corpora": ["nq"], "use_embedders": ["gtr-base"], "use_inverters": ["paper"]}
        | {"use_retrieval_sets": ["scifact"], "figures": []}
    )
    with pytest.raises(TextbackError) as error:
        at_hand.check_all_at_hand(study)
    said = str(error.value)
    assert "\n" not in said
    for name in (
        *("corpus 'nq' (jxm/nq_corpus_dpr)", "tokenizer 't5' (google-t5/t5-base)"),
        *("embedder 'gtr-base' (sentence-transformers/gtr-t5-base)", "scifact.zip"),
        *("backbone of inverter 'paper'", "hf download", "--repo-type dataset", "HF_HOME"),
    ):
        assert name in said, name


def test_the_status_of_a_study_tells_what_a_run_would_lack(config, no_hub, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    own = {"kind": "files", "folder": "letters", "glob": "*.txt"}
    config["corpora"]["letters"] = own
    study = read_study(config | {"use_corpora": ["letters"], "figures": []})
    console = Console(record=True, file=StringIO())
    status.show(study, console, all_cells=False)
    assert "Not at hand: corpus 'letters': " in console.export_text()
    (tmp_path / "letters").mkdir()
    (tmp_path / "letters" / "first.txt").write_text("dear sir")
    status.show(study, console, all_cells=False)
    assert "Not at hand" not in console.export_text()


def test_of_much_that_is_missing_the_line_names_a_few_and_counts_the_rest(config, no_hub):
    catalogue = yaml.safe_load((ROOT / "config/catalogue.yaml").read_text())
    config["embedders"] |= catalogue["embedders"]
    for i in range(9):
        config["corpora"][f"far{i}"] = {"kind": "huggingface", "dataset": f"some/texts{i}"}
        config["retrieval_sets"] = config.get("retrieval_sets", {}) | {
            f"set{i}": {"folder": f"f{i}"}
        }
    many = {"use_corpora": [f"far{i}" for i in range(9)]}
    many |= {"use_retrieval_sets": [f"set{i}" for i in range(9)], "figures": []}
    with pytest.raises(TextbackError) as error:
        at_hand.check_all_at_hand(read_study(config | many))
    said = str(error.value)
    assert "\n" not in said and len(said) < 1000
    assert (
        "corpus 'far3' (some/texts3) and 5 more (`textback plan`, with the same configuration, lists all): where"
        in said
    )
    assert "retrieval set f1" in said and "f2" not in said
    assert (
        "; and 7 more (`textback plan`, with the same configuration, lists all); not on this machine"
        in said
    )


def test_a_key_that_is_not_set_is_told_at_once_where_a_step_will_ask_for_it(config, monkeypatch):
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    config["embedders"]["paid"] = PAID
    study = read_study(config | {"use_embedders": ["paid", "minilm"], "figures": []})
    with pytest.raises(TextbackError, match="'paid': the environment variable OPENAI_API_KEY is"):
        at_hand.check_all_at_hand(study)
    wheres = {need.what: need.where for need in at_hand.needed(study)}
    assert wheres["embedder 'paid'"] == "an endpoint without its key"
    monkeypatch.setenv("OPENAI_API_KEY", "any")
    at_hand.check_all_at_hand(study)
    monkeypatch.delenv("OPENAI_API_KEY")
    for job in jobs(study):
        if job.step in at_hand.EMBEDDING and job.embedder == "paid":
            job.product.parent.mkdir(parents=True, exist_ok=True)
            job.product.write_text("{}")
    at_hand.check_all_at_hand(study)


def test_one_missing_model_is_fetched_by_the_command_that_is_named(config, no_hub):
    config["inverters"]["nano"]["backbone"] = {"pretrained": "some/llama", "revision": "v1"}
    with pytest.raises(TextbackError, match="run `hf download some/llama --local-dir FOLDER`"):
        at_hand.check_all_at_hand(read_study(config))


def test_what_the_hub_has_is_a_download_whose_size_is_told_or_unknown(config, monkeypatch):
    monkeypatch.setattr(hub, "reachable", lambda: True)
    config["inverters"]["nano"]["backbone"] = {"pretrained": "google-t5/t5-base", "download": 892}
    config["corpora"]["far"] = {"kind": "huggingface", "dataset": "some/texts"}
    study = read_study(config | {"use_corpora": ["far"]})
    needs = {need.what: (need.where, need.megabytes) for need in at_hand.needed(study)}
    assert needs["corpus 'far'"] == ("to download", None)
    assert needs["backbone of inverter 'nano'"] == ("to download", 892)
    at_hand.check_all_at_hand(study)


def test_a_model_that_several_inverters_have_is_downloaded_once(config, monkeypatch):
    monkeypatch.setattr(hub, "reachable", lambda: True)
    backbone = {"pretrained": "google-t5/t5-base"}
    for name, size in (("a", {}), ("b", {"download": 892}), ("c", {"download": 892})):
        config["inverters"][name] = config["inverters"]["nano"] | {"backbone": backbone | size}
    config |= {"use_inverters": ["a", "b", "c"], "figures": [], "lengths": [4]}
    found = planned(config | {"reductions": ["native"]})
    (row,) = (row for row in shown._rows(found) if row[0] == "downloads")
    assert row == ("downloads", "about 892 MB", "")
    backbones = [need for need in found.needed if "backbone" in need.what]
    assert [(need.what, need.megabytes) for need in backbones] == [
        ("backbone of inverter 'a'", 892)
    ]


def test_the_sums_count_what_cannot_be_had_and_the_table_names_it(config, no_hub):
    config["corpora"]["far"] = {"kind": "huggingface", "dataset": "some/texts"}
    pretrained = {"pretrained": "google-t5/t5-base", "download": 892}
    config["inverters"]["nano"]["backbone"] = pretrained
    found = planned(config | {"use_corpora": ["far"], "figures": []})
    (row,) = (row for row in shown._rows(found) if row[0] == "downloads")
    said = "and 1 of unknown size; 2 not to be had from here"
    assert row == ("downloads", "about 892 MB", said)
    named = {need.name for need in found.needed if need.where == "missing"}
    assert named == {"some/texts", "google-t5/t5-base"}


def test_a_model_in_a_folder_or_in_the_cache_is_at_hand(config, no_hub, tmp_path, monkeypatch):
    snapshot = tmp_path / "cache" / "models--some--model" / "snapshots" / "abc"
    snapshot.mkdir(parents=True)
    for name in ("config.json", "model.safetensors"):
        (snapshot / name).touch()
    refs = snapshot.parents[1] / "refs"
    refs.mkdir()
    (refs / "main").write_text("abc")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "cache"))
    assert hub.has_weights("some/model") and not hub.has_weights("some/other")
    assert not hub.has_weights("some/model", "v2")
    (snapshot / "model.safetensors").unlink()
    assert not hub.has_weights("some/model")


def test_the_size_of_a_download_makes_nothing_anew(config):
    def told(megabytes):
        config["tokenizers"]["t5"]["download"] = megabytes
        config["inverters"]["paper"]["backbone"]["download"] = megabytes
        config["embedders"]["minilm"]["download"] = megabytes
        config["corpora"]["far"] = {
            "kind": "huggingface",
            "dataset": "some/texts",
            "download": megabytes,
        }
        study = read_study(config)
        return (
            specs.tokenizer(study, "t5"),
            specs.training(study, "paper", "hypothesizer", 0),
            specs.embed(study, "minilm", 4),
            specs.corpus(study, "far"),
        )

    assert told(1.0) == told(2.0)


def test_a_pretrained_backbone_of_unknown_shape_is_said_to_be_guessed(config, no_hub, monkeypatch):
    monkeypatch.setattr(networks, "UNKNOWN", "toy")  # to be fast
    config["inverters"]["nano"]["backbone"] = {"pretrained": "some/llama"}
    (guessed,) = (note for note in planned(config).notes if "some/llama" in note)
    assert "T5-toy" in guessed
    assert networks.is_guessed(Backbone(pretrained="some/llama"))
    assert not networks.is_guessed(Backbone(pretrained="google-t5/t5-base"))
    assert not networks.is_guessed(Backbone())


@pytest.mark.parametrize("part, family", [("corrector", "llama"), ("hypothesizer", "t5")])
def test_the_memory_of_a_training_is_within_a_third_of_its_peak(part, family):
    size, length, batch, optimizer = "mini", 16, 64, "adamw"
    program = Path(__file__).with_name("measured_peak.py")
    arguments = [size, family, part, str(length), str(batch), optimizer]
    done = subprocess.run(
        [sys.executable, str(program), *arguments], capture_output=True, text=True, check=True
    )
    network = Network(Backbone(family=family, size=size), 2048, 384, trials_ways(part))
    budget = choices.budget(optimizer, batch)
    bf16 = bulk_precision("cpu")._enabled
    said = (
        networks.stored_bytes(network)
        + 4 * networks.parameters(network)
        + networks.optimizer_bytes(network, budget)
        + memory.activations(network, length, batch, bf16)
        + memory.logits(network, length, batch, "cpu")
    )
    assert said == pytest.approx(int(done.stdout), rel=1 / 3)


def test_the_memory_of_a_correctors_data_is_what_they_take(config):
    """Random data lie as a study's do."""
    config["corpora"]["state-of-the-union"]["passages"] |= {"train": 50}
    config["inverters"]["nano"]["corrector"] |= {"passages": 40, "hypotheses": 2}
    study = read_study(config)
    job = next(job for job in jobs(study) if job.step == "corrector")
    native = study.embedders[job.embedder].dimension
    laid = random_data("corrector", 80, job.length, 300, native, "cpu")
    assert memory._data(study, job) == sum(tensor.nbytes for tensor in laid.tensors)


def test_the_largest_training_tells_the_memory(config):
    config["inverters"]["nano"]["hypothesizer"] |= {"batch": 4096, "examples": 56_000}
    found = planned(config | {"lengths": [4, 8]}).memory
    assert (found.job.step, found.job.length) == ("hypothesizer", 8)


def test_hours_and_sizes_are_shown_with_the_digits_that_count():
    assert [shown.hours(s) for s in (0, 20, 1200, 9000, 90_000, 3.6e6)] == [
        *("0.00", "< 0.01", "0.33", "2.5", "25", "1,000"),
    ]
    assert [shown.size(n) for n in (0, 999, 1000, 999_900, 9.96e6, 2.5e9)] == [
        *("0 B", "999 B", "1.0 kB", "1.0 MB", "10 MB", "2.5 GB"),
    ]


def run(monkeypatch, capfd, *arguments):
    monkeypatch.setattr(sys, "argv", ["textback", "plan", *arguments])
    with pytest.raises(SystemExit) as end:
        main()
    return end.value.code or 0, capfd.readouterr()


def test_the_command_shows_the_plan_and_writes_it_as_json(config, monkeypatch, capfd):
    Path("config.yaml").write_text(yaml.safe_dump(config))
    Path("mine.yaml").write_text("study: mine\nlengths: [4]\n")
    code, said = run(monkeypatch, capfd, "mine.yaml", "--assume-flops", "4e14", "--json", "p.json")
    assert code == 0, said.err
    for text in ("Study mine: 2 cells", "a GPU of 4e+14 FLOP/s", "corrector", "GPU-hours", "sotu"):
        assert text in said.out, text
    written = json.loads(Path("p.json").read_text())
    assert written["cells"] == 2 and written["embedder_queries_at_most"] > 1e5
    assert written["train_flops"] == sum(step["train_flops"] for step in written["steps"])
    code, said = run(monkeypatch, capfd, "none.yaml")
    assert code == 1 and "none.yaml" in said.err and "Traceback" not in said.err


def test_a_retrieval_set_is_counted_where_it_is_at_hand(config):
    study = config | {"use_retrieval_sets": ["scifact"], "figures": []}
    assert any("not counted: retrieval sets scifact" in note for note in planned(study).notes)
    folder = Path(config["retrieval_sets"]["scifact"]["folder"])
    (folder / "qrels").mkdir(parents=True)
    (folder / "corpus.jsonl").write_text('{"_id": "d", "text": "one two"}\n')
    (folder / "queries.jsonl").write_text('{"_id": "q", "text": "one"}\n')
    (folder / "qrels/test.tsv").write_text("q\td\t1\n")
    work._text_bytes.cache_clear()
    found = planned(study)
    assert not [note for note in found.notes if "scifact" in note]
    assert steps(found)["embed_retrieval"].queries == 2 + prices.GATE_TEXTS
