"""The strategies, as a learner reads them on the page: short, plain, no framework.

The text that is shown is the object that runs.

Law of this folder: a strategy sees a small cache and a small shop (labs.caching.cache.Cache,
labs.shop.shop.Shop) and nothing else. `read(shop, cache, item, ttl_s)` answers with a dict,
`write(shop, cache, item, price, ttl_s)` with the new version; no annotations, for a learner reads
them on the page.
"""
