//! Lists of very many things that only grow（分页列表）, in pages that stay where they are: a vector that grows
//! copies all that it holds, and the memory that it leaves is too small for who grows next.

use std::ops::{Index, IndexMut};

/// Things a page: a division by it is a shift.
const PAGE: usize = 1024;

/// A list in pages: all are full but the last.
#[derive(Debug, Clone)]
pub(crate) struct Paged<T>(Vec<Vec<T>>);

impl<T> Default for Paged<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T> Paged<T> {
    pub(crate) fn len(&self) -> usize {
        let last = self.0.last().map_or(0, Vec::len);
        self.0.len().saturating_sub(1) * PAGE + last
    }

    pub(crate) fn push(&mut self, one: T) {
        if self.0.last().is_none_or(|last| last.len() == PAGE) {
            self.0.push(Vec::with_capacity(PAGE));
        }
        if let Some(last) = self.0.last_mut() {
            last.push(one);
        }
    }

    /// Adds what is made until there are so many.
    pub(crate) fn fill(&mut self, len: usize, mut make: impl FnMut() -> T) {
        while self.len() < len {
            self.push(make());
        }
    }

    pub(crate) fn get(&self, at: usize) -> Option<&T> {
        self.0.get(at / PAGE)?.get(at % PAGE)
    }

    pub(crate) fn get_mut(&mut self, at: usize) -> Option<&mut T> {
        self.0.get_mut(at / PAGE)?.get_mut(at % PAGE)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &T> {
        self.0.iter().flatten()
    }

    /// Bytes of its pages, without what the things hold themselves.
    pub(crate) fn heap_bytes(&self) -> usize {
        self.0.len() * PAGE * size_of::<T>()
    }
}

impl<T> Index<usize> for Paged<T> {
    type Output = T;

    fn index(&self, at: usize) -> &T {
        &self.0[at / PAGE][at % PAGE]
    }
}

impl<T> IndexMut<usize> for Paged<T> {
    fn index_mut(&mut self, at: usize) -> &mut T {
        &mut self.0[at / PAGE][at % PAGE]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_list_holds_stays_where_it_is() {
        let mut list: Paged<usize> = Paged::default();
        let mut places = Vec::new();
        for at in 0..3 * PAGE {
            assert_eq!((list.len(), list.get(at)), (at, None));
            list.push(at);
            places.push(&raw const list[at]);
        }
        let stands = list.iter().map(|one| &raw const *one);
        assert!(stands.eq(places));
        assert!(list.iter().copied().eq(0..3 * PAGE));
        *list.get_mut(PAGE).unwrap() = 7;
        list[PAGE + 1] = 8;
        assert_eq!(
            [list[PAGE - 1], list[PAGE], list[PAGE + 1]],
            [PAGE - 1, 7, 8]
        );
        list.fill(3 * PAGE + 2, || 9);
        assert_eq!((list.len(), list[3 * PAGE + 1]), (3 * PAGE + 2, 9));
        list.fill(PAGE, || 10);
        assert_eq!(list.len(), 3 * PAGE + 2);
        assert_eq!(list.heap_bytes(), 4 * PAGE * size_of::<usize>());
    }
}
