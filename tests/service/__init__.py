"""Running services: counts from real processes and a real receiver."""
