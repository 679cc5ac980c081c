"""The set-ups that the generated telemetry/ is compared with; variants.py puts this folder in its place.

Each module has the functions that the service calls, and `instrument(app)`, which app.py calls at its end.
"""
