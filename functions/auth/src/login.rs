//! `POST /login`.

use axum::Json;
use axum::extract::State;
use domain::id::UserId;
use domain::input::Fields;
use domain::time::Moment;
use domain::user::{User, digest};
use edge::address::Address;
use edge::rate::Standing;
use edge::{Answer, Code, JsonFields, Problem};
use http::HeaderValue;
use http::header::WWW_AUTHENTICATE;
use utoipa::ToSchema;

use crate::App;
use crate::session::View;

/// The longest text that could be somebody's name or address; a longer one is not looked up.
const LONGEST: usize = 1_024;

/// What a login sends.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Credentials, rename_all = "camelCase")]
#[allow(dead_code, reason = "it describes the body; the handler reads it member by member")]
pub(crate) struct Body {
    /// The address; also read as `emailId`.
    #[schema(required = false, example = "ada@example.com", max_length = 256)]
    email: Option<String>,
    /// Or the name, if this user was the first to take it; also read as `name`.
    #[schema(required = false, max_length = 256)]
    user_name: Option<String>,
    /// The password.
    #[schema(example = "correct horse battery")]
    password: String,
}

/// By what an account is looked up.
enum Account {
    Email(String),
    Name(String),
}

/// Opens a session.
///
/// Also answers at `/users/login`. An account that does not exist and a wrong password cost and answer the same.
#[utoipa::path(
    post,
    path = "/login",
    tag = "accounts",
    request_body = Body,
    responses(
        (status = 200, description = "A token and its user", body = View),
        (status = 401, description = "The account or the password is wrong", body = edge::problem::Document,
            content_type = "application/problem+json"),
    )
)]
pub(crate) async fn login(
    State(app): State<App>,
    address: Address,
    JsonFields { fields, .. }: JsonFields,
) -> Answer<(Standing, Json<View>)> {
    let now = app.ambient().now();
    let standing = app.config.login_limit().count(app.store(), address.as_str(), now).await?;
    standing.beside(app.log_in(fields, now).await.map(Json))
}

impl App {
    async fn log_in(&self, mut fields: Fields, now: Moment) -> Answer<View> {
        let account = account(&mut fields);
        let password =
            fields.required(&["password"], |text| Ok::<_, std::convert::Infallible>(text.to_owned()));
        fields.finish()?;
        let (Some(account), Some(password)) = (account, password) else {
            return Err(Problem::invalid(Vec::new()));
        };
        let user = find(self, &account, now).await?;
        let subject = account.subject(user.as_ref());
        let proved = self.prove(self.config.failure_limit(), &subject, user, password).await?;
        let user = proved.ok_or_else(wrong)?;
        let session = View::open(self, &*self.sessions.secrets().await?, &user)?;
        tracing::info!(user = %user.id, "logged in");
        Ok(session)
    }
}

impl Account {
    /// What failures are counted by: the address of the account, by whichever of its names it was called. If
    /// there is none, what was given.
    fn subject(self, found: Option<&User>) -> String {
        let (Self::Email(given) | Self::Name(given)) = self;
        found.map_or(given, |user| digest(user.email.trim()))
    }
}

fn account(fields: &mut Fields) -> Option<Account> {
    let email = fields.text(&["email", "emailId"]);
    let name = fields.text(&["userName", "name"]);
    let given = |text: &String| !text.trim().is_empty() && text.len() <= LONGEST;
    match (email.filter(given), name.filter(given)) {
        (Some(_), Some(_)) => {
            fields.fault("/userName", "log in with email or with userName, not with both");
            None
        }
        // Some clients have one field for both.
        (Some(text), None) if !text.contains('@') => Some(Account::Name(digest(text.trim()))),
        (Some(text), None) => Some(Account::Email(digest(text.trim()))),
        (None, Some(text)) => Some(Account::Name(digest(text.trim()))),
        (None, None) => {
            fields.fault("/email", "is required, or userName in its place");
            None
        }
    }
}

async fn find(app: &App, account: &Account, now: Moment) -> Answer<Option<User>> {
    let found = match account {
        Account::Email(digest) => app.store().user_by_email(digest).await?,
        Account::Name(digest) => app.store().user_by_name(digest).await?,
    };
    if found.is_none() {
        // A known account is two reads: its lock, then its record. An unknown one shall take as long.
        app.store().user(UserId::fresh(now, app.ambient().entropy())).await?;
    }
    Ok(found)
}

fn wrong() -> Problem {
    Problem::new(Code::Unauthorized, "email or password is wrong")
        .with_header(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"nightjar\""))
}
