//! Numbers: estimation, intervals, charts, survey sampling, acceptance tables.
