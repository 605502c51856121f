"""What a controller is: a row of facts and two functions. The table of them is `controllers/table.py`."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, TypeAlias, TypeVar

from pybernetes.api.kind import Kind
from pybernetes.api.meta import Obj, controller_ref_of, key_of, namespace_of
from pybernetes.client.indexer import IndexFunction
from pybernetes.client.interface import Client

from .caches import Caches
from .plan import Plan

Seen = TypeVar("Seen")
Keys: TypeAlias = Callable[[Obj, Caches], Iterable[str]]
"""From a changed object to the keys that need work because of it."""


@dataclass(frozen=True, slots=True)
class Watch:
    """A kind that is followed; `keys` says whom a change of an object (its old and its new version) concerns."""

    kind: Kind
    keys: Keys
    indexes: Mapping[str, IndexFunction] = field(default_factory=dict)
    matters: Callable[[Obj | None, Obj | None], bool] | None = None
    """Whether a change from the old to the new version (None: not there) concerns anybody; None: every one does."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What controllers are configured with (flags of kube-controller-manager)."""

    features: frozenset[str] = frozenset()
    """The feature gates that are on (`api/features.py`)."""
    root_ca: str = ""
    """PEM that pods are given to verify the API server with."""
    cluster_cidr: str = "10.244.0.0/16"
    """Ranges of pod addresses, one or (dual stack) two by comma."""
    service_cidr: str = ""
    """Ranges that no node is given, where they overlap with those of pods."""
    node_cidr_mask_size: int = 24
    node_cidr_mask_size_ipv6: int = 64
    node_monitor_grace_seconds: float = 50.0
    node_startup_grace_seconds: float = 60.0
    """The grace of a node that has never reported."""
    node_eviction_rate: float = 0.1
    """Nodes per second that are tainted NoExecute in a zone that is well, or wholly down alone."""
    secondary_node_eviction_rate: float = 0.01
    """The same in a zone of which at least `unhealthy_zone_threshold` is not ready; in one of at most
    `large_cluster_size` nodes, none."""
    unhealthy_zone_threshold: float = 0.55
    large_cluster_size: int = 50
    terminated_pod_gc_threshold: int = 12500
    max_endpoints_per_slice: int = 100
    mirrored_endpoints_per_subset: int = 1000
    hpa_sync_seconds: float = 15.0
    """Between two looks at a HorizontalPodAutoscaler (`--horizontal-pod-autoscaler-sync-period`)."""
    hpa_downscale_stabilization_seconds: float = 300.0
    """How long the highest recommendation holds where the object does not say
    (`--horizontal-pod-autoscaler-downscale-stabilization`)."""
    hpa_tolerance: float = 0.1
    """Share of the target by which metrics may differ without consequences (`--horizontal-pod-autoscaler-tolerance`)."""
    hpa_cpu_initialization_seconds: float = 300.0
    """After a pod's start, CPU of a time when it was not ready does not count."""
    hpa_initial_readiness_seconds: float = 30.0
    """A pod that became unready within this time from its start has never been ready."""
    local_volumes: str = "/var/lib/pybernetes/volumes"
    """Directory on each node under which volumes of class `local-path` are made."""
    local_volumes_are_cleared: bool = False
    """Whether somebody on each node makes the directory of a volume, and removes it when that is deleted
    (`cluster/localvolumes.py`)."""
    cluster_signing_cert: str = ""
    """PEM of the CA that certificates are issued under (`--cluster-signing-cert-file`); "" issues none."""
    cluster_signing_key: str = ""
    """PEM of its private key."""
    cluster_signing_seconds: int = 365 * 86400
    """The longest that an issued certificate is valid (`--cluster-signing-duration`)."""
    service_account_key: str = ""
    """PEM of the key that tokens in Secrets are signed with (`--service-account-private-key-file`); "" makes none."""
    legacy_token_clean_up_seconds: float = 365 * 86400.0
    """How long a token in a Secret is unused before it is cleaned up (`--legacy-service-account-token-clean-up-period`)."""


@dataclass(frozen=True, slots=True)
class ControllerDef(Generic[Seen]):
    """`observe` gathers from the caches what `plan` needs (None: nothing to do); `plan` decides, knowing only that,
    the time and the settings. Both are synchronous and pure."""

    name: str
    watches: tuple[Watch, ...]
    observe: Callable[[str, Caches], Seen | None]
    plan: Callable[[Seen, float, Settings], Plan]
    account: str
    """The service account in kube-system whose rights it has (`system:controller:<account>` of the default policy);
    "": those of the manager itself, for what must work before there are accounts."""
    workers: int = 5
    reads: tuple[Kind, ...] = ()
    """Kinds that are read but whose changes alone call for no work."""
    rounds: bool = False
    """Whether it looks again only to miss signs of life: upkeep (`aio/upkeep.py`)."""
    ask: Callable[[Seen, Client], Awaitable[Seen]] | None = None
    """Adds to what was observed what no cache holds (metrics, scales of any kind), asked of the server with the
    controller's own rights. Raises ApiError, ConnectionError: the key is then tried again."""
    remembers: bool = False
    """Whether `memory` of what was observed is what the last plan for the key left in `Plan.memory` (None at first).
    It is lost with the process and with the object, so only what may be lost belongs there: back-offs, windows."""
    source: str = ""
    """Whom its events come from, where upstream's name for that is not the controller's."""


AnyController: TypeAlias = ControllerDef[Any]


def itself(kind: Kind) -> Watch:
    """Each object of the kind concerns itself."""
    return Watch(kind, lambda obj, _caches: (key_of(obj),))


def owned(kind: Kind, owner: Kind, via: Kind | None = None) -> Watch:
    """An object concerns its controlling owner of kind `owner`, if need be through one of kind `via` between."""

    def keys(obj: Obj, caches: Caches) -> Iterable[str]:
        key = owner_key(obj, via or owner)
        if key is None or via is None:
            return () if key is None else (key,)
        between = caches.get(via, key)
        top = owner_key(between, owner) if between is not None else None
        return () if top is None else (top,)

    return Watch(kind, keys)


def owner_key(obj: Obj, owner: Kind) -> str | None:
    """The key of the controlling owner if it is of that kind (in any version of its group)."""
    ref = controller_ref_of(obj)
    if ref is None or ref["kind"] != owner.kind or ref["apiVersion"].rpartition("/")[0] != owner.group:
        return None
    namespace = namespace_of(obj)
    return f"{namespace}/{ref['name']}" if namespace else str(ref["name"])
