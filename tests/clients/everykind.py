"""The tables of `test_kubernetes_client_methods`: an object of every kind, and what the client offers that is not served."""

from __future__ import annotations

import base64
import datetime
import re
from dataclasses import dataclass
from functools import cache
from typing import Any

import yaml
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519
from cryptography.x509.oid import NameOID

CLASSES = {
    "v1": "CoreV1Api",
    "apps/v1": "AppsV1Api",
    "batch/v1": "BatchV1Api",
    "autoscaling/v1": "AutoscalingV1Api",
    "autoscaling/v2": "AutoscalingV2Api",
    "policy/v1": "PolicyV1Api",
    "networking.k8s.io/v1": "NetworkingV1Api",
    "discovery.k8s.io/v1": "DiscoveryV1Api",
    "coordination.k8s.io/v1": "CoordinationV1Api",
    "events.k8s.io/v1": "EventsV1Api",
    "rbac.authorization.k8s.io/v1": "RbacAuthorizationV1Api",
    "scheduling.k8s.io/v1": "SchedulingV1Api",
    "node.k8s.io/v1": "NodeV1Api",
    "storage.k8s.io/v1": "StorageV1Api",
    "certificates.k8s.io/v1": "CertificatesV1Api",
    "admissionregistration.k8s.io/v1": "AdmissionregistrationV1Api",
    "flowcontrol.apiserver.k8s.io/v1": "FlowcontrolApiserverV1Api",
    "resource.k8s.io/v1": "ResourceV1Api",
    "storagemigration.k8s.io/v1": "StoragemigrationV1Api",
    "apiextensions.k8s.io/v1": "ApiextensionsV1Api",
    "apiregistration.k8s.io/v1": "ApiregistrationV1Api",
}
"""The client's class of every group and version that has kinds with objects."""

NOT_SERVED = (
    ("AdmissionregistrationV1alpha1Api", "alpha: off by default"),
    ("AdmissionregistrationV1beta1Api", "beta: off by default"),
    ("CertificatesV1beta1Api", "beta: off by default"),
    ("CoordinationV1alpha2Api", "alpha: off by default"),
    ("CoordinationV1beta1Api", "beta: off by default"),
    ("InternalApiserverApi", "the group has an alpha version only"),
    ("InternalApiserverV1alpha1Api", "alpha: off by default"),
    ("LifecycleApi", "the group has an alpha version only"),
    ("LifecycleV1alpha1Api", "alpha: off by default"),
    ("ResourceV1alpha3Api", "alpha: off by default"),
    ("ResourceV1beta1Api", "beta: off by default"),
    ("ResourceV1beta2Api", "beta: off by default"),
    ("SchedulingV1alpha3Api", "alpha: off by default"),
    ("SchedulingV1beta1Api", "beta: off by default"),
    ("StoragemigrationV1beta1Api", "beta: off by default"),
    ("LogsApi", "the files of the host's log directory are not served"),
)
"""Classes of the client whose every method answers 404, and why."""

EXCEPTIONS = tuple(
    (f"StorageV1Api.{verb}_csi_node_status", "alpha: the health of volumes is off by default")
    for verb in ("read", "replace", "patch")
)
"""Methods that nothing calls, and why."""

CONDITION = (
    '[{type: Tested, status: "True", reason: Tested, message: m, lastTransitionTime: "2026-01-01T00:00:00Z"}]'
)
CONTAINERS = "containers: [{name: main, image: nginx}]"
TEMPLATE = f"template: {{metadata: {{labels: {{app: a}}}}, spec: {{{CONTAINERS}}}}}"
SELECTOR = "selector: {matchLabels: {app: a}}"
JOB = f"suspend: true, template: {{spec: {{restartPolicy: Never, {CONTAINERS}}}}}"
CLAIM = "devices: {requests: [{name: one, exactly: {deviceClassName: c}}]}"
MATCHED = "resourceRules: [{apiGroups: [example.org], apiVersions: [v1], operations: [CREATE], resources: [things]}]"
ROLE_REF = "roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: view}"
SUBJECTS = "subjects: [{kind: Group, name: team, apiGroup: rbac.authorization.k8s.io}]"
WEBHOOKS = "webhooks: []"
METRICS = (
    "metrics: [{type: Resource, resource: {name: cpu, target: {type: Utilization, averageUtilization: 80}}}]"
)
TARGET = "minReplicas: 2, maxReplicas: 5, scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: none}"
MUTATION = """{patchType: ApplyConfiguration, applyConfiguration: {expression: 'Object{metadata: Object.metadata{labels: {"a": "b"}}}'}}"""


@dataclass(frozen=True, slots=True)
class Row:
    """An object of a kind in YAML without `apiVersion`, `kind` and `metadata`."""

    api_version: str
    kind: str
    body: str
    status: str = ""
    """What is merged into the status."""
    name: str = "it"
    lingers: bool = False
    """Whether something (a finalizer, a grace period) keeps a deleted object for a while, so that the object itself
    is the answer where otherwise a Status is."""

    @property
    def api_class(self) -> str:
        return CLASSES[self.api_version]

    @property
    def snake(self) -> str:
        """`csi_driver`: the kind in the names of methods."""
        split = re.sub(r"([A-Z]+)([A-Z][a-z])", r"\1_\2", self.kind)
        return re.sub(r"([a-z0-9])([A-Z])", r"\1_\2", split).lower()

    def tree(self, **labels: str) -> dict[str, Any]:
        text = self.body.replace("@CSR@", signing_request()).replace("@DER@", stub_request())
        body = yaml.safe_load(text.replace("@CA@", authority())) or {}
        metadata = {"name": self.name, **({"labels": labels} if labels else {})}
        return {"apiVersion": self.api_version, "kind": self.kind, "metadata": metadata, **body}


ROWS = (
    Row("v1", "Namespace", "{}", f"conditions: {CONDITION}", lingers=True),
    Row("v1", "Node", "spec: {podCIDR: 10.9.0.0/24}", f"conditions: {CONDITION}"),
    Row("v1", "Pod", f"spec: {{schedulerName: nobody, {CONTAINERS}}}", f"conditions: {CONDITION}"),
    Row("v1", "ConfigMap", "{data: {a: b}, binaryData: {c: AAE=}}"),
    Row("v1", "Secret", "{stringData: {a: b}}"),
    Row("v1", "ServiceAccount", "{automountServiceAccountToken: false}"),
    Row("v1", "Service", "spec: {selector: {app: a}, ports: [{port: 80}]}", f"conditions: {CONDITION}"),
    Row("v1", "Endpoints", "subsets: [{addresses: [{ip: 192.0.2.1}], ports: [{port: 80}]}]", name="manual"),
    Row(
        "v1",
        "Event",
        "{involvedObject: {kind: Pod, name: p, namespace: NAMESPACE}, reason: Tested, message: m, type: Normal, count: 2, "
        'firstTimestamp: "2026-01-01T00:00:00Z", lastTimestamp: "2026-01-01T00:00:05Z", source: {component: test}}',
    ),
    Row("v1", "LimitRange", 'spec: {limits: [{type: Container, max: {cpu: "2"}}]}'),
    Row("v1", "ResourceQuota", 'spec: {hard: {secrets: "100"}}', 'hard: {secrets: "100"}'),
    Row("v1", "PodTemplate", TEMPLATE),
    Row(
        "v1",
        "ReplicationController",
        f"spec: {{replicas: 0, selector: {{app: a}}, {TEMPLATE}}}",
        f"conditions: {CONDITION}",
    ),
    Row(
        "v1",
        "PersistentVolume",
        "spec: {capacity: {storage: 1Gi}, accessModes: [ReadWriteOnce], storageClassName: n, hostPath: {path: /tmp/p}}",
        "message: m",
        lingers=True,
    ),
    Row(
        "v1",
        "PersistentVolumeClaim",
        "spec: {accessModes: [ReadWriteMany], storageClassName: none, resources: {requests: {storage: 1Ti}}}",
        f"conditions: {CONDITION}",
        lingers=True,
    ),
    Row(
        "apps/v1", "Deployment", f"spec: {{replicas: 0, {SELECTOR}, {TEMPLATE}}}", f"conditions: {CONDITION}"
    ),
    Row(
        "apps/v1", "ReplicaSet", f"spec: {{replicas: 0, {SELECTOR}, {TEMPLATE}}}", f"conditions: {CONDITION}"
    ),
    Row(
        "apps/v1",
        "StatefulSet",
        f"spec: {{replicas: 0, serviceName: s, {SELECTOR}, {TEMPLATE}}}",
        f"conditions: {CONDITION}",
    ),
    Row("apps/v1", "DaemonSet", f"spec: {{{SELECTOR}, {TEMPLATE}}}", f"conditions: {CONDITION}"),
    Row("apps/v1", "ControllerRevision", "{revision: 7, data: {spec: {}}}"),
    Row("batch/v1", "Job", f"spec: {{{JOB}}}", f"conditions: {CONDITION}"),
    Row(
        "batch/v1",
        "CronJob",
        f'spec: {{schedule: "0 3 * * *", suspend: true, jobTemplate: {{spec: {{{JOB}}}}}}}',
        'lastScheduleTime: "2026-01-01T00:00:00Z"',
    ),
    Row("autoscaling/v1", "HorizontalPodAutoscaler", f"spec: {{{TARGET}}}", "desiredReplicas: 2", "v1"),
    Row(
        "autoscaling/v2",
        "HorizontalPodAutoscaler",
        f"spec: {{{TARGET}, {METRICS}}}",
        "desiredReplicas: 2",
        "v2",
    ),
    Row(
        "policy/v1",
        "PodDisruptionBudget",
        f"spec: {{minAvailable: 50%, {SELECTOR}}}",
        f"conditions: {CONDITION}",
    ),
    Row(
        "networking.k8s.io/v1",
        "Ingress",
        "spec: {rules: [{host: a.example.org, http: {paths: "
        "[{path: /, pathType: Prefix, backend: {service: {name: web, port: {number: 80}}}}]}}]}",
        "loadBalancer: {ingress: [{ip: 192.0.2.1}]}",
    ),
    Row("networking.k8s.io/v1", "IngressClass", "spec: {controller: example.org/c}"),
    Row("networking.k8s.io/v1", "NetworkPolicy", "spec: {podSelector: {}, policyTypes: [Ingress]}"),
    Row(
        "networking.k8s.io/v1",
        "ServiceCIDR",
        "spec: {cidrs: [10.111.0.0/16]}",
        f"conditions: {CONDITION}",
        lingers=True,
    ),
    Row(
        "networking.k8s.io/v1",
        "IPAddress",
        "spec: {parentRef: {resource: services, name: none, namespace: NAMESPACE}}",
        name="10.111.0.9",
    ),
    Row(
        "discovery.k8s.io/v1",
        "EndpointSlice",
        "{addressType: IPv4, endpoints: [{addresses: [192.0.2.1]}], ports: [{port: 80}]}",
    ),
    Row(
        "coordination.k8s.io/v1",
        "Lease",
        'spec: {holderIdentity: me, leaseDurationSeconds: 15, acquireTime: "2026-01-01T00:00:00.000001Z", '
        'renewTime: "2026-01-01T02:00:00.100000+02:00"}',
    ),
    Row(
        "events.k8s.io/v1",
        "Event",
        "{regarding: {kind: Pod, name: p, namespace: NAMESPACE}, reason: Tested, note: m, type: Normal, action: Test, "
        'reportingController: example.org/c, reportingInstance: i, eventTime: "2026-01-01T00:00:00.000001Z"}',
        name="other",
    ),
    Row(
        "rbac.authorization.k8s.io/v1", "Role", 'rules: [{apiGroups: [""], resources: [pods], verbs: [get]}]'
    ),
    Row("rbac.authorization.k8s.io/v1", "RoleBinding", f"{{{ROLE_REF}, {SUBJECTS}}}"),
    Row("rbac.authorization.k8s.io/v1", "ClusterRole", "rules: []"),
    Row("rbac.authorization.k8s.io/v1", "ClusterRoleBinding", f"{{{ROLE_REF}, {SUBJECTS}}}"),
    Row("scheduling.k8s.io/v1", "PriorityClass", "value: 1000"),
    Row("node.k8s.io/v1", "RuntimeClass", "handler: runc"),
    Row("storage.k8s.io/v1", "StorageClass", "provisioner: example.org/p"),
    Row("storage.k8s.io/v1", "CSIDriver", "spec: {attachRequired: true}"),
    Row("storage.k8s.io/v1", "CSINode", "spec: {drivers: []}"),
    Row("storage.k8s.io/v1", "CSIStorageCapacity", "{storageClassName: c, capacity: 10Gi}"),
    Row(
        "storage.k8s.io/v1",
        "VolumeAttachment",
        "spec: {attacher: example.org, nodeName: n1, source: {persistentVolumeName: pv}}",
        "attached: true",
    ),
    Row(
        "storage.k8s.io/v1",
        "VolumeAttributesClass",
        '{driverName: example.org, parameters: {iops: "100"}}',
        lingers=True,
    ),
    Row(
        "certificates.k8s.io/v1",
        "CertificateSigningRequest",
        "spec: {request: @CSR@, signerName: example.org/signer, usages: [client auth]}",
        'conditions: [{type: Failed, status: "True", reason: Tested, message: m}]',
    ),
    Row("certificates.k8s.io/v1", "ClusterTrustBundle", "spec: {trustBundle: @CA@}"),
    Row(
        "certificates.k8s.io/v1",
        "PodCertificateRequest",
        'spec: {signerName: example.org/pods, podName: p, podUID: "1", serviceAccountName: s, serviceAccountUID: "2", '
        'nodeName: n, nodeUID: "3", stubPKCS10Request: @DER@}',
        f"conditions: {CONDITION.replace('Tested', 'Denied')}",
    ),
    Row("admissionregistration.k8s.io/v1", "ValidatingWebhookConfiguration", WEBHOOKS),
    Row("admissionregistration.k8s.io/v1", "MutatingWebhookConfiguration", WEBHOOKS),
    Row(
        "admissionregistration.k8s.io/v1",
        "ValidatingAdmissionPolicy",
        f'spec: {{matchConstraints: {{{MATCHED}}}, validations: [{{expression: "true"}}]}}',
        f"conditions: {CONDITION}",
    ),
    Row(
        "admissionregistration.k8s.io/v1",
        "ValidatingAdmissionPolicyBinding",
        "spec: {policyName: p, validationActions: [Deny]}",
    ),
    Row(
        "admissionregistration.k8s.io/v1",
        "MutatingAdmissionPolicy",
        f"spec: {{reinvocationPolicy: Never, matchConstraints: {{{MATCHED}}}, mutations: [{MUTATION}]}}",
    ),
    Row("admissionregistration.k8s.io/v1", "MutatingAdmissionPolicyBinding", "spec: {policyName: p}"),
    Row(
        "flowcontrol.apiserver.k8s.io/v1",
        "FlowSchema",
        "spec: {priorityLevelConfiguration: {name: global-default}, matchingPrecedence: 9000}",
        f"conditions: {CONDITION}",
    ),
    Row(
        "flowcontrol.apiserver.k8s.io/v1",
        "PriorityLevelConfiguration",
        "spec: {type: Limited, limited: {limitResponse: {type: Reject}}}",
        f"conditions: {CONDITION}",
    ),
    Row("resource.k8s.io/v1", "DeviceClass", "spec: {}"),
    Row("resource.k8s.io/v1", "ResourceClaim", f"spec: {{{CLAIM}}}", "{}"),
    Row("resource.k8s.io/v1", "ResourceClaimTemplate", f"spec: {{spec: {{{CLAIM}}}}}"),
    Row(
        "resource.k8s.io/v1",
        "ResourceSlice",
        "spec: {driver: example.org, nodeName: n1, pool: {name: n1, generation: 1, resourceSliceCount: 1}, devices: []}",
    ),
    Row(
        "resource.k8s.io/v1",
        "DeviceTaintRule",
        "spec: {deviceSelector: {driver: example.org}, taint: {key: k, effect: NoSchedule}}",
        f"conditions: {CONDITION}",
    ),
    Row(
        "storagemigration.k8s.io/v1",
        "StorageVersionMigration",
        "spec: {resource: {group: apps, resource: deployments}}",
        "{}",
    ),
    Row(
        "apiextensions.k8s.io/v1",
        "CustomResourceDefinition",
        "spec: {group: m.example.org, scope: Namespaced, names: {plural: things, kind: Thing}, versions: "
        "[{name: v1, served: true, storage: true, schema: {openAPIV3Schema: {type: object}}}]}",
        "{}",
        name="things.m.example.org",
        lingers=True,
    ),
    Row(
        "apiregistration.k8s.io/v1",
        "APIService",
        "spec: {group: n.example.org, version: v1, groupPriorityMinimum: 1000, versionPriority: 10, "
        "insecureSkipTLSVerify: true, service: {name: none, namespace: default}}",
        "{}",
        name="v1.n.example.org",
    ),
)
"""Every kind that is stored."""


_NAME = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "me")])


@cache
def _request() -> x509.CertificateSigningRequest:
    return (
        x509.CertificateSigningRequestBuilder()
        .subject_name(_NAME)
        .sign(ed25519.Ed25519PrivateKey.generate(), None)
    )


@cache
def signing_request() -> str:
    return base64.b64encode(_request().public_bytes(serialization.Encoding.PEM)).decode()


@cache
def stub_request() -> str:
    return base64.b64encode(_request().public_bytes(serialization.Encoding.DER)).decode()


@cache
def authority() -> str:
    """A CA's certificate as a scalar of YAML."""
    key, day = ed25519.Ed25519PrivateKey.generate(), datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
    built = (
        x509.CertificateBuilder()
        .subject_name(_NAME)
        .issuer_name(_NAME)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(day)
        .not_valid_after(day + datetime.timedelta(days=36500))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, None)
    )
    return '"' + built.public_bytes(serialization.Encoding.PEM).decode().replace("\n", "\\n") + '"'
