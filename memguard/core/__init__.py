"""The nouns that everything shares; standard library only."""
