//! The pack of a case: what changed in it, what officers decided, and the results behind it.

use super::{About, MAX_MOVES, PackError, Packer, Told, answer, printed, request};
use crate::dto::ProblemDto;
use crate::dto::pack::{AboutDto, Role, StatementDto};
use crate::error::ApiError;
use crate::identity::STAFF;
use crate::params::{Id, Params};
use crate::router::{Operation, read};
use crate::state::{ApiParts, ApiState};
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use axum::routing::get;
use risk_domain::ids::{CaseId, CommandId, InspectionId};
use risk_domain::inspection::InspectionResult;
use risk_engine::CaseMove;
use risk_engine::case::Cause;
use risk_store::Record;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// Entries looked at for a command: it stands shortly before what it changed.
const COMMAND_WITHIN: usize = 5_000;

pub(crate) const OF_CASE: Operation = read(
    "/v1/cases/{id}/pack",
    STAFF,
    &["size", "redacted", "format"],
    || get(of_case),
);

/// What the moves of a case name: results, and commands with the entry of the move that they brought about.
fn named(moves: &[(u64, CaseMove)]) -> (BTreeSet<InspectionId>, BTreeMap<CommandId, u64>) {
    let (mut results, mut commands) = (BTreeSet::new(), BTreeMap::new());
    for (entry, moved) in moves {
        results.insert(moved.case.opened_by.clone());
        for event in &moved.case.events {
            match &event.cause {
                Cause::Result(id) => {
                    results.insert(id.clone());
                }
                Cause::Command(id) => {
                    commands.entry(id.clone()).or_insert(*entry);
                }
                Cause::Term(_) | Cause::Signal(_) => {}
            }
        }
    }
    (results, commands)
}

impl Packer<'_> {
    pub(super) fn case(
        &self,
        id: &CaseId,
        size: u64,
        redacted: bool,
    ) -> Result<Option<Told>, PackError> {
        let moves = self.reader.case_moves(id, MAX_MOVES)?;
        let moves: Vec<_> = moves.into_iter().filter(|(at, _)| *at < size).collect();
        let Some((_, first)) = moves.first() else {
            return Ok(None);
        };
        let subject = first.case.key.subject();
        let (behind, commands) = named(&moves);
        let named = |result: &InspectionResult| behind.contains(&result.inspection_id);
        let (results, more_results) = self.results(&subject, size, &named)?;
        let mut entries = Vec::new();
        for (at, _) in &moves {
            entries.push(self.entry(Role::Conclusion, *at, size, redacted)?);
        }
        let shown = entries
            .iter()
            .filter_map(|entry| entry.shows.get("decision"));
        let statement: Vec<Value> = shown.cloned().collect();
        let mut decided = BTreeSet::new();
        for (command, below) in &commands {
            let is_it = |record: &Record| match record {
                Record::Command(record) => record.told.command_id == *command,
                Record::Result(_)
                | Record::Registry(_)
                | Record::Rejection(_)
                | Record::Signal(_)
                | Record::Access(_)
                | Record::Input(_)
                | Record::Effect(_) => false,
            };
            let found = self.reader.deeds(&is_it, 1, COMMAND_WITHIN, Some(*below))?;
            decided.extend(found.items.into_iter().map(|(entry, _)| entry));
        }
        for at in decided {
            entries.push(self.entry(Role::Decision, at, size, redacted)?);
        }
        for result in results {
            entries.push(self.entry(Role::Result, result, size, redacted)?);
        }
        Ok(Some(Told {
            about: AboutDto::Case {
                case: id.to_string(),
                subject: subject.to_string(),
            },
            statement: StatementDto::Case(statement),
            entries,
            more_results,
        }))
    }
}

/// The evidence pack of a case: everything that changed in it, what officers decided, the results behind it,
/// and proofs.
#[utoipa::path(get, path = "/v1/cases/{id}/pack", tag = "evidence",
    params(
        ("id" = String, Path, description = "the case"),
        ("size" = Option<u64>, Query, description = "of the ledger's first so many entries; the same size gives the same JSON"),
        ("redacted" = Option<bool>, Query, description = "for other parties: names that stand in results are withheld"),
        ("format" = Option<String>, Query, description = "zip (the default), or pdf: the page of the archive, printed")),
    responses(
        (status = 200, description = "The archive", content((Vec<u8> = "application/zip"), (Vec<u8> = "application/pdf"))),
        (status = 304, description = "As the client has it"),
        (status = 400, description = "A parameter is not valid", body = ProblemDto, content_type = "application/problem+json"),
        (status = 404, description = "There is no such case", body = ProblemDto, content_type = "application/problem+json"),
        (status = 501, description = "The program was built without the fonts of a PDF", body = ProblemDto, content_type = "application/problem+json")))]
pub(crate) async fn of_case(
    State(state): State<ApiState>,
    Id(id): Id,
    params: Params,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let none = || ApiError::NotFound(format!("no case {id} is recorded"));
    let case = CaseId::new(&id).map_err(|_| none())?;
    let wanted = request(About::Case(case), &params)?;
    let printed = printed(&params)?;
    let read = move |parts: &ApiParts| answer(parts, &headers, &wanted, printed);
    state.read(read).await
}
