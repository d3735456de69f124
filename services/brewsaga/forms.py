"""The form of what `-o json` prints, by command: what scripts may rely on.

The models are those by which order answers, so that the command line and the API cannot disagree.
"""

import json
from collections.abc import Mapping
from typing import Any, Final

from pydantic import TypeAdapter

from brewsaga.scrape import MetricRow
from order.answers import OrderView, Timeline
from order.overview import Overview

FORMS: Final[Mapping[str, TypeAdapter[Any]]] = {
    "list": TypeAdapter(list[OrderView]),
    "show": TypeAdapter(OrderView),
    "timeline": TypeAdapter(Timeline),
    "top": TypeAdapter(Overview),
    "metrics": TypeAdapter(list[MetricRow]),
}


def described() -> dict[str, str]:
    """Each file's name and text."""
    return {
        f"{command}.schema.json": json.dumps(_schema(command, form), indent=2) + "\n"
        for command, form in FORMS.items()
    }


def _schema(command: str, form: TypeAdapter[Any]) -> dict[str, Any]:
    head = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": f"brewsaga {command} -o json",
    }
    return {**form.json_schema(mode="serialization"), **head}
