//! The pack of a grade: what was concluded, others beside it, the results that it rests on, the
//! draws that these name.

use super::{PackError, Packer, Reach, Told};
use crate::dto::pack::{AboutDto, ComparableDto, Role, StatementDto};
use crate::dto::{AssessmentDto, Names};
use risk_domain::subject::Subject;

impl Packer<'_> {
    pub(super) fn assessment(
        &self,
        subject: &Subject,
        reach: &mut Reach,
    ) -> Result<Option<Told>, PackError> {
        let Some(at) = self.reader.recorded_below(subject, reach.size)? else {
            return Ok(None);
        };
        let Some(assessment) = self.reader.assessment_at(at)? else {
            return Ok(None);
        };
        reach.party = Some(subject.clone());
        let found = self.of_subject((subject, None), at, reach)?;
        let mut conclusion = self.entry(Role::Conclusion, at, reach)?;
        // The statement says it for people.
        conclusion.shows.clear();
        let mut entries = vec![conclusion];
        let others = self.comparables(&assessment, at)?;
        for (entry, _) in &others {
            let mut other = self.entry(Role::Comparable, *entry, reach)?;
            other.shows.clear();
            entries.push(other);
        }
        let compared = others.iter();
        let redacted = reach.redacted;
        let compared = compared.map(|of| ComparableDto::new(&assessment, of, redacted));
        let mut documents = Vec::new();
        for draw in &found.draws {
            let steps = self.reader.plan_steps(draw, reach.size)?;
            documents.extend(self.record_of(draw, &steps)?);
            let steps = steps.iter().map(|(entry, _)| *entry);
            entries.extend(self.entries(Role::Draw, steps, reach)?);
        }
        entries.extend(found.entries);
        let counted = assessment.evidence.values();
        let counted = counted.map(|count| i64::from(count.results));
        let as_of = self.engine.end_of(assessment.epoch);
        // Public names are told by the results, which are proved; this one would be today's.
        let statement = AssessmentDto::new(&assessment, Names::default(), as_of, false);
        Ok(Some(Told {
            about: AboutDto::Assessment {
                subject: subject.to_string(),
                entry: at,
            },
            statement: StatementDto::Assessment(Box::new(statement)),
            counterfactual: assessment.margin().map(Into::into),
            comparables: compared.collect(),
            entries,
            more_results: found.more,
            counted_results: Some(counted.sum()),
            documents,
        }))
    }
}
