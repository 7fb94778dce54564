//! Who asks, as it is shown to them.

use serde::Serialize;
use utoipa::ToSchema;

/// Who you are here（当前身份）.
#[derive(Debug, Serialize, ToSchema)]
pub struct SessionDto {
    /// The name under which what you write is recorded. Absent in the demo, where nobody is asked.
    pub actor: Option<String>,
    /// Your roles.
    pub roles: Vec<String>,
    /// Zones to which you are confined; absent where you see the whole city.
    pub zones: Option<Vec<String>>,
    /// By what you are known: `demo`, `token` or `session`.
    pub means: String,
    /// Of a session: what its writes must send as `X-CSRF-Token`.
    pub csrf_token: Option<String>,
    /// Of a session: when it ends at the latest, RFC 3339. It ends sooner when it is not used.
    pub ends_at: Option<String>,
}

/// By what somebody can be known here（登录方式）.
#[derive(Debug, Serialize, ToSchema)]
pub struct WaysDto {
    /// Nobody is asked: the demo, on loopback.
    pub demo: bool,
    /// People sign in at a provider, by `/auth/login`.
    pub provider: bool,
    /// An API token is taken.
    pub token: bool,
}

/// A session that has not ended（会话）.
#[derive(Debug, Serialize, ToSchema)]
pub struct OpenSessionDto {
    /// Names it; it opens nothing.
    pub id: String,
    /// Whose it is.
    pub actor: String,
    /// When the person signed in, RFC 3339.
    pub began_at: String,
    /// When it was last used, RFC 3339.
    pub used_at: String,
    /// When it ends unless it is used, RFC 3339.
    pub ends_at: String,
    /// It is the one by which you ask.
    pub current: bool,
}

/// Sessions that were ended.
#[derive(Debug, Serialize, ToSchema)]
pub struct EndedDto {
    /// Which.
    pub ended: Vec<String>,
}
