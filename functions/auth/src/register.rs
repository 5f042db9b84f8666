//! `POST /register`.

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use domain::id::UserId;
use domain::input::Fields;
use domain::time::Moment;
use domain::user::{Email, Password, User, UserName};
use edge::address::Address;
use edge::views::UserView;
use edge::{Answer, Code, JsonFields, Problem};
use http::StatusCode;
use http::header::LOCATION;
use store::CreateUserError;
use utoipa::ToSchema;

use crate::App;
use crate::password::Chosen;

/// What a registration sends.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Registration)]
#[allow(dead_code, reason = "it describes the body; the handler reads it member by member")]
pub(crate) struct Body {
    /// 1 to 100 characters; also read as `userName`. The first to take a name may log in with it.
    #[schema(
        example = "Ada",
        min_length = 1,
        max_length = 100,
        pattern = r"^[^\x00-\x1f\x7f-\x9f]*[^\s\x00-\x1f\x7f-\x9f][^\x00-\x1f\x7f-\x9f]*$"
    )]
    name: String,
    /// At most 150 characters; also read as `emailId`. One account an address, in any case of its letters.
    #[schema(
        example = "ada@example.com",
        max_length = 150,
        pattern = r"^[A-Za-z0-9!#$%&'*+/=?^_`{|}~.-]{1,64}@[A-Za-z0-9][A-Za-z0-9-]*(\.[A-Za-z0-9][A-Za-z0-9-]*)*$"
    )]
    email: String,
    /// 8 to 128 characters that are hard to guess.
    #[schema(example = "correct horse battery", min_length = 8, max_length = 128)]
    password: String,
}

/// Creates an account.
///
/// Also answers at `/users/register`. A 409 tells that an address is registered: who sends none of their own may
/// learn so whether somebody has an account here, as often as the limit allows.
#[utoipa::path(
    post,
    path = "/register",
    tag = "accounts",
    request_body = Body,
    responses(
        (status = 201, description = "The new user", body = UserView),
        (status = 409, description = "The address is registered already", body = edge::problem::Document,
            content_type = "application/problem+json"),
    )
)]
pub(crate) async fn register(
    State(app): State<App>,
    address: Address,
    JsonFields { fields, .. }: JsonFields,
) -> Answer<Response> {
    let now = app.ambient().now();
    let standing = app.config.register_limit().count(app.store(), address.as_str(), now).await?;
    let (standing, user) = standing.beside(app.register(fields, now).await)?;
    Ok((StatusCode::CREATED, standing, [(LOCATION, "/profile")], Json(user)).into_response())
}

impl App {
    async fn register(&self, mut fields: Fields, now: Moment) -> Answer<UserView> {
        let name = fields.required(&["name", "userName"], UserName::parse);
        let email = fields.required(&["email", "emailId"], Email::parse);
        let password = fields.required(&["password"], Password::parse);
        fields.finish()?;
        let (Some(name), Some(email), Some(password)) = (name, email, password) else {
            return Err(Problem::invalid(Vec::new()));
        };
        let known = vec![name.as_str().to_owned(), email.as_str().to_owned()];
        let password_hash = match self.hasher.choose(password, known, self.ambient().entropy()).await? {
            Chosen::Hash(hash) => hash,
            Chosen::TooWeak(reason) => return Err(Problem::at("/password", reason)),
        };
        let user = User {
            id: UserId::fresh(now, self.ambient().entropy()),
            name: name.as_str().to_owned(),
            email: email.as_str().to_owned(),
            password_hash,
            role: self.config.role(&email),
            signing: None,
            tokens_valid_after: None,
            keys_valid_after: None,
            logged_out_at: None,
            deleted_at: None,
            created_at: now,
            version: 1,
        };
        match self.store().create_user(&user, &email, &name).await {
            Ok(()) => {}
            Err(CreateUserError::EmailTaken) => {
                return Err(Problem::at_with(Code::Conflict, "/email", "is registered already"));
            }
            Err(CreateUserError::Store(failure)) => return Err(failure.into()),
        }
        tracing::info!(user = %user.id, "registered");
        Ok(UserView::from(&user))
    }
}
