"""The expressions that select devices: which names they know. Imports CEL, so only where there is one."""

from __future__ import annotations

from functools import lru_cache

from pybernetes.lang.cel.checker import BIND
from pybernetes.lang.cel.errors import CelCompileError
from pybernetes.lang.cel.library.quantities import QUANTITY
from pybernetes.lang.cel.program import Program, compile
from pybernetes.lang.cel.types import BOOL, DYN, STRING, Type, is_dyn, map_of, object_of


class SelectorError(ValueError):
    """The expression cannot select devices; the message is that of the field's error."""


@lru_cache(maxsize=1)
def _device() -> Type:
    return object_of(
        "kubernetes.DRADevice",
        {
            "driver": STRING,
            "allowMultipleAllocations": BOOL,
            "attributes": map_of(STRING, map_of(STRING, DYN)),
            "capacity": map_of(STRING, map_of(STRING, QUANTITY)),
        },
    )


@lru_cache(maxsize=256)
def compile_selector(expression: str) -> Program:
    """The program over `device`. Raises SelectorError."""
    try:
        program = compile(expression, {"device": _device(), BIND: DYN})
    except CelCompileError as error:
        raise SelectorError(f"compilation failed: {error}") from error
    if program.type != BOOL and not is_dyn(program.type):
        raise SelectorError(f"must evaluate to bool or the unknown type, not the {program.type} type")
    return program
