#!/usr/bin/env python3
"""Checks of the chart that no tool has.

  checks.py sources            whether chart, server and documents agree
  checks.py queries            the dashboard's queries as rules, for promtool
  checks.py manifests FILE..   rendered manifests against the schemas of Kubernetes and the chart's own promises
  checks.py config FILE        the nexo.toml of a rendered manifest
"""

import json
import re
import sys
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parent.parent
CHART = ROOT / "helm/nexo"

# The oldest that Chart.yaml names, and the newest that the schemas are there for.
KUBERNETES = ["1.30", "1.37"]
# Kinds that are not of Kubernetes itself; promtool and the unit tests look at what is in them.
CUSTOM = {"ServiceMonitor", "PrometheusRule", "HTTPRoute"}
# Series that Prometheus makes itself.
PROMETHEUS = {"up", "ALERTS"}
# Routes that are not for the public unless somebody says so.
INTERNAL = {"/metrics", "/ready", "/docs", "/openapi.json"}
# What the chart derives.
DERIVED = {"store.data"}
# Defaults of the server that templates reckon with.
RECKONED = {"server.drain_ms": "10000", "server.max_connections": "20000", "ws.silence_ms": "75000"}
LINES_MAX = 400

problems = []


def check(holds, sentence):
    if not holds:
        problems.append(sentence)


def read(path):
    return (ROOT / path).read_text(encoding="utf-8")


def documented_settings():
    """Setting -> default, as docs/configuration.md has them; that of the embedded mode where the two differ."""
    settings = {}
    for part in re.split(r"^## ", read("docs/configuration.md"), flags=re.M)[1:]:
        section = re.match(r"`\[(\w+)\]`", part).group(1)
        for name, default in re.findall(r"^\| `(\w+)`<br>`\w+` \| `(.*?)`(?:; [^|]*)? \|", part, re.M):
            settings[f"{section}.{name}"] = default
    return settings


def schema_type(schema, shape):
    while "$ref" in shape:
        shape = schema["definitions"][shape["$ref"].rsplit("/", 1)[1]]
    return "string" if "enum" in shape else shape["type"]


def check_settings(schema):
    documented = documented_settings()
    known = {}
    for section, shape in schema["properties"]["config"]["properties"].items():
        shapes = [shape]
        if section == "store":
            shapes = [schema["definitions"]["embeddedStore"], schema["definitions"]["clusterStore"]]
        for properties in (shape["properties"] for shape in shapes):
            known.update({f"{section}.{name}": schema_type(schema, one) for name, one in properties.items()})
    for name in sorted(set(documented) - set(known) - DERIVED):
        check(False, f"values.schema.json: the setting {name} of docs/configuration.md is not in config")
    for name in sorted(set(known) - set(documented)):
        check(False, f"values.schema.json: docs/configuration.md has no setting {name}")
    for name in sorted(set(known) & set(documented)):
        default = documented[name]
        kind = "string" if default.startswith('"') else "boolean" if default in ("true", "false") else "integer"
        kind = "number" if "." in default and kind == "integer" else kind
        check(known[name] == kind, f"values.schema.json: {name} is {known[name]}, and {kind} in docs/configuration.md")
    for name, default in RECKONED.items():
        check(documented.get(name) == default, f"templates/: reckon with {name} = {default}; docs/configuration.md has another default")


def check_closed(shape, path="values.schema.json"):
    """Every object with named properties takes no others."""
    if isinstance(shape, dict):
        if isinstance(shape.get("properties"), dict) and shape.get("type") == "object":
            check(shape.get("additionalProperties") is False, f"{path}: takes properties that it does not name")
        for name, inner in shape.items():
            check_closed(inner, f"{path}/{name}")


def check_values(schema):
    values = yaml.safe_load(read("helm/nexo/values.yaml"))

    def compare(shape, given, path):
        for name, inner in shape.get("properties", {}).items():
            if path == "" and name == "global" or path == "config.":
                continue
            check(name in given, f"values.yaml: {path}{name} is in the schema and not here")
            if isinstance(given.get(name), dict):
                compare(inner, given[name], f"{path}{name}.")

    compare(schema, values, "")
    routes = re.findall(r'\.route\("(/[a-z.]+)', read("src/http/mod.rs"))
    check(set(routes) - INTERNAL == set(values["publicPaths"]), f"values.yaml: publicPaths are not the routes of src/http/mod.rs without {INTERNAL}")


def check_version():
    chart = yaml.safe_load(read("helm/nexo/Chart.yaml"))
    version = re.search(r'^version = "(.*)"', read("Cargo.toml"), re.M).group(1)
    check(chart["appVersion"] == version, f"Chart.yaml: appVersion is {chart['appVersion']}, the server's version {version}")
    undescribed = re.findall(r"^\| (\S+) \| .* \|  \|$", read("helm/nexo/README.md"), re.M)
    check(not undescribed, f"values.yaml: has no description of {undescribed}")


def metric_names(text):
    """Names of metrics in a query: those before labels or a range, and those that __name__ is matched with."""
    names = set(re.findall(r"\b(?:nexo|process)_[a-z_]+", text))
    return {re.sub(r"_(bucket|sum|count)$", "", name) for name in names} | (PROMETHEUS & set(re.findall(r"\b\w+\b", text)))


def exposed_metrics():
    """Those of docs/metrics.md, which a test of the server keeps current."""
    return set(re.findall(r"^\| `(\w+)` \|", read("docs/metrics.md"), re.M)) | PROMETHEUS


def dashboard_queries():
    dashboard = json.loads(read("helm/nexo/dashboards/nexo.json"))
    panels = [panel for panel in dashboard["panels"] if panel["type"] != "row"]
    ids = [panel["id"] for panel in dashboard["panels"]]
    check(len(ids) == len(set(ids)), "dashboards/nexo.json: two panels have one id")
    for panel in panels:
        check(panel.get("description"), f"dashboards/nexo.json: the panel {panel['title']} has no description")
    return [(panel["title"], target["expr"]) for panel in panels for target in panel["targets"]]


def check_monitoring():
    exposed = exposed_metrics()
    groups = yaml.safe_load(read("helm/nexo/rules/nexo.yaml"))["groups"]
    tests = read("helm/rules-tests/nexo_test.yaml")
    for rule in (rule for group in groups for rule in group["rules"]):
        unknown = metric_names(rule["expr"]) - exposed
        name = rule.get("alert", rule.get("record"))
        check(not unknown, f"rules/nexo.yaml: {name} uses what the server does not expose: {sorted(unknown)}")
        if "alert" not in rule:
            continue
        said = rule["annotations"]
        check(rule["labels"].get("severity") in ("critical", "warning"), f"rules/nexo.yaml: {name} has no severity")
        check(said.get("summary") and said.get("description"), f"rules/nexo.yaml: {name} has no summary or description")
        check(re.match(r"Means: .+ Look at: .+ Do: .+", said.get("runbook", "")), f"rules/nexo.yaml: the runbook of {name} does not say what it means, what to look at, what to do")
        check(f'alertname="{name}", severity="{rule["labels"]["severity"]}"' in tests, f"rules-tests: no test sees {name} fire")
    for title, expr in dashboard_queries():
        unknown = metric_names(expr) - exposed
        check(not unknown, f"dashboards/nexo.json: {title} uses what the server does not expose: {sorted(unknown)}")


def check_lengths():
    for path in sorted((ROOT / "helm").rglob("*")):
        if path.is_file():
            lines = path.read_text(encoding="utf-8").count("\n")
            check(lines <= LINES_MAX, f"{path.relative_to(ROOT)}: has {lines} lines, at most {LINES_MAX} are read with pleasure")


def sources():
    schema = json.loads(read("helm/nexo/values.schema.json"))
    check_settings(schema)
    check_closed(schema)
    check_values(schema)
    check_version()
    check_monitoring()
    check_lengths()


def queries():
    """A rule for each query, so that promtool parses it."""
    stand_ins = {"$__rate_interval": "5m", "$namespace": ".*", "$instance": ".*"}
    rules = []
    for number, (_, expr) in enumerate(dashboard_queries()):
        for name, value in stand_ins.items():
            expr = expr.replace(name, value)
        rules.append({"record": f"dashboard:query:{number}", "expr": expr})
    print(yaml.safe_dump({"groups": [{"name": "dashboard", "rules": rules}]}))


def documents(file):
    return [document for document in yaml.safe_load_all(Path(file).read_text(encoding="utf-8")) if document]


def check_pod(name, spec):
    """No pod of Nexo or Redis is root, writes to its image, or has a token. ScyllaDB's image wants to be root."""
    security = spec.get("securityContext", {})
    check(spec.get("automountServiceAccountToken") is False, f"{name}: gets a token")
    check(security.get("seccompProfile") == {"type": "RuntimeDefault"}, f"{name}: has no seccomp profile")
    if name.endswith("-scylladb"):
        return
    check(security.get("runAsNonRoot") is True, f"{name}: may be root")
    for container in spec["containers"] + spec.get("initContainers", []):
        inner = container.get("securityContext", {})
        wanted = {"allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]}}
        check(inner == wanted, f"{name}/{container['name']}: is not locked down")
        check("memory" in container["resources"].get("limits", {}), f"{name}/{container['name']}: has no limit of memory")


def manifests(files):
    import kubernetes_validate

    for file in files:
        names = set()
        for document in documents(file):
            kind, name = document["kind"], document["metadata"]["name"]
            where = f"{Path(file).name}: {kind} {name}"
            check((kind, name) not in names, f"{where}: is there twice")
            names.add((kind, name))
            check(document["metadata"].get("namespace"), f"{where}: has no namespace")
            check(document["metadata"]["labels"].get("app.kubernetes.io/instance"), f"{where}: has no labels")
            pod = document.get("spec", {}).get("template", {}).get("spec")
            if pod:
                check_pod(f"{Path(file).name}: {name}", pod)
            if kind in CUSTOM:
                continue
            for version in KUBERNETES:
                try:
                    kubernetes_validate.validate(document, version, strict=True)
                except kubernetes_validate.ValidationError as error:
                    check(False, f"{where}: Kubernetes {version}: {'.'.join(map(str, error.path))}: {error.message}")


def config(file):
    (found,) = [one for one in documents(file) if one["kind"] == "ConfigMap" and "nexo.toml" in one["data"] and "annotations" not in one["metadata"]]
    print(found["data"]["nexo.toml"])


def main(arguments):
    match arguments:
        case ["sources"]:
            sources()
        case ["queries"]:
            queries()
        case ["manifests", *files] if files:
            manifests(files)
        case ["config", file]:
            config(file)
        case _:
            sys.exit(__doc__)
    for problem in problems:
        print(problem, file=sys.stderr)
    sys.exit(1 if problems else 0)


main(sys.argv[1:])
