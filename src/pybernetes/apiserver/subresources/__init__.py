"""What is served below an object (`/status`, `/scale`, `/binding`, …), one file each, and the reviews that are
created to ask a question. `table.py` lists them.
"""
