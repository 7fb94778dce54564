//! Show it to the right audience, accept decisions: HTTP, live stream, console, exports.
