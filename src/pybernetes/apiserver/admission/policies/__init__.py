"""What the two admission policies in CEL share: `compiled.py` is a policy with its bindings, ready to run; `matching.py`
says what it is about; `params.py` finds its parameters; `inputs.py` makes the values that its expressions see;
`patches.py` applies what a mutation says. The plugins are `../validatingadmissionpolicy.py` and
`../mutatingadmissionpolicy.py`. Everything is pure and synchronous.
"""
