"""The template's later versions, adopted by services that people have edited."""
