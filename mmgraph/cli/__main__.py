"""``python -m mmgraph.cli``: the ``mmgraph`` command where it is not on the path."""

from mmgraph.cli.main import main

main()
