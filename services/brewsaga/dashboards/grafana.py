"""What a Grafana dashboard is made of: panels in rows, variables, annotations, as plain data.

Pure. Knows Grafana's form of a dashboard and nothing of sagas; what is asked and said is its
callers' affair.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal

Json = dict[str, Any]

SCHEMA_VERSION: Final = 39
"""The form of Grafana 10.4 and later, which newer ones read too."""
COLUMNS: Final = 24
PANEL_HEIGHT: Final = 8
PROMETHEUS: Final = "prometheus"
POSTGRES: Final = "grafana-postgresql-datasource"
VARIABLE_OF_SOURCE: Final = {PROMETHEUS: "datasource", POSTGRES: "database"}
"""A dashboard names no data source of anyone's: people choose theirs at the top of it."""

Kind = Literal["timeseries", "stat", "heatmap", "table", "nodeGraph", "state-timeline"]


@dataclass(frozen=True, slots=True)
class Query:
    """One question of a panel. `legend` names its series, such as `{{step}}`.

    `shape` is how the answer is taken; a table is asked for once, at the end of the time shown.
    """

    text: str
    legend: str = ""
    shape: Literal["time_series", "heatmap", "table"] = "time_series"
    name: str = ""


@dataclass(frozen=True, slots=True)
class Panel:
    """One picture. `alarm_above` draws what is above it red; `links` go from a table's fields."""

    title: str
    description: str
    unit: str
    queries: tuple[Query, ...]
    kind: Kind = "timeseries"
    width: int = 8
    source: str = PROMETHEUS
    alarm_above: float | None = None
    stacked: bool = False
    rename: tuple[tuple[str, str], ...] = ()
    """(regular expression, name) of fields that are to be named otherwise."""
    links: tuple[tuple[str, str, str], ...] = ()
    """(field, title, address) of what a field of a table leads to."""


@dataclass(frozen=True, slots=True)
class Variable:
    """Something to choose at the top. `values` as a query of labels, or as words with commas."""

    name: str
    label: str
    kind: Literal["query", "custom", "textbox"]
    values: str


@dataclass(frozen=True, slots=True)
class Dashboard:
    """One page. `uid` is its address for ever."""

    uid: str
    title: str
    description: str
    rows: tuple[tuple[str, tuple[Panel, ...]], ...]
    variables: tuple[Variable, ...]
    annotation: Query
    tags: tuple[str, ...] = field(default=("brewsaga",))


def source_of(kind: str) -> Json:
    """The data source that was chosen."""
    return {"type": kind, "uid": f"${{{VARIABLE_OF_SOURCE[kind]}}}"}


def rendered(dashboard: Dashboard) -> Json:
    """The dashboard as Grafana reads it."""
    panels = _placed(dashboard.rows)
    kinds = sorted({panel.source for _, row in dashboard.rows for panel in row} | {PROMETHEUS})
    return {
        "uid": dashboard.uid,
        "title": dashboard.title,
        "description": dashboard.description,
        "tags": list(dashboard.tags),
        "schemaVersion": SCHEMA_VERSION,
        "editable": True,
        "graphTooltip": 1,
        "refresh": "10s",
        "time": {"from": "now-30m", "to": "now"},
        "timezone": "browser",
        "templating": {
            "list": [*map(_source_variable, kinds), *map(_variable, dashboard.variables)]
        },
        "annotations": {"list": [_annotation(dashboard.annotation)]},
        "links": [_link_to_the_others()],
        "panels": panels,
    }


def _placed(rows: Sequence[tuple[str, tuple[Panel, ...]]]) -> list[Json]:
    """Panels from left to right under the title of their row."""
    found: list[Json] = []
    top = 0
    for title, panels in rows:
        found.append(_row(title, len(found) + 1, top))
        top, left = top + 1, 0
        for panel in panels:
            if left + panel.width > COLUMNS:
                top, left = top + PANEL_HEIGHT, 0
            place = {"x": left, "y": top, "w": panel.width, "h": PANEL_HEIGHT}
            found.append({"id": len(found) + 1, "gridPos": place, **_panel(panel)})
            left += panel.width
        top += PANEL_HEIGHT
    return found


def _row(title: str, number: int, top: int) -> Json:
    place = {"x": 0, "y": top, "w": COLUMNS, "h": 1}
    return {
        "id": number,
        "type": "row",
        "title": title,
        "collapsed": False,
        "gridPos": place,
        "panels": [],
    }


def _panel(panel: Panel) -> Json:
    return {
        "type": panel.kind,
        "title": panel.title,
        "description": panel.description,
        "datasource": source_of(panel.source),
        "fieldConfig": {"defaults": _defaults(panel), "overrides": [*map(_linked, panel.links)]},
        "options": _options(panel.kind),
        "targets": [
            _target(panel.source, query, query.name or chr(ord("A") + number))
            for number, query in enumerate(panel.queries)
        ],
        "transformations": [
            {"id": "renameByRegex", "options": {"regex": regex, "renamePattern": name}}
            for regex, name in panel.rename
        ],
    }


def _defaults(panel: Panel) -> Json:
    defaults: Json = {"unit": panel.unit}
    if panel.alarm_above is not None:
        steps = [
            {"color": "green", "value": None},
            {"color": "red", "value": panel.alarm_above},
        ]
        defaults["thresholds"] = {"mode": "absolute", "steps": steps}
    if panel.kind == "timeseries":
        defaults["min"] = 0
        defaults["custom"] = {
            "lineWidth": 1,
            "fillOpacity": 30 if panel.stacked else 0,
            "showPoints": "never",
            "stacking": {"mode": "normal" if panel.stacked else "none"},
            "thresholdsStyle": {"mode": "off" if panel.alarm_above is None else "line"},
        }
    return defaults


def _options(kind: Kind) -> Json:
    match kind:
        case "timeseries":
            legend = {"displayMode": "table", "placement": "bottom", "calcs": ["lastNotNull"]}
            return {"legend": legend, "tooltip": {"mode": "multi", "sort": "desc"}}
        case "stat":
            return {"reduceOptions": {"calcs": ["lastNotNull"]}, "colorMode": "background"}
        case "heatmap":
            return {"calculate": False, "yAxis": {"unit": "s"}, "cellGap": 1}
        case "state-timeline":
            return {"mergeValues": True, "showValue": "never"}
        case "table" | "nodeGraph":
            return {}


def _target(source: str, query: Query, name: str) -> Json:
    common = {"refId": name, "datasource": source_of(source)}
    if source == POSTGRES:
        return {**common, "rawSql": query.text, "format": "table", "rawQuery": True}
    once = query.shape == "table"
    return {
        **common,
        "expr": query.text,
        "legendFormat": query.legend,
        "format": query.shape,
        "instant": once,
        "range": not once,
    }


def _linked(link: tuple[str, str, str]) -> Json:
    name, title, address = link
    links = [{"title": title, "url": address, "targetBlank": True}]
    return {
        "matcher": {"id": "byName", "options": name},
        "properties": [{"id": "links", "value": links}],
    }


def _source_variable(kind: str) -> Json:
    name = VARIABLE_OF_SOURCE[kind]
    return {"name": name, "label": name, "type": "datasource", "query": kind}


def _variable(variable: Variable) -> Json:
    common: Json = {"name": variable.name, "label": variable.label, "type": variable.kind}
    if variable.kind == "textbox":
        chosen = {"text": variable.values, "value": variable.values}
        return {**common, "query": variable.values, "current": chosen}
    everything = {"text": "All", "value": "$__all"}
    several = {"multi": True, "includeAll": True, "allValue": ".*", "current": everything}
    if variable.kind == "custom":
        return {**common, **several, "query": variable.values}
    query = {"query": variable.values, "refId": variable.name}
    return {**common, **several, "datasource": source_of(PROMETHEUS), "query": query, "refresh": 2}


def _annotation(query: Query) -> Json:
    return {
        "name": query.name,
        "datasource": source_of(PROMETHEUS),
        "enable": True,
        "iconColor": "orange",
        "expr": query.text,
        "titleFormat": query.legend,
        "step": "15s",
    }


def _link_to_the_others() -> Json:
    return {
        "type": "dashboards",
        "title": "BrewSaga",
        "tags": ["brewsaga"],
        "asDropdown": True,
        "includeVars": True,
        "keepTime": True,
    }
