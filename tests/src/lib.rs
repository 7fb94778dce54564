//! Shared by nobody: the tests live in `it/`.
