"""The page in the browser: one person brings posts, trains and speaks; an operator also posts and spends.

serving.py opens it, doors.py decides who comes in, page.py puts the tabs together; what the tabs share is in
handling.py and backend.py.
"""
