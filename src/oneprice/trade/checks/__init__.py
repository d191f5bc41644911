"""What the gates look at, one function for each: "" lets a plan pass, anything else is why not.

Every text has words, figures, and in brackets the setting (or the rule) that decides.
"""
