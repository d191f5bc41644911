"""Research: recordings played through the engine, and what they say about spreads."""
