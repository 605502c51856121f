"""ServiceAccount: every pod runs as a service account and finds its token, CA and namespace mounted."""

from __future__ import annotations

from typing import Any

from pybernetes.api.kinds import POD, SERVICEACCOUNT
from pybernetes.api.meta import MutableObj, Obj

from .plugin import Admission, Plugin

DEFAULT = "default"
MIRROR = "kubernetes.io/config.mirror"
MOUNT_PATH = "/var/run/secrets/kubernetes.io/serviceaccount"
VOLUME_PREFIX = "kube-api-access-"
TOKEN_SECONDS = 3607
"""A little over an hour, as upstream asks for: such tokens are the ones that pods are given by default."""
ROOT_CA = "kube-root-ca.crt"


def _is_new_pod(admission: Admission) -> bool:
    return (
        admission.kind is POD
        and admission.operation == "CREATE"
        and not admission.subresource
        and MIRROR not in (admission.object["metadata"].get("annotations") or {})
    )


def _account_name(pod: Obj) -> str:
    spec = pod.get("spec") or {}
    return spec.get("serviceAccountName") or spec.get("serviceAccount") or DEFAULT


def _unseen(admission: Admission) -> bool:
    if not _is_new_pod(admission):
        return False
    name = _account_name(admission.object)
    return admission.cache(SERVICEACCOUNT).get(admission.namespace, name) is None


def _mutate(admission: Admission) -> None:
    if not _is_new_pod(admission):
        return
    pod = admission.object
    spec = pod["spec"]
    name = spec["serviceAccountName"] = _account_name(pod)
    spec["serviceAccount"] = name
    account = admission.find(SERVICEACCOUNT, name, admission.namespace)
    if account is None:
        raise admission.forbidden(
            f'error looking up service account {admission.namespace}/{name}: serviceaccount "{name}" not found'
        )
    if _wants_token(spec, account):
        _mount_token(spec, admission)
    if not spec.get("imagePullSecrets") and account.get("imagePullSecrets"):
        spec["imagePullSecrets"] = [{"name": ref.get("name", "")} for ref in account["imagePullSecrets"]]


def _wants_token(spec: Obj, account: Obj) -> bool:
    """The pod's word counts before the account's; nothing said means yes."""
    for holder in (spec, account):
        wanted = holder.get("automountServiceAccountToken")
        if wanted is not None:
            return bool(wanted)
    return True


def _mount_token(spec: MutableObj, admission: Admission) -> None:
    """Mounts a projected volume into every container that has nothing at the path yet."""
    volumes = spec.get("volumes") or []
    name = next((v["name"] for v in volumes if str(v.get("name", "")).startswith(VOLUME_PREFIX)), "")
    fresh = not name
    if fresh:
        name = VOLUME_PREFIX + admission.ctx.services.env.name_suffix()
    mounted = False
    for container in (*(spec.get("initContainers") or ()), *(spec.get("containers") or ())):
        mounts = container.get("volumeMounts") or []
        if any(mount.get("mountPath") == MOUNT_PATH for mount in mounts):
            continue
        container["volumeMounts"] = [*mounts, {"name": name, "readOnly": True, "mountPath": MOUNT_PATH}]
        mounted = True
    if mounted and fresh:
        spec["volumes"] = [*volumes, token_volume(name)]


def token_volume(name: str) -> dict[str, Any]:
    """The volume with a bound token, the cluster's CA and the pod's namespace."""
    namespace_item = {
        "path": "namespace",
        "fieldRef": {"apiVersion": "v1", "fieldPath": "metadata.namespace"},
    }
    return {
        "name": name,
        "projected": {
            "sources": [
                {"serviceAccountToken": {"expirationSeconds": TOKEN_SECONDS, "path": "token"}},
                {"configMap": {"name": ROOT_CA, "items": [{"key": "ca.crt", "path": "ca.crt"}]}},
                {"downwardAPI": {"items": [namespace_item]}},
            ],
            "defaultMode": 420,
        },
    }


SERVICE_ACCOUNT = Plugin("ServiceAccount", mutate=_mutate, unseen=_unseen)
