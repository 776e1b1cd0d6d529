"""How good voices become with the built-in base: tuned, measured, held against goals, apart from the product."""
