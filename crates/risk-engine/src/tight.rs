//! Very many short lists（紧凑列表）: most alerts stand alone in their stream and most cases in their docket, and
//! room for three more would take most of the memory.

/// Adds to a list that is one of very many and mostly stays short: what it grows by is a quarter of it, and of an
/// empty one nothing but room for what is added.
pub(crate) fn push_tight<T>(list: &mut Vec<T>, one: T) {
    if list.len() == list.capacity() {
        list.reserve_exact(1 + list.len() / 4);
    }
    list.push(one);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_lists_hold_no_spare_room_and_long_ones_grow_by_a_share() {
        let mut list = Vec::new();
        let mut moved = 0;
        for one in 0..10_000_u32 {
            let before = list.capacity();
            push_tight(&mut list, one);
            moved += usize::from(list.capacity() != before);
            assert!(list.capacity() <= list.len() + list.len() / 4 + 1);
            assert!(list.len() > 4 || list.capacity() == list.len(), "{one}");
        }
        assert!(list.into_iter().eq(0..10_000));
        assert!(moved < 60, "{moved}");
    }
}
