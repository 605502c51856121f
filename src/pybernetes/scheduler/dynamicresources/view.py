"""The objects that allocation reads, as informers tell of them, under what this scheduler is about to write.

Three layers say what a claim is: an allocation that is under way (pending), what was written and has not come back yet,
and what came. `log` names the pools whose devices were taken, freed or changed, in order, so that answers can be kept and
only those about these pools be asked for again; a new `epoch` means that all have to.
"""

from __future__ import annotations

from collections.abc import Mapping

from pybernetes.api.meta import Obj, key_of, name_of, namespace_of, resource_version_of

from . import pools
from .devices import Pool, PoolId
from .inuse import InUse, results_of
from .search import Reach

LONGEST_LOG = 4096
BY_CLASS = "deviceclass.resource.kubernetes.io/"
"""What comes before a class's name in the extended resource that every class is."""


class DeviceView:
    def __init__(self) -> None:
        self.in_use = InUse()
        self.log: list[PoolId] = []
        self.epoch = 0
        self._classes: dict[str, Obj] = {}
        self._by_resource: dict[str, str] = {}
        self._rules: dict[str, Obj] = {}
        self._slices: dict[PoolId, dict[str, Obj]] = {}
        self._pools: dict[PoolId, Pool] = {}
        self._stale: set[PoolId] = set()
        self._by_node: dict[str, dict[PoolId, None]] = {}
        self._wide: dict[PoolId, None] = {}
        self._claims: dict[str, Obj] = {}
        self._written: dict[str, Obj] = {}
        self._pending: dict[str, Obj] = {}

    # What informers tell.

    def event(self, kind: str, old: Obj | None, new: Obj | None) -> None:
        """An object appeared, changed or went."""
        match kind:
            case "ResourceClaim":
                self._claim_event(old, new)
            case "ResourceSlice":
                self._slice_event(old, new)
            case "DeviceClass":
                self._replace(self._classes, old, new)
                self._by_resource = _by_resource(self._classes)
            case "DeviceTaintRule":
                self._replace(self._rules, old, new)
                self._stale |= self._slices.keys()

    def _replace(self, table: dict[str, Obj], old: Obj | None, new: Obj | None) -> None:
        if old is not None:
            table.pop(name_of(old), None)
        if new is not None:
            table[name_of(new)] = new
        self.epoch += 1

    def _slice_event(self, old: Obj | None, new: Obj | None) -> None:
        for each in (old, new):
            if each is not None:
                pool = pools.pool_of(each)
                self._touch(pool)
                self._stale.add(pool)
                if each is old:
                    self._slices.get(pool, {}).pop(name_of(each), None)
        if new is not None:
            self._slices.setdefault(pools.pool_of(new), {})[name_of(new)] = new

    def _claim_event(self, old: Obj | None, new: Obj | None) -> None:
        key = key_of(new or old or {})
        before = results_of(self._effective(key))
        if new is None:
            self._claims.pop(key, None)
            self._written.pop(key, None)
        else:
            self._claims[key] = new
            written = self._written.get(key)
            if written is not None and not _before(new, written):
                del self._written[key]
        self._account(key, before)

    # What this scheduler does.

    def begin(self, claim: Obj) -> None:
        """Takes an allocation for made that is about to be written; `claim` has it."""
        key = key_of(claim)
        before = results_of(self._effective(key))
        self._pending[key] = claim
        self._account(key, before)

    def end(self, key: str, written: Obj | None = None) -> None:
        """The allocation was written (`written` is the claim as the server answered), or is not going to be."""
        before = results_of(self._effective(key))
        self._pending.pop(key, None)
        known = self._claims.get(key)
        if written is not None and (known is None or _before(known, written)):
            self._written[key] = written
        self._account(key, before)

    def is_pending(self, key: str) -> bool:
        return key in self._pending

    # What plugins read.

    def claim(self, key: str) -> Obj | None:
        """The claim under `namespace/name`, without an allocation that is only pending."""
        return self._written.get(key) or self._claims.get(key)

    def device_class(self, name: str) -> Obj | None:
        return self._classes.get(name)

    @property
    def serves_resources(self) -> bool:
        """Whether any extended resource may be a device."""
        return bool(self._classes)

    def class_of(self, resource: str) -> str:
        """The class whose devices serve an extended resource; "" where there is none."""
        if resource.startswith(BY_CLASS):
            name = resource.removeprefix(BY_CLASS)
            return name if name in self._classes else ""
        return self._by_resource.get(resource, "")

    def claims_in(self, namespace: str) -> list[Obj]:
        return [claim for claim in self._claims.values() if namespace_of(claim) == namespace]

    def reach(self, node: str, labels: Mapping[str, str], version: int) -> tuple[Reach, ...]:
        """The pools that a node reaches, in the order in which they are tried. `version` is that of the node table:
        answers about labels are kept while it stands."""
        self._renew()
        found = []
        for pool_id in (*self._by_node.get(node, ()), *self._wide):
            pool = self._pools[pool_id]
            if pool.seen_at != version:
                pool.seen.clear()
                pool.seen_at = version
            if node not in pool.seen:
                pool.seen[node] = pool.for_node(node, labels)
            devices = pool.seen[node]
            if devices is not None:
                found.append(Reach(pool, devices))
        found.sort(key=lambda each: (each.pool.conditional, each.pool.id))
        return tuple(found)

    def nodes_of(self, pool: PoolId) -> frozenset[str] | None:
        """The nodes that reach a pool, None where only looking at each tells."""
        self._renew()
        known = self._pools.get(pool)
        return known.nodes if known is not None else None

    def _renew(self) -> None:
        """Builds the pools again whose slices changed."""
        if not self._stale:
            return
        rules = tuple(rule for _, rule in sorted(self._rules.items()))
        for pool_id in self._stale:
            before = self._pools.pop(pool_id, None)
            if before is not None:
                self._wide.pop(pool_id, None)
                for node in before.nodes or ():
                    self._by_node[node].pop(pool_id, None)
            pool = pools.build(self._slices.get(pool_id, {}).values(), rules)
            if pool is None:
                self._slices.pop(pool_id, None)
            else:
                self._pools[pool_id] = pool
                if pool.nodes is None:
                    self._wide[pool_id] = None
                for node in pool.nodes or ():
                    self._by_node.setdefault(node, {})[pool_id] = None
            if before is None or pool is None or before.nodes != pool.nodes:
                self.epoch += 1
        self._stale.clear()

    # Keeping count.

    def _effective(self, key: str) -> Obj | None:
        return self._pending.get(key) or self.claim(key)

    def _account(self, key: str, before: tuple[Obj, ...]) -> None:
        after = results_of(self._effective(key))
        if after == before:
            return
        self.in_use.remove(before)
        self.in_use.add(after)
        for each in (*before, *after):
            self._touch((each["driver"], each["pool"]))

    def _touch(self, pool: PoolId) -> None:
        if len(self.log) >= LONGEST_LOG:
            self.log.clear()
            self.epoch += 1
        self.log.append(pool)


def _by_resource(classes: Mapping[str, Obj]) -> dict[str, str]:
    """The class of each resource that classes name; of several that name the same, the youngest."""
    ordered = sorted(
        classes.values(),
        key=lambda each: (each["metadata"].get("creationTimestamp") or "", name_of(each)[::-1]),
    )
    return {
        resource: name_of(each)
        for each in ordered
        if (resource := (each.get("spec") or {}).get("extendedResourceName"))
    }


def _before(claim: Obj, other: Obj) -> bool:
    """Whether a version of a claim is older than another."""
    return int(resource_version_of(claim) or 0) < int(resource_version_of(other) or 0)
