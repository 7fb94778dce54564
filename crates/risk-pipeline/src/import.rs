//! Imports（导入）. To come.
