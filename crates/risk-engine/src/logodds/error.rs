//! Why no model could be fitted.

use compact_str::CompactString;

/// Settings or rows that no fit can be made with.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum FitError {
    /// A season, a covariate or a remedy names a level that is not declared.
    #[error("no level is named {0}")]
    UnknownLevel(CompactString),
    /// Two levels of one name.
    #[error("two levels are named {0}")]
    TwoLevels(CompactString),
    /// A prior variance that is none.
    #[error("a prior variance must be finite and above 0, not {0}")]
    Variance(f64),
    /// A half-life that is none.
    #[error("a half-life must be finite and above 0, not {0} weeks")]
    HalfLife(f64),
    /// A chance outside (0, 1).
    #[error("the chance of an interval lies between 0 and 1, not {0}")]
    Interval(f64),
    /// A frame made for other settings.
    #[error("the frame groups targets by {frame} levels, the settings declare {settings}")]
    Levels {
        /// Levels of the frame.
        frame: usize,
        /// Levels of the settings.
        settings: usize,
    },
    /// A row of a target that the frame does not have.
    #[error("a row is of target {target}, and the frame has {targets}")]
    Target {
        /// The row's target.
        target: u32,
        /// Targets of the frame.
        targets: usize,
    },
    /// A row of a mode that is not declared.
    #[error("a row is of mode number {0}, which is not declared")]
    Mode(u8),
    /// A row of a fast-test method that is not declared.
    #[error("a row is of fast-test method number {0}, which is not declared")]
    UnknownMethod(u8),
    /// A prior of a method's accuracy that is none.
    #[error("both counts of a prior of fast-test method {0} must be finite and above 0")]
    Method(CompactString),
    /// More levels than parts can name.
    #[error("{0} levels are declared, 255 can be")]
    TooManyLevels(usize),
    /// More failed than were tested.
    #[error("a row of target {0} has more failures than tests")]
    Failures(u32),
}
