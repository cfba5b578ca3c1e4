"""The strategies, as a learner reads them on the page: short, plain, no framework. The text that is shown is the object that runs.

Law of this folder: a strategy sees a small cache and a small shop (labs.caching.cache, labs.shop.shop) and nothing else.
"""
