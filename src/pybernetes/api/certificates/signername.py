"""Names of signers: `kubernetes.io/kube-apiserver-client`, a domain and a path."""

from __future__ import annotations

from pybernetes.lang import names

from ..fielderrors import FieldErrors, show

LONGEST_DOMAIN = 253
LONGEST = 2 * LONGEST_DOMAIN + 1


def validate_signer_name(signer: str, errors: FieldErrors) -> None:
    """`errors` stands at the field. Upstream's `ValidateSignerName`."""
    if not signer:
        errors.required()
    segments = signer.split("/")
    if len(segments) != 2:
        errors.invalid(
            signer, "must be a fully qualified domain and path of the form 'example.com/signer-name'"
        )
        return
    domain, path = segments
    if len(domain) > LONGEST_DOMAIN:
        errors.too_long(LONGEST_DOMAIN)
    labels = domain.split(".")
    _first_bad(domain, labels, [names.dns1123_label(each) for each in labels], errors)
    if len(labels) < 2:
        errors.invalid(domain, "should be a domain with at least two segments separated by dots")
    parts = path.split(".")
    _first_bad(path, parts, [names.dns1123_subdomain(each) for each in parts], errors)
    if len(signer) > LONGEST:
        errors.too_long(LONGEST)


def _first_bad(segment: str, labels: list[str], found: list[list[str]], errors: FieldErrors) -> None:
    """Records what is wrong with the first bad label only: the others would say the same."""
    for label, messages in zip(labels, found, strict=True):
        if messages:
            for message in messages:
                errors.invalid(segment, f"validating label {show(label)}: {message}")
            return
