//! Identity index（标识索引）: which ids were seen, for ever.
