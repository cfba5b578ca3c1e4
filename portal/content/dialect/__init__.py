"""The lessons' Markdown: CommonMark with tables and footnotes, a few containers, marked meanings,
measured figures.

What comes out is a list of blocks. Text is sanitised at the end, whatever came in; only the
lessons' own figures pass by, which `portal.content.figures` has read. portal/content/README.md
describes the dialect for authors.
"""
