//! The tests of the whole house, one module a concern.
