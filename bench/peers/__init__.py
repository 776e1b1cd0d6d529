"""The programs that Mynah is measured against, each used as its own documentation would have it used."""
