"""Scenarios of the official client: deletions, custom objects, what controllers write, discovery."""

from __future__ import annotations

import base64
import json
import re
import time
from collections.abc import Callable
from typing import Any

import yaml
from kubernetes import client, utils

from .clientcalls import MERGE, NAMESPACE, SPEC, Called, refused, running
from .clientjudge import Judge
from .everykind import CLASSES


def custom_objects(custom: Called) -> None:
    """Both scopes have the same methods, which differ in where."""
    for scope, plural in (("Namespaced", "gadgets"), ("Cluster", "widgets")):
        kind = define(custom.api, plural, scope)
        where = ("c.example.org", "v1", *((NAMESPACE,) if scope == "Namespaced" else ()), plural)

        def call(
            verb: str, *given: Any, part: str = "", scope: str = scope, where: Any = where, **options: Any
        ) -> Any:
            name = f"{verb}_{scope.lower()}_custom_object{part and '_' + part}"
            return getattr(custom, name)(*where, *given, **options)

        one_custom_object(custom, call, kind)
        if scope == "Namespaced":
            assert custom.list_custom_object_for_all_namespaces("c.example.org", "v1", plural)["items"] == []
    listed = custom.get_api_resources("c.example.org", "v1")
    assert {each.name for each in listed.resources} >= {"gadgets", "gadgets/scale", "widgets/status"}


def define(api: Judge, plural: str, scope: str) -> str:
    kind = plural.capitalize().removesuffix("s")
    anything = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    version = {
        "name": "v1",
        "served": True,
        "storage": True,
        "schema": {
            "openAPIV3Schema": {"type": "object", "properties": {"spec": anything, "status": anything}}
        },
        "subresources": {
            "status": {},
            "scale": {"specReplicasPath": ".spec.replicas", "statusReplicasPath": ".status.replicas"},
        },
    }
    spec = {
        "group": "c.example.org",
        "scope": scope,
        "names": {"plural": plural, "kind": kind},
        "versions": [version],
    }
    definitions = client.ApiextensionsV1Api(api)
    definitions.create_custom_resource_definition(
        {"metadata": {"name": f"{plural}.c.example.org"}, "spec": spec}
    )
    end = time.monotonic() + 15
    while not any(
        each.type == "Established" and each.status == "True"
        for each in definitions.read_custom_resource_definition(f"{plural}.c.example.org").status.conditions
        or ()
    ):
        assert time.monotonic() < end
        time.sleep(0.02)
    return kind


def one_custom_object(custom: Called, call: Callable[..., Any], kind: str) -> None:
    body = {
        "apiVersion": "c.example.org/v1",
        "kind": kind,
        "metadata": {"name": "it"},
        "spec": {"replicas": 2},
    }
    made = call("create", body)
    assert (custom.api.code, made["kind"], made["metadata"]["generation"]) == (201, kind, 1)
    assert call("get", "it") == made
    assert call("replace", "it", made) == made
    listed = call("list")
    assert (listed["kind"], len(listed["items"])) == (f"{kind}List", 1)
    assert listed["items"][0]["kind"] == kind, "lists of custom objects say the kind of each"
    patched = call("patch", "it", {"spec": {"color": "red"}}, _content_type=MERGE)
    assert patched["spec"] == {"replicas": 2, "color": "red"}
    status = call("get", "it", part="status")
    assert call("replace", "it", {**status, "status": {"replicas": 1}}, part="status")["status"] == {
        "replicas": 1
    }
    assert call("patch", "it", {"status": {"replicas": 2}}, part="status", _content_type=MERGE)["status"] == {
        "replicas": 2
    }
    scale = call("get", "it", part="scale")
    assert (scale["kind"], scale["spec"], scale["status"]) == ("Scale", {"replicas": 2}, {"replicas": 2})
    assert call("replace", "it", {**scale, "spec": {"replicas": 0}}, part="scale")["spec"] == {}
    assert call("patch", "it", {"spec": {"replicas": 3}}, part="scale", _content_type=MERGE)["spec"] == {
        "replicas": 3
    }
    gone = call("delete", "it")
    assert gone["status"] == "Success"
    assert gone["details"]["kind"] == f"{kind.lower()}s"
    call("create", body)
    assert call("delete_collection")["kind"] == f"{kind}List"
    assert call("list")["items"] == []


def options_of_deletions(core: Called) -> None:
    """What stays for a while is answered as the object, marked; what a dry run shows does not stay."""
    pod = running(core, "graceful", terminationGracePeriodSeconds=7)
    shown = core.delete_namespaced_pod("graceful", NAMESPACE, dry_run="All")
    assert (type(shown), shown.metadata.deletion_grace_period_seconds) == (client.V1Pod, 7)
    assert core.read_namespaced_pod("graceful", NAMESPACE).metadata.deletion_timestamp is None
    stale = client.V1DeleteOptions(preconditions=client.V1Preconditions(resource_version="1"))
    assert refused(core.delete_namespaced_pod, "graceful", NAMESPACE, body=stale).status == 409
    assert core.api.raw["message"].endswith(
        f"ResourceVersion in object meta: {pod.metadata.resource_version}"
    )
    gone = core.delete_namespaced_pod("graceful", NAMESPACE, grace_period_seconds=0)
    assert gone.metadata.uid == pod.metadata.uid
    apps = client.AppsV1Api(core.api)
    template = {"metadata": {"labels": {"app": "owner"}}, "spec": SPEC}
    spec = {"replicas": 0, "selector": {"matchLabels": {"app": "owner"}}, "template": template}
    for policy, finalizer in (("Foreground", "foregroundDeletion"), ("Orphan", "orphan")):
        apps.create_namespaced_deployment(NAMESPACE, {"metadata": {"name": "owner"}, "spec": spec})
        for dry_run in ("All", None):
            answer = apps.delete_namespaced_deployment(
                "owner", NAMESPACE, propagation_policy=policy, dry_run=dry_run
            )
            assert (answer["kind"], answer["metadata"]["finalizers"]) == ("Deployment", [finalizer])
            assert "deletionTimestamp" in answer["metadata"]
        end = time.monotonic() + 15
        while apps.list_namespaced_deployment(NAMESPACE, field_selector="metadata.name=owner").items:
            assert time.monotonic() < end
            time.sleep(0.02)
    both = {"propagation_policy": "Orphan", "orphan_dependents": True}
    assert refused(core.delete_namespaced_config_map, "kube-root-ca.crt", NAMESPACE, **both).status == 422
    assert (
        refused(core.delete_namespaced_config_map, "kube-root-ca.crt", NAMESPACE, dry_run="Some").status
        == 422
    )


WORKLOADS = """
apiVersion: apps/v1
kind: Deployment
spec: {replicas: 2, selector: {matchLabels: {app: d}}, template: {metadata: {labels: {app: d}}, spec: SPEC}}
---
apiVersion: apps/v1
kind: StatefulSet
spec:
  serviceName: s
  selector: {matchLabels: {app: s}}
  template: {metadata: {labels: {app: s}}, spec: SPEC}
  volumeClaimTemplates:
  - {metadata: {name: v}, spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Mi}}}}
---
apiVersion: apps/v1
kind: DaemonSet
spec: {selector: {matchLabels: {app: a}}, template: {metadata: {labels: {app: a}}, spec: SPEC}}
---
apiVersion: batch/v1
kind: CronJob
spec:
  schedule: "* * * * *"
  jobTemplate: {spec: {template: {spec: {restartPolicy: Never, containers: [{name: main, image: busybox}]}}}}
---
apiVersion: batch/v1
kind: Job
spec: {template: {spec: {restartPolicy: Never, containers: [{name: main, image: busybox}]}}}
---
apiVersion: v1
kind: Service
spec: {selector: {app: d}, ports: [{name: http, port: 80, targetPort: 80}]}
---
apiVersion: policy/v1
kind: PodDisruptionBudget
spec: {minAvailable: 1, selector: {matchLabels: {app: d}}}
---
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
spec: {maxReplicas: 3, scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: work}}
"""


def what_controllers_write(core: Called) -> None:
    """Everything that is in a cluster at work is listed under the judge's eyes."""
    core.group.create_namespace({"metadata": {"name": "work"}})
    for tree in yaml.safe_load_all(WORKLOADS.replace("SPEC", json.dumps(SPEC))):
        tree["metadata"] = {"name": "work"}
        utils.create_from_dict(core.api, tree, namespace="work")
    apps = client.AppsV1Api(core.api)
    end = time.monotonic() + 20
    while (apps.read_namespaced_deployment("work", "work").status.available_replicas or 0) < 2:
        assert time.monotonic() < end
        time.sleep(0.05)
    for api_version, api_class in CLASSES.items():
        if api_version == "events.k8s.io/v1":
            continue  # its model insists on a time that events of the other group do not have
        made = getattr(client, api_class)(core.api)
        for name in vars(getattr(client, api_class)):
            if re.fullmatch(r"list_((?!namespaced).*)", name) and not name.endswith("_with_http_info"):
                getattr(made, name)()
    core.group.delete_namespace("work")


def versions(version: Called) -> None:
    assert (version.get_code().major, version.get_code().minor) == ("1", "37")


def keys(openid: Called) -> None:
    assert "keys" in str(openid.get_service_account_issuer_open_id_keyset())


def issuer(known: Called) -> None:
    assert "jwks_uri" in str(known.get_service_account_issuer_open_id_configuration())


def groups(apis: Called) -> None:
    found = {version.group_version for group in apis.get_api_versions().groups for version in group.versions}
    assert found >= CLASSES.keys() - {"v1"}


def core_versions(core: Called) -> None:
    assert core.get_api_versions().versions == ["v1"]


def group(one: Called) -> None:
    found = one.get_api_group()
    raw = one.api.raw
    assert (raw["kind"], raw["apiVersion"]) == ("APIGroup", "v1")
    assert found.preferred_version.group_version == found.versions[0].group_version


def resources(one: Called) -> None:
    found = one.get_api_resources()
    core = found.group_version == "v1"
    assert one.api.raw.get("apiVersion") == (None if core else "v1"), (
        "the oldest discovery says no version of itself"
    )
    assert all(
        each.singular_name == "" or re.fullmatch("[a-z0-9]+", each.singular_name) for each in found.resources
    )
    assert all(each.verbs for each in found.resources)
    hashes = [each.storage_version_hash for each in found.resources if each.storage_version_hash]
    assert all(len(base64.b64decode(each)) == 8 for each in hashes)
