"""The update program: it merges a newer version of the template into a service.

A service starts it by `.template/update.py`, in its own folder. It needs Git and the standard
library.
"""
