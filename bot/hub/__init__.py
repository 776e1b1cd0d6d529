"""The model hub: voices are pushed to it and pulled from it; what was pushed goes when its people are forgotten.

Nothing here trusts what a hub or a repository says.
"""
