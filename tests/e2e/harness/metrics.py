"""A strict reader of Prometheus' text format 0.0.4: what is not exactly right is an error."""

import math
import re

NAME = r"[a-zA-Z_:][a-zA-Z0-9_:]*"
SAMPLE = re.compile(rf"({NAME})(?:\{{(.*)\}})? (\S+)")
LABEL = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\["\\n])*)"(,|$)')
SUFFIXES = {"histogram": ("_bucket", "_sum", "_count"), "counter": ("",), "gauge": ("",)}


class Metrics(dict):
    """Values by (name, frozenset of label pairs); `types` by family."""

    def __init__(self):
        super().__init__()
        self.types = {}

    def value(self, name, **labels):
        return self[(name, frozenset(labels.items()))]

    def sum(self, name, **labels):
        """The sum over all samples of that name with at least these labels."""
        wanted = set(labels.items())
        return sum(value for (key, have), value in self.items() if key == name and wanted <= have)

    def counters(self):
        """What must never fall."""
        return {key: value for key, value in self.items() if self.types[family_of(key[0], self.types)] != "gauge"}


def family_of(name, types):
    for suffix in ("", "_bucket", "_sum", "_count"):
        family = name[:len(name) - len(suffix)] if suffix else name
        if name.endswith(suffix) and family in types and suffix in SUFFIXES[types[family]]:
            return family
    raise AssertionError(f"sample {name} has no family")


def parse_labels(text):
    labels, at = {}, 0
    while text is not None and at < len(text):
        match = LABEL.match(text, at)
        assert match, f"bad labels: {text}"
        assert match[1] not in labels, f"label {match[1]} twice"
        labels[match[1]] = match[2].replace(r"\n", "\n").replace(r"\"", '"').replace("\\\\", "\\")
        at = match.end()
    return labels


def parse(text):
    assert text.endswith("\n")
    metrics, helped, current, finished = Metrics(), set(), None, set()
    for line in text.splitlines():
        if line.startswith("# HELP "):
            name = line.split(" ", 3)[2]
            assert name not in helped, f"{name} has two HELP lines"
            helped.add(name)
        elif line.startswith("# TYPE "):
            _, _, name, kind = line.split(" ")
            assert name not in metrics.types and kind in SUFFIXES, line
            assert kind != "counter" or name.endswith("_total"), line
            metrics.types[name] = kind
        else:
            match = SAMPLE.fullmatch(line)
            assert match, f"no sample: {line!r}"
            family = family_of(match[1], metrics.types)
            if family != current:
                assert family not in finished, f"{family} is in two groups"
                finished.add(family)
                current = family
            key = (match[1], frozenset(parse_labels(match[2]).items()))
            assert key not in metrics, f"sample twice: {line}"
            value = float(match[3])
            assert not math.isnan(value)
            metrics[key] = value
    check_histograms(metrics)
    return metrics


def check_histograms(metrics):
    series = {}
    for (name, labels), value in metrics.items():
        if name.endswith("_bucket"):
            bound = float(dict(labels)["le"].replace("+Inf", "inf"))
            rest = frozenset(pair for pair in labels if pair[0] != "le")
            series.setdefault((name[:-7], rest), []).append((bound, value))
    for (family, labels), buckets in series.items():
        counts = [value for _, value in sorted(buckets)]
        assert counts == sorted(counts), f"{family}: buckets are not cumulative"
        assert max(buckets)[0] == math.inf and counts[-1] == metrics[(family + "_count", labels)]
        assert (family + "_sum", labels) in metrics
