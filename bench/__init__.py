"""Speed and memory of Mynah and of its peers, side by side on this machine: ratios, not promises.

Nothing here is part of the product. Each row group is a file in `bench/rows`; `python -m bench --help` says the
rest.
"""
