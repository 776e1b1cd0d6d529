"""Speed and memory against plain transformers, side by side on this machine. Ratios, not promises."""
