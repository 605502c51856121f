"""CEL, the Common Expression Language, as Kubernetes has it: parsed, checked by type, evaluated.

Read `program.py` first: `compile(text, variables)` gives a `Program`, `Program.evaluate(bindings)` a value. `parser.py` makes
`nodes.py` of text, `checker.py` finds their types (`types.py`) and functions (`library/`), `compiler.py` makes Python of them.
Pure, stdlib only.
"""
