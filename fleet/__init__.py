"""Check or update all services of a company, in copies; nothing is pushed without being told to."""
