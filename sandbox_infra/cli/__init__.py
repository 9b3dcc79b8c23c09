"""The console: ``sandbox NOUN VERB`` for sites and images, ``sandbox VERB STACK`` for stacks.

Commands import what they need when they run, so that ``sandbox --help`` is there at once.
"""
