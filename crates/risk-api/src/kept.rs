//! What was worked out last for a question, kept for as long as the ledger does not grow: pages of a list
//! are one question, and so is what several people look at.

use std::sync::{Arc, Mutex, PoisonError};

/// The last answer, and to what.
#[derive(Debug)]
pub(crate) struct Kept<K, T>(Mutex<Option<(K, Arc<T>)>>);

impl<K, T> Default for Kept<K, T> {
    fn default() -> Self {
        Self(Mutex::new(None))
    }
}

impl<K: PartialEq, T> Kept<K, T> {
    /// What was worked out for this question, else what is now. The question names everything that the
    /// answer rests on, the ledger's length among it.
    pub(crate) fn or_made(&self, asked: K, make: impl FnOnce() -> T) -> Arc<T> {
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((of, answer)) = &*last
            && *of == asked
        {
            return Arc::clone(answer);
        }
        let answer = Arc::new(make());
        *last = Some((asked, Arc::clone(&answer)));
        answer
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_question_is_worked_out_once_and_another_anew() {
        let kept = Kept::default();
        let answers = [1, 1, 2, 1].map(|asked| *kept.or_made(asked, || asked * 10));
        assert_eq!(answers, [10, 10, 20, 10]);
        let never = || -> i32 { panic!("it is known") };
        assert_eq!(*kept.or_made(1, never), 10);
    }
}
