"""cronjob-controller: a Job at each moment that a schedule names. Read `plan.py` first."""
