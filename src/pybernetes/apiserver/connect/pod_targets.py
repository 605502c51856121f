"""Which URL of a kubelet a pod's subresource means: pure, with upstream's answers where the request is no good."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import quote, urlencode

from pybernetes.api.errors import BadRequest, Invalid
from pybernetes.api.fielderrors import FieldErrors
from pybernetes.api.meta import Obj
from pybernetes.wire.http.messages import MultiDict

KUBELET_PORT = 10250
# The order in which a node's addresses are tried; upstream's kubeadm sets the same.
ADDRESS_TYPES = ("InternalIP", "ExternalIP", "Hostname", "InternalDNS", "ExternalDNS")

# PodExecOptions and PodAttachOptions in the API's words and in the kubelet's.
STREAM_PARAMETERS = (("stdin", "input"), ("stdout", "output"), ("stderr", "error"), ("tty", "tty"))
FINISHED = ("Succeeded", "Failed")


@dataclass(frozen=True, slots=True)
class KubeletTarget:
    """`base` is the kubelet's `https://host:port`; `path` begins with a slash and holds the query."""

    base: str
    path: str

    @property
    def url(self) -> str:
        return self.base + self.path


def kubelet_base(node: Obj) -> str:
    """`https://host:port` of a node's kubelet. Raises BadRequest where the node tells no address."""
    status = node.get("status") or {}
    port = ((status.get("daemonEndpoints") or {}).get("kubeletEndpoint") or {}).get("Port") or KUBELET_PORT
    addresses = {a["type"]: a["address"] for a in reversed(status.get("addresses") or ())}
    for kind in ADDRESS_TYPES:
        if kind in addresses:
            return f"https://{bracketed(addresses[kind])}:{port}"
    raise BadRequest(f"no preferred addresses found; known addresses: {list(addresses.values())}")


def bracketed(host: str) -> str:
    """A host as it stands in a URL."""
    return f"[{host}]" if ":" in host else host


def log_path(pod: Obj, query: MultiDict) -> str | None:
    """`/containerLogs/…`; None where the pod has no node yet (its log is empty). Raises BadRequest, Invalid."""
    _validate_log_options(pod["metadata"]["name"], query)
    container = chosen_container(pod, query.first("container"))
    if not pod["spec"].get("nodeName"):
        return None
    asked = [(name, "true") for name in ("follow", "previous", "timestamps") if is_true(query.first(name))]
    texts = ("sinceSeconds", "sinceTime", "tailLines", "limitBytes", "stream")
    asked += [(name, query[name]) for name in texts if query.get(name)]
    return _path("containerLogs", pod, container, asked)


def stream_path(pod: Obj, subresource: str, query: MultiDict) -> str:
    """`/exec/…` or `/attach/…`. Raises BadRequest."""
    name, phase = pod["metadata"]["name"], (pod.get("status") or {}).get("phase")
    if phase in FINISHED:
        what = "exec into" if subresource == "exec" else "attach"
        raise BadRequest(f"cannot {what} a container in a completed pod; current phase is {phase}")
    container = chosen_container(pod, query.first("container"))
    _assigned(pod, name)
    defaults = {"stdout": "true", "stderr": "true"} if subresource == "attach" else {}
    asked = [
        (theirs, "1")
        for ours, theirs in STREAM_PARAMETERS
        if is_true(query.first(ours, defaults.get(ours, "")))
    ]
    if subresource == "exec":
        asked += [("command", word) for word in query.all("command")]
    return _path(subresource, pod, container, asked)


def port_forward_path(pod: Obj, query: MultiDict) -> str:
    """`/portForward/…`. Raises BadRequest."""
    _assigned(pod, pod["metadata"]["name"])
    ports = ",".join(query.all("ports"))
    return _path("portForward", pod, "", [("port", ports)] if ports else [])


def chosen_container(pod: Obj, name: str) -> str:
    """The container named, or the only one. Raises BadRequest."""
    spec, pod_name = pod["spec"], pod["metadata"]["name"]
    names = [c["name"] for c in spec.get("containers") or ()]
    init = [c["name"] for c in spec.get("initContainers") or ()]
    if name:
        ephemeral = [c["name"] for c in spec.get("ephemeralContainers") or ()]
        if name not in (*names, *init, *ephemeral):
            raise BadRequest(f"container {name} is not valid for pod {pod_name}")
        return name
    if len(names) == 1:
        return str(names[0])
    message = f"a container name must be specified for pod {pod_name}"
    if names:
        message += f", choose one of: [{' '.join(names)}]"
    if names and init:
        message += f" or one of the init containers: [{' '.join(init)}]"
    raise BadRequest(message)


def is_true(text: str) -> bool:
    """A boolean query parameter as upstream converts it."""
    return text.lower() not in ("", "false", "0")


def _assigned(pod: Obj, name: str) -> None:
    if not pod["spec"].get("nodeName"):
        raise BadRequest(f"pod {name} does not have a host assigned")


def _path(kind: str, pod: Obj, container: str, query: list[tuple[str, str]]) -> str:
    meta = pod["metadata"]
    parts = [kind, meta["namespace"], meta["name"], *([container] if container else [])]
    path = "/" + "/".join(quote(part, safe="") for part in parts)
    return f"{path}?{urlencode(query)}" if query else path


def _validate_log_options(name: str, query: MultiDict) -> None:
    errors = FieldErrors()
    for field, least, detail in (
        ("tailLines", 0, "must be greater than or equal to 0"),
        ("limitBytes", 1, "must be greater than 0"),
        ("sinceSeconds", 1, "must be greater than 0"),
    ):
        text = query.first(field)
        if not text:
            continue
        try:
            number = int(text)
        except ValueError:
            raise BadRequest(f'strconv.ParseInt: parsing "{text}": invalid syntax') from None
        if number < least:
            errors.invalid(number, detail, field)
    if query.first("sinceSeconds") and query.first("sinceTime"):
        errors.forbidden("at most one of `sinceTime` or `sinceSeconds` may be specified")
    if errors:
        lines = list(errors)
        told = lines[0] if len(lines) == 1 else f"[{', '.join(lines)}]"
        raise Invalid(
            f'PodLogOptions "{name}" is invalid: {told}',
            kind="PodLogOptions",
            name=name,
            causes=errors.causes,
        )
