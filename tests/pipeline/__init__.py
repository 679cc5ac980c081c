"""The second template, `--directory pipeline`: answers, files, manifests, and how it agrees with the services."""
