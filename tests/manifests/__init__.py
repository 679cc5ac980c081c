"""What deploys the service: four targets that say the same, each judged by its own validators."""
