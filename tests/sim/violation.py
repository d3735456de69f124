"""The one error of the simulator that is a finding and no fault of its own."""


class Violated(BaseException):
    """A promise is broken. The text begins with the invariant's number.

    No `Exception`, because the services that are driven go on after those.
    """
