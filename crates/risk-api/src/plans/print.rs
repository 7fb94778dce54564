//! A plan on paper: the list for those who carry it, with boxes to tick.

use super::export::{HEADINGS, PRINTED, TICKED, cells};
use super::{PLAN, list_of, shown};
use crate::document::{Block, Column, Document, Lang, Table};
use crate::dto::{PlanDto, ProblemDto};
use crate::error::ApiError;
use crate::etag::tagged;
use crate::identity::Identity;
use crate::params::Id;
use crate::request::RequestId;
use crate::state::{ApiParts, ApiState};
use crate::typeset;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use risk_domain::time::Day;
use risk_store::{PlanShelf, StoreError};

/// Widths of the printed columns.
const WIDTHS: [u16; PRINTED.len()] = [2, 4, 7, 6, 4, 5, 8, 3, 3, 5, 9];

/// Every plan on a shelf that can be read.
pub(crate) fn all_on(shelf: &PlanShelf) -> Result<Vec<PlanDto>, StoreError> {
    let mut plans = Vec::new();
    for id in shelf.list()? {
        let bytes = shelf.get(&id, PLAN)?;
        plans.extend(bytes.and_then(|bytes| serde_json::from_slice(&bytes).ok()));
    }
    Ok(plans)
}

fn document(plan: PlanDto) -> Result<Document, ApiError> {
    let day = plan.day.parse::<Day>();
    let title = format!("抽样计划 {}", plan.day);
    let subtitle = plan.plan_id.clone();
    let footer = format!(
        "计划政策 {}；名单承诺值 {}。抽样前不得泄露。",
        plan.policy_version, plan.commitment.pool_sha256
    );
    let list = list_of(plan)?;
    let mut columns = vec![Column::text("完成", 2)];
    let printed = PRINTED.into_iter().zip(WIDTHS);
    columns.extend(printed.map(|(at, width)| Column::text(HEADINGS[at], width)));
    columns.push(Column::text("结论", 6));
    let rows = (1..).zip(&list.lines).map(|(number, line)| {
        let cells = cells(number, line);
        let mut row = vec!["☐".into()];
        row.extend(PRINTED.into_iter().map(|at| cells[at].as_str().into()));
        row.push(TICKED.into());
        row
    });
    let table = Table {
        name: "名单".to_owned(),
        columns,
        rows: rows.collect(),
    };
    Ok(Document {
        lang: Lang::Zh,
        title,
        subtitle,
        footer,
        day: day.unwrap_or(Day::new(0)),
        landscape: true,
        one_page: false,
        blocks: vec![
            Block::Table(table),
            Block::Signature(vec![
                "抽样人员：　　　　　　　　　　日期：　　　　　　".to_owned(),
            ]),
        ],
    })
}

/// The list of a plan to print (PDF), with boxes to tick.
#[utoipa::path(get, path = "/v1/plans/{id}/lines.pdf", tag = "plans",
    params(("id" = String, Path, description = "the plan")),
    responses(
        (status = 200, description = "The list", body = Vec<u8>, content_type = "application/pdf"),
        (status = 304, description = "As the client has it"),
        (status = 404, description = "There is no such plan", body = ProblemDto, content_type = "application/problem+json"),
        (status = 409, description = "The plan waits for its beacon", body = ProblemDto, content_type = "application/problem+json"),
        (status = 501, description = "The program was built without the fonts of a PDF", body = ProblemDto, content_type = "application/problem+json")))]
pub(crate) async fn pdf(
    State(state): State<ApiState>,
    identity: Identity,
    RequestId(request): RequestId,
    Id(id): Id,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let plan = shown(&state, &identity, &request, id).await?;
    let read = move |_: &ApiParts| {
        let document = document(plan)?;
        Ok(tagged(&headers, typeset::PDF, typeset::pdf(&document)?))
    };
    state.read(read).await
}
