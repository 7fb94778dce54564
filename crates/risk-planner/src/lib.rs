//! What to test next, as a pure function: allocation, draw, evaluation of plans.
