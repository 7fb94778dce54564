//! What we conclude, as a pure function of state and input: evidence, model, grades, alerts, cases.
