"""`pyber schedule`: where pods would go in a cluster whose objects are in a file, without touching anything."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pybernetes.scheduler.whatif import Placement


def configure(parser: argparse.ArgumentParser) -> None:
    parser.description = (
        "Where pods would go, without touching anything. The dump is what `kubectl get nodes,pods,services,… -A -o yaml` "
        "prints; the file holds pods, or workloads with a template (and claims, services, classes that come with them). The exit "
        "code is 1 where one of them has no node."
    )
    add = parser.add_argument
    add(
        "--dump",
        type=Path,
        required=True,
        action="append",
        help="the cluster's objects, YAML or JSON (repeatable)",
    )
    add(
        "-f",
        "--filename",
        type=Path,
        required=True,
        action="append",
        help="the pods, YAML or JSON (repeatable)",
    )
    add("--config", type=Path, help="a KubeSchedulerConfiguration to decide by")
    add("--seed", type=int, default=0, help="breaks ties between equally good nodes")
    add(
        "-o",
        "--output",
        choices=("text", "json"),
        default="text",
        help="json tells every node's verdicts and scores",
    )


def run(arguments: argparse.Namespace) -> int:
    from pybernetes.lang.yamlload import YamlError, load_documents
    from pybernetes.scheduler.configuration.read import read_file
    from pybernetes.scheduler.configuration.types import ConfigurationError
    from pybernetes.scheduler.whatif import what_if
    from pybernetes.scheduler.whatifinput import WhatIfError, flattened

    def objects(paths: Sequence[Path]) -> list[Any]:
        found: list[Any] = []
        for path in paths:
            try:
                documents = load_documents(path.read_text())
            except (OSError, YamlError) as error:
                raise SystemExit(f"pyber schedule: {path}: {error}") from error
            try:
                found += [each for tree in documents if tree is not None for each in flattened(tree)]
            except WhatIfError as error:
                raise SystemExit(f"pyber schedule: {path}: {error}") from error
        return found

    try:
        configuration = read_file(arguments.config) if arguments.config else None
        placements = what_if(
            objects(arguments.dump), objects(arguments.filename), configuration, seed=arguments.seed
        )
    except (ConfigurationError, WhatIfError) as error:
        raise SystemExit(f"pyber schedule: {error}") from error
    if arguments.output == "json":
        json.dump([_tree(each) for each in placements], sys.stdout, indent=2)
        print()
    else:
        _print(placements)
    return 0 if all(each.node for each in placements) else 1


def _tree(placement: Placement) -> dict[str, Any]:
    return {
        "pod": placement.pod,
        "node": placement.node,
        "message": placement.message,
        "nominatedNode": placement.nominated,
        "victims": list(placement.victims),
        "decision": dict(placement.explanation),
    }


def _print(placements: Sequence[Placement]) -> None:
    width = max((len(each.pod) for each in placements), default=0)
    for each in placements:
        line = f"{each.pod:<{width}}  {each.node or '<none>'}"
        print(f"{line}  {each.message}".rstrip())
        if each.nominated:
            print(f"{'':<{width}}  would fit on {each.nominated} without {', '.join(each.victims)}")
