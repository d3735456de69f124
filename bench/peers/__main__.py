"""`python -m peers all|speed|conform|case|table`: measure, judge, and draw the scoreboard.

Progress goes to stderr, the verdict to stdout. Exit code 1 where a case of BrewSaga's, or the one
that was asked for, did not pass.
"""

import sys

from peers.commands import main

sys.exit(main())
