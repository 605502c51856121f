"""Writing kubeconfig files: credentials inside, so that one file is all a client needs."""

from __future__ import annotations

import base64
import json
import os
from pathlib import Path

from .pki import Issued


def write_kubeconfig(path: Path, *, server: str, ca: Path, identity: Issued, user: str) -> None:
    """Writes a kubeconfig (as JSON, which is YAML) for `user` to a `server` URL, readable by its owner only."""

    def embedded(file: Path) -> str:
        return base64.b64encode(file.read_bytes()).decode()

    context = f"{user}@pybernetes"
    tree = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [
            {"name": "pybernetes", "cluster": {"server": server, "certificate-authority-data": embedded(ca)}}
        ],
        "users": [
            {
                "name": user,
                "user": {
                    "client-certificate-data": embedded(identity.certificate),
                    "client-key-data": embedded(identity.key),
                },
            }
        ],
        "contexts": [{"name": context, "context": {"cluster": "pybernetes", "user": user}}],
        "current-context": context,
        "preferences": {},
    }
    temporary = path.with_name(f".{path.name}.new")
    with open(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        json.dump(tree, file, indent=2)
        file.write("\n")
    temporary.replace(path)
