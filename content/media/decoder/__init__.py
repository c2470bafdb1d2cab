"""The decoders, which run in a child process: `python -m content.media.decoder` (content.media.decoding starts it).

A decoder may crash, hang or fill the memory on a file that was made to do so; here that ends the child and nothing
else. Nothing in this package imports Django, for the child's start would take seconds.
"""
