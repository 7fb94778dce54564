//! What is personal, read back, and what became of it.

use super::{DeadLetterRow, Reader, Views};
use crate::error::StoreError;
use crate::personal::{Disclosed, Gone, KeyCounts, Place, RetentionPolicy, key_of};
use crate::records::{
    DeadLetter, Record, RecordKind, RejectedRecord, decode_personal, decode_rejected,
};
use risk_domain::ids::SignalId;
use risk_domain::personal::{Erasure, KeyId};
use risk_domain::signal::{Signal, SignalPersonal};

impl Reader {
    /// One dead letter with its record; `None` if the entry is none.
    pub fn dead_letter(&self, entry: u64) -> Result<Option<DeadLetter>, StoreError> {
        if entry >= self.views.ledger.entry_count() {
            return Ok(None);
        }
        match self.record(entry)? {
            Record::Rejection(record) => self.opened(entry, *record).map(Some),
            Record::Result(_)
            | Record::Registry(_)
            | Record::Command(_)
            | Record::Signal(_)
            | Record::Access(_)
            | Record::Erasure(_)
            | Record::Input(_)
            | Record::Effect(_) => Ok(None),
        }
    }

    /// A listed dead letter with its record.
    pub fn dead_letter_of(&self, row: &DeadLetterRow) -> Result<DeadLetter, StoreError> {
        let found = self.dead_letter(row.entry)?;
        found.ok_or_else(|| StoreError::Record {
            entry: row.entry,
            reason: "the views name it as a dead letter, which it is not".to_owned(),
        })
    }

    pub(super) fn opened(
        &self,
        entry: u64,
        RejectedRecord { summary, sealed }: RejectedRecord,
    ) -> Result<DeadLetter, StoreError> {
        let kind = RecordKind::Rejection;
        let opened = self.open_section(Place { entry, kind }, &sealed)?;
        let rejected = match opened {
            Disclosed::Shown(bytes) => Disclosed::Shown(decode_rejected(entry, &bytes)?),
            Disclosed::Gone(gone) => Disclosed::Gone(gone),
        };
        Ok(DeadLetter { summary, rejected })
    }

    /// The entry of a signal.
    pub fn signal_entry(&self, id: &SignalId) -> Result<Option<u64>, StoreError> {
        self.views.read(|views| views.signal(id))
    }

    /// A signal and what of it is personal: nothing where nothing was said.
    pub fn signal_personal(
        &self,
        entry: u64,
    ) -> Result<Option<(Signal, Disclosed<SignalPersonal>)>, StoreError> {
        let Record::Signal(record) = self.record(entry)? else {
            return Ok(None);
        };
        if record.sealed.is_empty() {
            let nothing = Disclosed::Shown(SignalPersonal::default());
            return Ok(Some((record.heard.told, nothing)));
        }
        let kind = RecordKind::Signal;
        let personal = match self.open_section(Place { entry, kind }, &record.sealed)? {
            Disclosed::Shown(bytes) => Disclosed::Shown(decode_personal(entry, &bytes)?),
            Disclosed::Gone(gone) => Disclosed::Gone(gone),
        };
        Ok(Some((record.heard.told, personal)))
    }

    fn open_section(&self, place: Place, sealed: &[u8]) -> Result<Disclosed<Vec<u8>>, StoreError> {
        match self.keys.open_section(place, sealed)? {
            Ok(bytes) => Ok(Disclosed::Shown(bytes)),
            Err(key) => {
                let erasure = self.erasure_of(key)?;
                Ok(Disclosed::Gone(Gone { key, erasure }))
            }
        }
    }

    /// The key that sealed what is personal of an entry; none where nothing is.
    pub fn key_of_entry(&self, entry: u64) -> Result<Option<KeyId>, StoreError> {
        let excerpt = self.excerpt_with(entry)?;
        Ok(excerpt
            .entry(entry)
            .and_then(|found| key_of(found.personal)))
    }

    /// The erasure of a key and its entry.
    pub fn erasure_of(&self, key: KeyId) -> Result<Option<(u64, Erasure)>, StoreError> {
        let entry = self.views.read(|views| views.erased(key))?;
        let Some(entry) = entry else {
            return Ok(None);
        };
        match self.record(entry)? {
            Record::Erasure(erasure) => Ok(Some((entry, *erasure))),
            Record::Result(_)
            | Record::Rejection(_)
            | Record::Registry(_)
            | Record::Command(_)
            | Record::Signal(_)
            | Record::Access(_)
            | Record::Input(_)
            | Record::Effect(_) => Err(StoreError::Record {
                entry,
                reason: "the views name it as an erasure, which it is not".to_owned(),
            }),
        }
    }

    /// All keys of the person whose key this is, this one included; none where it is gone. More of them come
    /// with what the person is heard to say later.
    pub fn keys_of_same_person(&self, key: KeyId) -> Vec<KeyId> {
        self.keys.of_same_person(key)
    }

    /// For how long what is personal is kept.
    pub fn retention(&self) -> &RetentionPolicy {
        &self.retention
    }

    /// How many keys of personal sections there are, by kind, year and month.
    pub fn key_counts(&self) -> KeyCounts {
        self.keys.counts()
    }

    /// Destroys keys whose erasure stands in the ledger and was interrupted. The views must have caught up.
    pub(crate) fn settle_erasures(&self) -> Result<(), StoreError> {
        let erased = self.views.read(Views::all_erased)?;
        for key in erased.into_iter().filter(|key| self.keys.holds(*key)) {
            if let Some((_, erasure)) = self.erasure_of(key)? {
                self.keys.enforce(&erasure)?;
            }
        }
        Ok(())
    }

    /// Erasures of which this ledger, an older copy, does not know. Those that it knows must be settled.
    pub(crate) fn erasures_to_repeat(&self) -> Vec<Erasure> {
        self.keys.to_repeat()
    }
}
