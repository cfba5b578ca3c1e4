"""What the features of the site share: who asks, what may be asked, how errors look.

Knows no feature.
"""
