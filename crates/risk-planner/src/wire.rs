//! What is exchanged: the request for a plan, and the published record of a draw.

mod acceptance;
pub mod draw;
pub mod inputs;
mod race;
pub mod request;
