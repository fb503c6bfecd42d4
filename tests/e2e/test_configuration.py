"""lintel check, lintel schema and what a start with a bad file says."""

import json
import os
import pathlib
import re
import shutil
import subprocess

import jsonschema
import pytest
import yaml
from harness.certificates import Authority
from harness.daemon import command
from harness.environment import BINARY, ROOT

SAMPLES = sorted(path for path in (ROOT / "conf").rglob("*.yaml") if path.parent.name != "conf.d")
GOOD = """\
listeners:
  - name: web
    bind: ":8080"
    pool: site
pools:
  site: {servers: [127.0.0.1:9001]}
"""
#: One mistake each: the text, the place, and what the message must have in it.
MISTAKES = {
    "unknown key": (GOOD.replace("    pool:", "    pol: x\n    pool:"), (4, 5), 'unknown key "pol".*pool'),
    "unknown top key": (GOOD + "listener: []\n", (7, 1), 'unknown key "listener".*listeners'),
    "no unit": (GOOD.replace("    pool", "    timeouts: {idle: 75}\n    pool"), (4, 22), '"75" has no unit'),
    "size for a rate": (GOOD.replace("    pool", "    min_rates: {response: 1KiB}\n    pool"), (4, 27), '"1KiB" is not a rate'),
    "bad unit": (GOOD.replace("    pool", "    timeouts: {idle: 75x}\n    pool"), (4, 22), "75x"),
    "size without unit": (GOOD.replace("    pool", "    limits: {body_size: 10}\n    pool"), (4, 25), "unit"),
    "unknown pool": (GOOD.replace("pool: site", "pool: sit"), (4, 11), 'no pool "sit".*"site"'),
    "no servers": (GOOD.replace("[127.0.0.1:9001]", "[]"), (6, 19), "no servers"),
    "weights zero": (GOOD.replace("[127.0.0.1:9001]", "[{address: 127.0.0.1:9001, weight: 0}]"), (6, 19), "weight 0"),
    "twice": (GOOD + "pools: {}\n", (7, 1), 'key "pools" is given twice'),
    "bad address": (GOOD.replace(":9001", ":99999"), (6, 20), "above 65535"),
    "bad yaml": (GOOD + "  - [\n", None, ""),
    "tab": (GOOD + "\tx: 1\n", None, ""),
    "two actions": (GOOD.replace("    pool: site", "    routes: [{pool: site, respond: {}}]"), None, "respond"),
    "no action": (GOOD.replace("    pool: site", "    routes: [{match: {path: /}}]"), None, "pool"),
    "relative path": (GOOD.replace("    pool: site", "    routes: [{match: {path: x}, pool: site}]"), (4, 29), "begin with"),
    "two listeners of a name": (GOOD.replace("pools:", "  - {name: web, bind: \":8081\", pool: site}\npools:"), None, "web"),
    "bind twice": (GOOD.replace("pools:", "  - {name: two, bind: \":8080\", pool: site}\npools:"), None, "8080"),
    "admin for all": (GOOD + 'admin: {bind: "0.0.0.0:9901"}\n', (7, 15), "open to the network"),
    "no such variable": (GOOD + "workers: ${NO_SUCH_VARIABLE}\n", (7, 10), "NO_SUCH_VARIABLE"),
    "level": (GOOD + "log: {level: debugg}\n", (7, 14), '"debugg".*debug'),
    "version": (GOOD + "version: 2\n", (7, 10), "version"),
    "wrong type": (GOOD + "pools: [1]\n".replace("pools", "workers"), (7, 10), "workers"),
}


def write(directory, text, name="lintel.yaml"):
    file = pathlib.Path(directory) / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
    return file


@pytest.fixture(scope="module")
def schema():
    return json.loads(command("schema").stdout)


# --- check


def with_certificates(sample, directory):
    """A copy of a sample that names certificates, beside those; any other sample itself."""
    text = sample.read_text()
    pairs = re.findall(r"cert: ([\w./-]+), key: ([\w./-]+)", text)
    if not pairs:
        return sample
    authority = Authority(directory)
    for cert, key in pairs:
        issued = authority.issue("example.com", kind="rsa" if "rsa" in cert else "ecdsa")
        for issued_file, named in ((issued.cert, cert), (issued.key, key)):
            (directory / named).parent.mkdir(exist_ok=True)
            shutil.copy(issued_file, directory / named)
    for named in re.findall(r"\bca: ([\w./-]+)", text):
        shutil.copy(authority.file, directory / named)
    return write(directory, text)


@pytest.mark.parametrize("file", SAMPLES, ids=[str(path.relative_to(ROOT / "conf")) for path in SAMPLES])
def test_samples_are_valid(file, tmp_path):
    done = command("check", with_certificates(file, tmp_path))
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("ok: ")


@pytest.mark.parametrize("text,place,message", MISTAKES.values(), ids=MISTAKES)
def test_one_mistake_is_one_message_with_its_place(tmp_path, text, place, message):
    file = write(tmp_path, text)
    done = command("check", file)
    assert done.returncode == 1 and done.stdout == ""
    errors = [line for line in done.stderr.splitlines() if ": error: " in line]
    assert len(errors) == 1, done.stderr
    where = re.match(rf"{re.escape(str(file))}:(\d+):(\d+): error: ", errors[0])
    assert where, errors
    if place:
        assert tuple(map(int, where.groups())) == place, errors
    assert re.search(message, errors[0]), errors
    caret = done.stderr.splitlines()[2]
    assert caret.strip() == "^" and caret.index("^") - 2 == int(where[2]) - 1, done.stderr


def test_all_mistakes_in_one_run(tmp_path):
    text = """\
listeners:
  - name: web
    bind: ":80x"
    timeouts: {headr: 10s, idle: 75}
    routes:
      - match: {path: nope}
        pool: sites
pools:
  site:
    balance: leastconn
    servers: [127.0.0.1:99999]
workers: many
"""
    file = write(tmp_path, text)
    done = command("check", file)
    assert done.returncode == 1
    places = re.findall(rf"{re.escape(str(file))}:(\d+):\d+: error: ", done.stderr)
    assert list(map(int, places)) == [3, 4, 4, 6, 7, 10, 11, 12]
    report = json.loads(command("check", file, "--json").stdout)
    assert (report["valid"], report["errors"], len(report["diagnostics"])) == (False, 8, 8)
    assert [one["line"] for one in report["diagnostics"]] == list(map(int, places))


def test_good_file_as_json_and_with_defaults(tmp_path):
    file = write(tmp_path, GOOD)
    report = json.loads(command("check", file, "--json").stdout)
    assert (report["valid"], report["errors"]) == (True, 0)
    printed = command("check", file, "--print-defaults")
    assert printed.returncode == 0
    full = yaml.safe_load(printed.stdout)
    assert full["listeners"][0]["timeouts"]["idle"] in ("75s", "1m15s")
    again = write(tmp_path, printed.stdout, "full.yaml")
    assert command("check", again).returncode == 0
    assert command("check", again, "--print-defaults").stdout == printed.stdout


def test_include_and_environment(tmp_path):
    write(tmp_path, "pools:\n  site: {servers: ['${SITE:-127.0.0.1:1}']}\n", "conf.d/pool.yaml")
    file = write(tmp_path, "include: conf.d/*.yaml\nlisteners: [{name: web, bind: ':80', pool: site}]\n")
    for env, server in (({}, "127.0.0.1:1"), ({"SITE": "10.0.0.1:2"}, "10.0.0.1:2")):
        done = command("check", file, "--print-defaults", env=env)
        assert done.returncode == 0, done.stderr
        [found] = yaml.safe_load(done.stdout)["pools"]["site"]["servers"]
        assert (found if isinstance(found, str) else found["address"]) == server
    bad = command("check", file, env={"SITE": "nonsense"})
    assert bad.returncode == 1 and f"{tmp_path}/conf.d/pool.yaml:2:" in bad.stderr


def test_a_name_in_two_files_is_an_error_that_shows_both(tmp_path):
    write(tmp_path, "pools:\n  site: {servers: [127.0.0.1:1]}\n", "conf.d/pool.yaml")
    done = command("check", write(tmp_path, "include: [conf.d/*.yaml]\n" + GOOD))
    assert done.returncode == 1
    assert f"{tmp_path}/conf.d/pool.yaml:2:3" in done.stderr and f"{tmp_path}/lintel.yaml:7:3" in done.stderr


@pytest.mark.parametrize("content", [None, "", "a: [", "\x00\x01", "[]", "x", "- 1", "\xff" * 10])
def test_hopeless_files(tmp_path, content):
    file = tmp_path / "lintel.yaml"
    if content is not None:
        file.write_bytes(content.encode("latin-1"))
    done = command("check", file)
    assert done.returncode == 1 and "error: " in done.stderr


@pytest.mark.parametrize("arguments,status", [
    (["bogus"], 2), ([], 2), (["check"], 2), (["run", "--nonsense"], 2), (["run", "file.yaml"], 2), (["check", "a", "b"], 2),
    (["help"], 0), (["--help"], 0), (["help", "run"], 0), (["run", "--help"], 0), (["version"], 0), (["schema"], 0)])
def test_command_line(arguments, status):
    done = command(*arguments)
    assert done.returncode == status, done.stderr
    assert (done.stdout == "") == (status != 0) and (done.stderr == "") == (status == 0)


def test_nginx_habit(tmp_path):
    file = write(tmp_path, GOOD)
    assert command("-t", file).returncode == 0
    assert command("-c", file, "-t").returncode == 0


def test_run_with_a_bad_file_starts_nothing(tmp_path):
    done = command("run", "-c", write(tmp_path, GOOD.replace("pool: site", "pool: sit")))
    assert done.returncode == 1
    assert "lintel.yaml:4:11" in done.stderr and "nothing was started" in done.stderr


# --- schema


class Yaml12(yaml.SafeLoader):
    """As Lintel and editors read it: "on" and "off" are words, not truth values."""


Yaml12.yaml_implicit_resolvers = {
    first: [(tag, regexp) for tag, regexp in resolvers if first in "tTfF" or tag != "tag:yaml.org,2002:bool"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


@pytest.mark.parametrize("file", SAMPLES, ids=[str(path.relative_to(ROOT / "conf")) for path in SAMPLES])
def test_schema_accepts_the_samples(schema, file):
    jsonschema.validate(yaml.load(file.read_text(), Yaml12), schema, cls=jsonschema.Draft7Validator)


SEEDED = {
    "unknown key": lambda c: c["listeners"][0].update(pol="x"),
    "unknown top key": lambda c: c.update(listener=[]),
    "duration without unit": lambda c: c["listeners"][0].update(timeouts={"idle": 75}),
    "duration with a bad unit": lambda c: c["listeners"][0].update(timeouts={"idle": "75x"}),
    "rate without unit": lambda c: c["listeners"][0].update(min_rates={"response": 240}),
    "rate that is a size": lambda c: c["listeners"][0].update(min_rates={"response": "240B"}),
    "size without unit": lambda c: c["listeners"][0].update(limits={"body_size": 10}),
    "balance": lambda c: c["pools"]["site"].update(balance="leastconn"),
    "servers": lambda c: c["pools"]["site"].update(servers=8080),
    "status": lambda c: c["listeners"][0].update(routes=[{"redirect": {"status": 200}}]),
    "level": lambda c: c.update(log={"level": "loud"}),
    "workers": lambda c: c.update(workers=-1),
    "address": lambda c: c["listeners"][0].update(bind=["nonsense"]),
    "pool's name": lambda c: c["pools"].update({"Not Good": {"servers": []}}),
    "relative path": lambda c: c["listeners"][0].update(routes=[{"match": {"path": "x"}, "pool": "site"}]),
    "trusted": lambda c: c["listeners"][0].update(trusted_proxies=5),
    "type": lambda c: c.update(listeners={}),
}


@pytest.mark.parametrize("seed", SEEDED.values(), ids=SEEDED)
def test_schema_and_check_refuse_the_same(schema, tmp_path, seed):
    config = yaml.safe_load(GOOD)
    jsonschema.validate(config, schema, cls=jsonschema.Draft7Validator)
    seed(config)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(config, schema, cls=jsonschema.Draft7Validator)
    assert command("check", write(tmp_path, yaml.safe_dump(config))).returncode == 1


def test_schema_is_a_schema(schema):
    jsonschema.Draft7Validator.check_schema(schema)


def test_everything_has_a_description(schema):
    nodes = [schema, *schema["definitions"].values()]
    nodes += [one for node in nodes for one in node.get("anyOf", [])]
    for node in nodes:
        for name, value in node.get("properties", {}).items():
            assert value.get("description"), name


def test_manual_renders_without_warnings(tmp_path):
    page = write(tmp_path, command("schema", "--man").stdout, "lintel.yaml.5")
    if not shutil.which("groff"):
        pytest.skip("groff is not installed")
    done = subprocess.run(["groff", "-man", "-ww", "-z", "-Tutf8", page], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_generated_files_are_up_to_date():
    done = subprocess.run([ROOT / "tools/generate", "--check"], env={**os.environ, "LINTEL": str(BINARY)},
                          capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
