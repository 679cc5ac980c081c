"""`doctor`: every fault that it knows, seeded on a real receiver or process, and told apart from its neighbours."""
