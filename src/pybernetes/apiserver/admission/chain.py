"""The admission plugins in upstream's order, and running them."""

from __future__ import annotations

from collections.abc import Iterable
from time import perf_counter

from pybernetes.api.errors import ApiError

from .alwaysadmit import ALWAYS_ADMIT
from .alwaysdeny import ALWAYS_DENY
from .alwayspullimages import ALWAYS_PULL_IMAGES
from .certificateapproval import CERTIFICATE_APPROVAL
from .certificatesigning import CERTIFICATE_SIGNING
from .certificatesubjectrestriction import CERTIFICATE_SUBJECT_RESTRICTION
from .clustertrustbundleattest import CLUSTER_TRUST_BUNDLE_ATTEST
from .defaultingressclass import DEFAULT_INGRESS_CLASS
from .defaultstorageclass import DEFAULT_STORAGE_CLASS
from .defaulttolerationseconds import DEFAULT_TOLERATION_SECONDS
from .denyserviceexternalips import DENY_SERVICE_EXTERNAL_IPS
from .extendedresourcetoleration import EXTENDED_RESOURCE_TOLERATION
from .limitpodhardantiaffinitytopology import LIMIT_POD_HARD_ANTI_AFFINITY_TOPOLOGY
from .limitranger import LIMIT_RANGER
from .mutatingadmissionpolicy import MUTATING_ADMISSION_POLICY
from .namespaceautoprovision import NAMESPACE_AUTO_PROVISION
from .namespaceexists import NAMESPACE_EXISTS
from .namespacelifecycle import NAMESPACE_LIFECYCLE
from .noderestriction import NODE_RESTRICTION
from .ownerreferencespermissionenforcement import OWNER_REFERENCES_PERMISSION_ENFORCEMENT
from .persistentvolumeclaimresize import PERSISTENT_VOLUME_CLAIM_RESIZE
from .plugin import Admission, Plugin
from .podnodeselector import POD_NODE_SELECTOR
from .podresizevalidator import POD_RESIZE_VALIDATOR
from .podsecurity.plugin import POD_SECURITY
from .podtolerationrestriction import POD_TOLERATION_RESTRICTION
from .podtopologylabels import POD_TOPOLOGY_LABELS
from .policyparameters import POLICY_PARAMETERS
from .priority import PRIORITY
from .rbacescalation import RBAC_ESCALATION
from .resourcequota import RESOURCE_QUOTA
from .runtimeclass import RUNTIME_CLASS
from .serviceaccount import SERVICE_ACCOUNT
from .storageobjectinuseprotection import STORAGE_OBJECT_IN_USE_PROTECTION
from .taintnodesbycondition import TAINT_NODES_BY_CONDITION
from .tracing import trace_of
from .validatingadmissionpolicy import VALIDATING_ADMISSION_POLICY
from .webhooks.mutating import MUTATING_ADMISSION_WEBHOOK
from .webhooks.validating import VALIDATING_ADMISSION_WEBHOOK

PLUGINS: tuple[Plugin, ...] = (
    ALWAYS_ADMIT,
    NAMESPACE_AUTO_PROVISION,
    NAMESPACE_LIFECYCLE,
    NAMESPACE_EXISTS,
    LIMIT_POD_HARD_ANTI_AFFINITY_TOPOLOGY,
    LIMIT_RANGER,
    SERVICE_ACCOUNT,
    NODE_RESTRICTION,
    TAINT_NODES_BY_CONDITION,
    ALWAYS_PULL_IMAGES,
    POD_SECURITY,
    POD_NODE_SELECTOR,
    PRIORITY,
    DEFAULT_TOLERATION_SECONDS,
    POD_TOLERATION_RESTRICTION,
    EXTENDED_RESOURCE_TOLERATION,
    DEFAULT_STORAGE_CLASS,
    STORAGE_OBJECT_IN_USE_PROTECTION,
    OWNER_REFERENCES_PERMISSION_ENFORCEMENT,
    PERSISTENT_VOLUME_CLAIM_RESIZE,
    RUNTIME_CLASS,
    CERTIFICATE_APPROVAL,
    CERTIFICATE_SIGNING,
    CLUSTER_TRUST_BUNDLE_ATTEST,
    CERTIFICATE_SUBJECT_RESTRICTION,
    DEFAULT_INGRESS_CLASS,
    DENY_SERVICE_EXTERNAL_IPS,
    POD_TOPOLOGY_LABELS,
    POD_RESIZE_VALIDATOR,
    # What calls out and what takes from a quota comes last: nobody is asked about an object that is refused anyway.
    MUTATING_ADMISSION_POLICY,
    MUTATING_ADMISSION_WEBHOOK,
    RBAC_ESCALATION,
    POLICY_PARAMETERS,
    VALIDATING_ADMISSION_POLICY,
    VALIDATING_ADMISSION_WEBHOOK,
    RESOURCE_QUOTA,
    ALWAYS_DENY,
)


BUILT_IN = (RBAC_ESCALATION, POLICY_PARAMETERS)
"""Checks that upstream makes elsewhere: they are not plugins to anybody who configures them."""


def chosen(enabled: Iterable[str] = (), disabled: Iterable[str] = ()) -> tuple[Plugin, ...]:
    """The plugins that are on: `--enable-admission-plugins` and `--disable-admission-plugins`. Raises ValueError for a
    name that is unknown, or in both."""
    on, off = set(enabled), set(disabled)
    names = {plugin.name for plugin in PLUGINS if plugin not in BUILT_IN}
    if unknown := sorted((on | off) - names):
        raise ValueError(f"unknown admission plugins: {', '.join(unknown)}")
    if both := sorted(on & off):
        raise ValueError(
            f"{', '.join(both)} in enable-admission-plugins and disable-admission-plugins overlapped"
        )
    return tuple(
        plugin for plugin in PLUGINS if plugin.name in on or (plugin.default and plugin.name not in off)
    )


def admit_mutating(admission: Admission, *, templated: bool = False) -> bool:
    """Lets each plugin change the new object; whether one may have in a way that leaves defaults to be filled in.
    `templated`: it has what templated plugins make of it. Raises what a plugin raises."""
    with _Timed(admission, "admit"):
        changed = _mutate(admission, templated=templated)
        if admission.reinvocation.wanted:
            admission.reinvocation.again = True
            changed |= _mutate(admission)
        if admission.rewritten:
            _prune(admission)
    return changed


def _prune(admission: Admission) -> None:
    """Drops what others have added to a custom resource and its schema does not know, once all have had their turn."""
    own, new = admission.kind, admission.object
    if own.own_schema is not None and new.get("kind") == own.kind:
        known = {**own.own_schema.known(new)}
        new.clear()
        new.update(known)


def _mutate(admission: Admission, *, templated: bool = False) -> bool:
    steps = admission.ctx.services.admission.steps(admission)
    trace = trace_of(admission) if steps.traced and not templated else None
    changed, told = False, len(admission.ctx.admitted)
    for plugin, mutate in steps.untemplated if templated else steps.mutating:
        if not mutate(admission):
            continue
        if trace is None:
            changed = True
        elif trace.after(plugin.name):
            told += 1
            changed |= not plugin.defaulted
    return changed or len(admission.ctx.admitted) > told


def admit_validating(admission: Admission) -> None:
    """Lets each plugin refuse the object as it would be stored."""
    with _Timed(admission, "validate"):
        for validate in admission.ctx.services.admission.steps(admission).validating:
            validate(admission)


class _Timed:
    """Measures one step of one request."""

    __slots__ = ("_admission", "_began", "_step")

    def __init__(self, admission: Admission, step: str) -> None:
        self._admission = admission
        self._step = step

    def __enter__(self) -> None:
        self._began = perf_counter()

    def __exit__(self, type_: type[BaseException] | None, _error: object, _trace: object) -> None:
        rejected = "true" if type_ is not None and issubclass(type_, ApiError) else "false"
        seconds = perf_counter() - self._began
        metrics = self._admission.ctx.services.metrics
        metrics.admission.observe((self._admission.operation, rejected, self._step), seconds)


def admit_deletion(admission: Admission) -> None:
    """Lets each plugin refuse a deletion."""
    if admission.old is None:
        admission.old = admission.find(admission.kind, admission.name, admission.namespace)
    admit_mutating(admission)
    admit_validating(admission)


async def ensure_seen(admission: Admission) -> None:
    """Waits for the cache where a plugin would otherwise refuse because of something written a moment ago."""
    services = admission.ctx.services
    for unseen in services.admission.steps(admission).unseen:
        if unseen(admission):
            await services.cacher.fresh()
            return
