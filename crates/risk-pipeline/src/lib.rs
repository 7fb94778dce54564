//! Bring it in once, send it out: sources, worker, dead letters, publishers.
