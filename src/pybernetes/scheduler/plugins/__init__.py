"""One file per scheduler plugin; `table.py` lists them in upstream's order."""
