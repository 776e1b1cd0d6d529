"""How good a voice is, in numbers: pure measures on lists of texts, a file each, and what draws and reports."""
