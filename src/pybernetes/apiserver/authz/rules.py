"""One policy rule of a Role, compiled for matching: pure. Semantics: upstream's rbac/v1 evaluation helpers."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import product
from typing import Any

from pybernetes.api.meta import MutableObj, Obj, key_of

from ..attributes import Attributes

ALL = "*"
log = logging.getLogger("authorizer")


@dataclass(frozen=True, slots=True)
class Rule:
    """A `PolicyRule`. A resource rule has groups and resources, a non-resource rule has urls."""

    verbs: frozenset[str]
    groups: frozenset[str] = frozenset()
    resources: frozenset[str] = frozenset()
    names: frozenset[str] = frozenset()
    urls: frozenset[str] = frozenset()
    told: tuple[str, ...] = field(default=(), compare=False)
    """The verbs in the order in which the rule names them: that of messages."""

    @staticmethod
    def of(tree: Obj) -> Rule:
        """From the tree in a Role's `rules`. Raises TypeError where it is none."""
        return Rule(
            _texts(tree, "verbs"),
            _texts(tree, "apiGroups"),
            _texts(tree, "resources"),
            _texts(tree, "resourceNames"),
            _texts(tree, "nonResourceURLs"),
            tuple(tree["verbs"]) if tree.get("verbs") else (),
        )

    def tree(self) -> MutableObj:
        """As a `PolicyRule`, its lists sorted, empty ones left out."""
        lists = {
            "verbs": self.verbs,
            "apiGroups": self.groups,
            "resources": self.resources,
            "resourceNames": self.names,
            "nonResourceURLs": self.urls,
        }
        return {name: sorted(values) for name, values in lists.items() if values or name == "verbs"}

    def allows(self, attributes: Attributes) -> bool:
        if attributes.verb not in self.verbs and ALL not in self.verbs:
            return False
        if not attributes.is_resource:
            return any(_url_matches(url, attributes.path) for url in self.urls)
        if attributes.group not in self.groups and ALL not in self.groups:
            return False
        if self.names and attributes.name not in self.names:
            return False
        resources = self.resources
        if attributes.subresource:
            return (
                ALL in resources
                or f"{attributes.resource}/{attributes.subresource}" in resources
                or f"{ALL}/{attributes.subresource}" in resources
            )
        return attributes.resource in resources or ALL in resources


def _texts(tree: Any, field: str) -> frozenset[str]:
    """A list of texts in a rule. A text in place of a list is refused: its letters are no permissions."""
    if not isinstance(tree, Mapping):
        raise TypeError(f"a rule must be an object, not {tree!r}")
    values = tree.get(field) or ()
    if not isinstance(values, list | tuple) or not all(isinstance(each, str) for each in values):
        raise TypeError(f"{field} must be a list of strings, not {values!r}")
    return frozenset(values)


def _url_matches(rule_url: str, path: str) -> bool:
    if rule_url in (ALL, path):
        return True
    return rule_url.endswith(ALL) and path.startswith(rule_url.rstrip(ALL))


def rules_of(role: Obj) -> tuple[Rule, ...]:
    """The rules of a role as it is stored; what cannot be read (it was stored by other means) allows nothing."""
    trees = role.get("rules") or ()
    found: list[Rule] = []
    for tree in trees if isinstance(trees, list | tuple) else (trees,):
        try:
            found.append(Rule.of(tree))
        except TypeError as error:
            log.warning("%s: a rule that cannot be read allows nothing: %s", key_of(role), error)
    return tuple(found)


# ---- covering: does what one holds include all of what one wants to give?


def uncovered(owned: Iterable[Rule], wanted: Iterable[Rule]) -> list[Rule]:
    """The single permissions (one verb on one thing) of `wanted` that no rule of `owned` includes."""
    holds = tuple(owned)
    return [one for rule in wanted for one in singles(rule) if not any(_includes(own, one) for own in holds)]


def singles(rule: Rule) -> tuple[Rule, ...]:
    """The rule cut into permissions of one verb, one group, one resource (and one name, if any) or one URL."""
    return _singles(rule, rule.told)


@lru_cache(maxsize=1024)
def _singles(rule: Rule, told: tuple[str, ...]) -> tuple[Rule, ...]:
    """The same; rules are remembered by the order of their verbs, too."""
    found: list[Rule] = []
    for verb in dict.fromkeys(told) or sorted(rule.verbs):
        one_verb = frozenset({verb})
        each_name = [frozenset({name}) for name in sorted(rule.names)] or [frozenset()]
        things = product(sorted(rule.groups), sorted(rule.resources), each_name)
        found += [Rule(one_verb, frozenset({g}), frozenset({r}), names) for g, r, names in things]
        found += [Rule(one_verb, urls=frozenset({url})) for url in sorted(rule.urls)]
    return tuple(found)


def joined(permissions: Iterable[Rule]) -> list[Rule]:
    """Single permissions on the same thing as one rule with several verbs."""
    verbs: dict[Rule, set[str]] = {}
    for one in permissions:
        thing = Rule(frozenset(), one.groups, one.resources, one.names, one.urls)
        verbs.setdefault(thing, set()).update(one.verbs)
    return [
        Rule(frozenset(held), thing.groups, thing.resources, thing.names, thing.urls)
        for thing, held in verbs.items()
    ]


def _includes(own: Rule, one: Rule) -> bool:
    """Whether `own` includes a single permission. A wildcard is only included in a wildcard."""
    if not (one.verbs <= own.verbs or ALL in own.verbs):
        return False
    if one.urls:
        (url,) = one.urls
        return any(_url_covers(mine, url) for mine in own.urls)
    if not (one.groups <= own.groups or ALL in own.groups):
        return False
    (resource,) = one.resources
    whole, slash, subresource = resource.partition("/")
    known = own.resources
    if not (
        ALL in known or resource in known or (slash and whole != ALL and f"{ALL}/{subresource}" in known)
    ):
        return False
    return not own.names or (bool(one.names) and one.names <= own.names)


def _url_covers(own: str, wanted: str) -> bool:
    if own in (ALL, wanted):
        return True
    return own.endswith(ALL) and wanted.startswith(own.rstrip(ALL))
