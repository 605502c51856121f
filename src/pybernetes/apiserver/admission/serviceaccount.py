"""ServiceAccount: every pod runs as a service account and finds its token, CA and namespace mounted."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pybernetes.api.kinds import POD, SERVICEACCOUNT
from pybernetes.api.meta import MutableObj, Obj

from .mirrorpods import has_secrets, has_tokens
from .plugin import NEW_PODS, Admission, Plugin, Scope

DEFAULT = "default"
MIRROR = "kubernetes.io/config.mirror"
ENFORCE = "kubernetes.io/enforce-mountable-secrets"
TRUE = frozenset({"1", "t", "T", "true", "TRUE", "True"})
"""What counts as yes in the annotation: the words of Go's ParseBool."""
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


def _mutate(admission: Admission) -> bool:
    """Completes a new pod. What the plugin refuses, it refuses here already, before the pod is validated as a pod."""
    if not _is_new_pod(admission):
        _validate(admission)
        return False
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
    _check_secrets(admission, spec, account, whole=True)
    return True


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
        name = VOLUME_PREFIX + admission.ctx.env.name_suffix()
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


# ---- refusing


def _validate(admission: Admission) -> None:
    """A mirror pod refers to nothing; where the account asks for it, pods mount only the secrets that it lists."""
    if admission.kind is not POD or admission.new is None:
        return
    if admission.subresource not in ("", "ephemeralcontainers"):
        return
    pod, old = admission.object, admission.old
    metadata, spec = pod["metadata"], pod["spec"]
    if admission.operation == "CREATE" and not admission.subresource:
        if MIRROR in (metadata.get("annotations") or {}):
            _check_mirror(admission, spec)
            return
    elif admission.operation != "UPDATE" or admission.subresource != "ephemeralcontainers" or old is None:
        return
    account = admission.find(SERVICEACCOUNT, _account_name(pod), admission.namespace)
    if account is not None:
        _check_secrets(admission, spec, account, whole=admission.operation == "CREATE")


def _check_secrets(admission: Admission, spec: Obj, account: Obj, *, whole: bool) -> None:
    if (account["metadata"].get("annotations") or {}).get(ENFORCE) in TRUE:
        problem = unlisted(spec, account, whole=whole)
        if problem:
            raise admission.forbidden(problem)


def _check_mirror(admission: Admission, spec: Obj) -> None:
    if spec.get("serviceAccountName"):
        raise admission.forbidden("a mirror pod may not reference service accounts")
    if has_secrets(spec):
        raise admission.forbidden("a mirror pod may not reference secrets")
    if has_tokens(spec):
        raise admission.forbidden("a mirror pod may not use ServiceAccountToken volume projections")


def unlisted(spec: Obj, account: Obj, *, whole: bool) -> str:
    """What is wrong where a pod uses a secret that its account does not list; `whole` False looks at debug containers
    only."""
    name = account["metadata"]["name"]
    listed = {ref.get("name") for ref in account.get("secrets") or ()}
    why = f"because service account {name} does not reference that secret"
    if whole:
        for volume in spec.get("volumes") or ():
            source = volume.get("secret")
            if source is not None and source.get("secretName") not in listed:
                return f'volume with secret.secretName="{source.get("secretName", "")}" is not allowed {why}'
    fields = ("initContainers", "containers") if whole else ("ephemeralContainers",)
    words = {
        "initContainers": "init container",
        "containers": "container",
        "ephemeralContainers": "ephemeral container",
    }
    for field in fields:
        for container in spec.get(field) or ():
            for what, secret in _secrets_of(container):
                if secret not in listed:
                    return (
                        f"{words[field]} {container['name']} with {what} referencing "
                        f'secret.secretName="{secret}" is not allowed {why}'
                    )
    pulls = {ref.get("name") for ref in account.get("imagePullSecrets") or ()}
    for index, ref in enumerate(spec.get("imagePullSecrets") or () if whole else ()):
        if ref.get("name") not in pulls:
            return (
                f'imagePullSecrets[{index}].name="{ref.get("name")}" is not allowed because service account {name} '
                "does not reference that imagePullSecret"
            )
    return ""


def _secrets_of(container: Obj) -> Iterator[tuple[str, str]]:
    """The secrets in a container's environment, and where each is named."""
    for variable in container.get("env") or ():
        ref = (variable.get("valueFrom") or {}).get("secretKeyRef")
        if ref is not None:
            yield f"envVar {variable['name']}", ref.get("name", "")
    for source in container.get("envFrom") or ():
        if source.get("secretRef") is not None:
            yield "envFrom", source["secretRef"].get("name", "")


SERVICE_ACCOUNT = Plugin(
    "ServiceAccount",
    mutate=_mutate,
    validate=_validate,
    unseen=_unseen,
    mutates=NEW_PODS,
    validates=Scope(("pods",), (), ("", "ephemeralcontainers")),
    defaulted=True,
    templated=True,
)
