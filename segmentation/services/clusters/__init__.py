"""Searches for clusters: asked for on a page, run by a worker, applied by every night.

requesting   making, changing and archiving a clustering; asking for a search; what the marketer writes about it
features     the matrix: features of the members of a base segment, set-based
searching    the search itself, in a worker, and the putting in place of what it found
applying     the fit in force on a night, and to which cluster everybody belongs by it
"""
