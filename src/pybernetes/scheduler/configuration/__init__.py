"""KubeSchedulerConfiguration v1: reading it (`read.py`), what it says (`types.py`), each plugin's arguments
(`arguments.py`), and the profiles that come of it (`profiles.py`). Only the last two need NumPy.
"""
