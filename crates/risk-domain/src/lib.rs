//! What the world says: inspection results, products, subjects, places, scales, time, calendars.
//!
//! Facts and vocabulary only; conclusions live in `risk-engine`, choices in `risk-planner`.
//! Nothing here does I/O, reads a clock or draws randomness.

pub mod access;
pub mod alert_action;
pub mod article;
pub mod calendar;
pub mod case_act;
pub mod case_action;
pub mod decision;
pub mod ids;
pub mod inspection;
pub mod personal;
pub mod plan_act;
pub mod problem;
pub mod reference;
pub mod registry;
pub mod scales;
pub mod selection;
pub mod signal;
pub mod subject;
pub mod time;
